import type { PerColour } from "../rollout/types";

/** Where a provider finds the production listener. Plain data: it is an input of the traffic resources. */
export interface LocalTrafficAddress {
  kind: "local";
  adminPort: number;
  /** Secret. */
  token: string;
}
export type TrafficAddress = LocalTrafficAddress;

/** Where the listener is, without what it takes to change it: stack outputs hold no secret. */
export type ListenerPlace = Omit<LocalTrafficAddress, "token">;

/** What of a colour's targets can take requests. */
export interface TargetCount {
  registered: number;
  healthy: number;
  /** Whose process answers, ready or not: one that waits for its database is alive. */
  alive: number;
}

/** A production listener as it is now. */
export interface LiveTraffic {
  /** Percent of new requests that green gets, 0..100. */
  greenWeight: number;
  tags: Readonly<Record<string, string>>;
  targets: PerColour<TargetCount>;
}

/** Of what is left out, nothing is compared; a tag of null stands for "no such tag". */
export interface TrafficExpectation {
  greenWeight?: number;
  tag?: { key: string; value: string | null };
}

export interface TrafficChange {
  greenWeight?: number;
  /** Tags to set; null removes one. */
  tags?: Readonly<Record<string, string | null>>;
}

/** The weights of a production listener, and the tags that fence who may change them. */
export interface Traffic {
  /** undefined: there is no production listener yet. @throws TrafficUnreachable when nothing can be asked. */
  read(): Promise<LiveTraffic | undefined>;
  /**
   * Makes the change if what is expected still holds, and not otherwise.
   * @throws TrafficMoved when it doesn't hold; TrafficUnreachable.
   */
  change(change: TrafficChange, expect?: TrafficExpectation): Promise<void>;
}

/** Somebody else changed the weights or took over the tag. */
export class TrafficMoved extends Error {
  override readonly name = "TrafficMoved";
}

/** Nothing answers where the listener should be; whether a change was made is not known. */
export class TrafficUnreachable extends Error {
  override readonly name = "TrafficUnreachable";
}

/** The traffic at an address; each platform's own part is loaded when it is used. */
export function trafficAt(address: TrafficAddress): Traffic {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used
  const local = require("./local/traffic") as typeof import("./local/traffic");
  return local.localTraffic(address);
}
