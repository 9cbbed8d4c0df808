import type { Failure } from "../protocol/plugin";
import { hasUnknown, type Properties } from "../protocol/values";
import { valuesAt } from "./values";

/** Ranges that the official plugin checks before it asks AWS. Each finds nothing wrong with what is not known yet. */
export const between = (inputs: Properties, path: string, minimum: number, maximum: number): Failure[] =>
  valuesAt(inputs, path)
    .filter((value) => !hasUnknown(value))
    .filter((value) => !Number.isInteger(value) || Number(value) < minimum || Number(value) > maximum)
    .map((value) => ({
      property: path,
      reason: `found ${JSON.stringify(value)}, expected an integer from ${minimum} to ${maximum}`,
    }));

export const longest = (inputs: Properties, property: string, maximum: number, form = /^[\w.:/-]*$/): Failure[] => {
  const value = inputs[property];
  if (typeof value !== "string" || hasUnknown(value)) return [];
  if (value.length > maximum)
    return [{ property, reason: `found ${value} of ${value.length} characters, expected at most ${maximum}` }];
  return form.test(value) ? [] : [{ property, reason: `found ${value}, expected to match ${form.source}` }];
};

export const oneOf = (inputs: Properties, path: string, allowed: readonly unknown[]): Failure[] =>
  valuesAt(inputs, path)
    .filter((value) => !hasUnknown(value) && !allowed.includes(value))
    .map((value) => ({
      property: path,
      reason: `found ${JSON.stringify(value)}, expected one of ${allowed.map((each) => JSON.stringify(each)).join(", ")}`,
    }));
