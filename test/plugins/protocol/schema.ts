import { isDeepStrictEqual } from "node:util";
import type { Difference, Failure } from "./plugin";
import { hasUnknown, unknown, type Properties } from "./values";

/** One property of a resource, in the terms of the Terraform schema that the official plugin is bridged from. */
export interface Property {
  /** "set": a list whose order means nothing. */
  type: "string" | "integer" | "boolean" | "list" | "set";
  required?: boolean;
  /** What stands for a property that the program leaves out. */
  default?: string | number | boolean;
  /** Left to the server when the program leaves it out. */
  computed?: boolean;
  /** Can't be changed in place ("ForceNew"). */
  replaces?: boolean;
  /** The only values there are. */
  allowed?: readonly string[];
  minimum?: number;
}

export interface Schema {
  properties: Record<string, Property>;
  /** Properties that the official plugin has, and the stand-in has not. */
  notOffered?: readonly string[];
  deleteBeforeReplace?: boolean;
  /** Rules over several properties; asked only when all of them are known. */
  rules?(values: Properties): Failure[];
}

/** Everything that is wrong with the inputs of a resource. */
export function checkInputs(schema: Schema, news: Properties): Failure[] {
  const strange = Object.keys(news)
    .filter((key) => schema.properties[key] === undefined)
    .map((key) => ({
      property: key,
      reason: schema.notOffered?.includes(key)
        ? "the stand-in does not offer this property; leave it out, or install the official plugin"
        : `there is no such property; there are ${Object.keys(schema.properties).join(", ")}`,
    }));
  const wrong = Object.entries(schema.properties).flatMap(([key, property]) => {
    const reason = whyWrong(property, news[key]);
    return reason === undefined ? [] : [{ property: key, reason }];
  });
  const failures = [...strange, ...wrong];
  if (failures.length > 0 || hasUnknown(news)) return failures;
  return schema.rules?.(complete(schema, news)) ?? [];
}

const nouns: Record<Property["type"], string> = {
  string: "a string",
  integer: "an integer",
  boolean: "true or false",
  list: "a list of strings",
  set: "a list of strings",
};

function whyWrong({ type, required, allowed, minimum }: Property, value: unknown): string | undefined {
  if (value === undefined)
    return required ? `found nothing, expected ${nouns[type]}: this property is required` : undefined;
  if (hasUnknown(value)) return undefined;
  if (!isOf(type, value)) return `found ${JSON.stringify(value)}, expected ${nouns[type]}`;
  if (required && value === "") return `found an empty string, expected ${nouns[type]}: this property is required`;
  if (allowed !== undefined && !allowed.includes(value as string))
    return `found ${JSON.stringify(value)}, expected one of ${allowed.join(", ")}`;
  if (minimum !== undefined && (value as number) < minimum)
    return `found ${JSON.stringify(value)}, expected at least ${minimum}`;
  return undefined;
}

function isOf(type: Property["type"], value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "list" || type === "set") return Array.isArray(value) && value.every((each) => typeof each === "string");
  return typeof value === type;
}

/** The inputs with the defaults of what they leave out. */
export function complete(schema: Schema, news: Properties): Properties {
  const defaults = Object.entries(schema.properties).map(([key, property]) => [key, property.default]);
  return { ...Object.fromEntries(defaults), ...news } as Properties;
}

/**
 * Compares state (or what a refresh found) with the inputs, as Terraform does: what is left out and computed is no
 * difference, and empty is the same as left out. What is not known yet counts as changed.
 */
export function difference(schema: Schema, olds: Properties, news: Properties): Difference {
  const wanted = complete(schema, news);
  const changed = Object.entries(schema.properties)
    .filter(([key, property]) => !(property.computed && news[key] === undefined))
    .filter(([key, { type }]) => hasUnknown(wanted[key]) || !sameValue(type, olds[key], wanted[key]))
    .map(([key]) => key);
  return {
    changed,
    replaces: changed.filter((key) => schema.properties[key]?.replaces),
    deleteBeforeReplace: schema.deleteBeforeReplace ?? false,
  };
}

/** Whether two values of a property mean the same. */
export function sameValue(type: Property["type"], a: unknown, b: unknown): boolean {
  const [left, right] = [a, b].map((value) => {
    if (isEmpty(value)) return undefined;
    return type === "set" && Array.isArray(value) ? (value as string[]).toSorted() : value;
  });
  return isDeepStrictEqual(left, right);
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);

/** What create or update will yield, as far as it is known before. */
export function plan(schema: Schema, news: Properties, olds: Properties | undefined): Properties {
  const wanted = complete(schema, news);
  for (const [key, { computed }] of Object.entries(schema.properties))
    if (computed && wanted[key] === undefined) wanted[key] = olds === undefined ? unknown : olds[key];
  return wanted;
}

/** Inputs for a resource that is imported: what it holds beside defaults and what the server chose. */
export function inputsOf(schema: Schema, outs: Properties): Properties {
  return Object.fromEntries(
    Object.entries(schema.properties)
      .filter(([key, { type, default: usual }]) => !sameValue(type, outs[key], usual))
      .map(([key]) => [key, outs[key]]),
  );
}
