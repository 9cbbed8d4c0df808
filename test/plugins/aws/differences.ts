import { isDeepStrictEqual } from "node:util";
import type { Difference } from "../protocol/plugin";
import { hasUnknown, unknown, type Properties } from "../protocol/values";
import type { Definition, Here } from "./definition";
import factsJson from "./facts.json";
import { isNote } from "./inputs";
import { signature } from "./shapes";
import { canonical } from "./values";

/**
 * What the SDK's declarations don't say of a resource. Read from HashiCorp's own provider 5.100.0, by asking it to plan:
 * each input changed, and all optional ones left out; where names differ from Terraform's, by hand.
 */
export interface Facts {
  /** Inputs that can't be changed in place ("ForceNew"). */
  replaces: readonly string[];
  /** What stands for inputs that are left out. */
  defaults: Properties;
  /** Inputs that AWS chooses when they are left out, and keeps. */
  computed: readonly string[];
}

export function factsOf(token: string): Facts {
  const facts = (factsJson as Record<string, Facts | undefined>)[token];
  if (facts === undefined) throw new Error(`facts.json says nothing of ${token}`);
  return facts;
}

/** Inputs that are lists whose order counts; all others are sets in the official plugin, or compared like them. */
const ordered = new Set(["defaultActions", "actions", "orderedPlacementStrategies", "layers", "rules"]);

/** The inputs with the defaults of what they leave out. */
export function complete(token: string, definition: Definition, news: Properties, here: Here): Properties {
  const inputs = Object.fromEntries(Object.entries(news).filter(([key]) => !isNote(key)));
  const { inputs: known, outputs } = signature(token);
  // Policies may be given as objects; AWS has them as text.
  for (const [key, { shape }] of known)
    if (shape.kind === "either" && typeof inputs[key] === "object" && shape.of.some(({ kind }) => kind === "string"))
      inputs[key] = JSON.stringify(inputs[key]);
  const filled = definition.fill?.(inputs) ?? inputs;
  const tagsAll = outputs.has("tagsAll") ? { tagsAll: { ...here.defaultTags, ...(filled["tags"] as object) } } : {};
  const region = known.has("region") ? { region: here.region } : {};
  return { ...region, ...factsOf(token).defaults, ...tagsAll, ...filled };
}

/** Compares state, or what a refresh found, with the inputs. What is not known yet counts as changed. */
export function difference(
  token: string,
  definition: Definition,
  olds: Properties,
  news: Properties,
  here: Here,
): Difference {
  const { replaces, computed } = factsOf(token);
  const wanted = complete(token, definition, news, here);
  const names = [...signature(token).inputs.keys(), ...("tagsAll" in wanted ? ["tagsAll"] : [])];
  const changed = names
    .filter((key) => !(wanted[key] === undefined && computed.includes(key)))
    .filter((key) => hasUnknown(wanted[key]) || !same(key, olds[key], wanted[key]))
    .filter((key) => !definition.suppresses?.(key, olds, wanted));
  const replaced = changed.filter(
    (key) => replaces.includes(key) || key === "region" || definition.replaces?.(key, olds, wanted),
  );
  return { changed, replaces: replaced, deleteBeforeReplace: keepsName(definition, olds, news) };
}

const same = (key: string, left: unknown, right: unknown): boolean => {
  const [a, b] = [left, right].map((value) => canonical(value, ordered.has(key)));
  return isDeepStrictEqual(a, b);
};

/** Two of one name can't be: unless the engine made the name up, the old one has to go first. */
function keepsName({ autoName }: Definition, olds: Properties, news: Properties): boolean {
  if (autoName === undefined) return false;
  const madeUp = Array.isArray(news["__defaults"]) && news["__defaults"].includes(autoName.property);
  const name = news[autoName.property];
  return !madeUp && name !== undefined && name === olds[autoName.property];
}

/** What create or update will yield, as far as it is known before. */
export function plan(
  token: string,
  definition: Definition,
  news: Properties,
  olds: Properties | undefined,
  here: Here,
): Properties {
  const { outputs, inputs } = signature(token);
  const outs = complete(token, definition, news, here);
  const later = [...factsOf(token).computed, ...[...outputs.keys()].filter((key) => !inputs.has(key))];
  for (const key of later) {
    if (outs[key] !== undefined) continue;
    const moves = olds === undefined || definition.moving?.includes(key);
    outs[key] = moves ? unknown : olds[key];
  }
  return outs;
}
