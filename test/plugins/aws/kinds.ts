import type { Kind } from "../protocol/plugin";
import type { Definition } from "./definition";
import { kind, type Place } from "./kind";
import { balancer } from "./resources/balancer";
import { containers } from "./resources/containers";
import { database } from "./resources/database";
import { identity } from "./resources/identity";
import { messages } from "./resources/messages";
import { domainNames } from "./resources/names";
import { network } from "./resources/network";
import { secrets } from "./resources/secrets";
import { storage } from "./resources/storage";
import { watching } from "./resources/watching";

/** Every type of resource that the stand-in has. One more: a line in its file, and one in facts.json. */
export const definitions: Readonly<Record<string, Definition>> = {
  ...network,
  ...identity,
  ...secrets,
  ...watching,
  ...storage,
  ...messages,
  ...database,
  ...balancer,
  ...containers,
  ...domainNames,
};

export const kinds = (place: () => Place): Record<string, Kind> =>
  Object.fromEntries(Object.entries(definitions).map(([token, definition]) => [token, kind(place, token, definition)]));
