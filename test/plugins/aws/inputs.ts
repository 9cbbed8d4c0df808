import type { Failure } from "../protocol/plugin";
import { hasUnknown, type Properties } from "../protocol/values";
import type { Member, Shape } from "./declarations";
import { membersOf, signature } from "./shapes";

/** The engine's own notes among the inputs, which are no properties. */
export const isNote = (key: string): boolean => key.startsWith("__");

/** What is missing, strange or of another type among the inputs of a resource or function; unknowns pass. */
export function checkInputs(token: string, news: Properties): Failure[] {
  const given = Object.fromEntries(Object.entries(news).filter(([key]) => !isNote(key)));
  return problemsOf(signature(token).inputs, given, "").map(({ path, reason }) => ({ property: path, reason }));
}

interface Problem {
  path: string;
  reason: string;
}

function problemsOf(members: ReadonlyMap<string, Member>, values: Properties, prefix: string): Problem[] {
  const strange = Object.keys(values)
    .filter((key) => !members.has(key))
    .map((key) => ({
      path: prefix + key,
      reason: `there is no such property; there are ${[...members.keys()].join(", ")}`,
    }));
  const wrong = [...members].flatMap(([key, { shape, required }]) => {
    const value = values[key];
    if (value !== undefined && value !== null) return problemsWith(shape, value, prefix + key);
    return required ? [{ path: prefix + key, reason: `found nothing, expected ${named(shape)}: it is required` }] : [];
  });
  return [...strange, ...wrong];
}

function problemsWith(shape: Shape, value: unknown, path: string): Problem[] {
  if (typeof value === "string" && hasUnknown(value)) return [];
  const wrong = [{ path, reason: `found ${short(value)}, expected ${named(shape)}` }];
  switch (shape.kind) {
    case "any":
      return [];
    case "string":
    case "number":
    case "boolean":
      return typeof value === shape.kind ? [] : wrong;
    case "either": {
      const tried = shape.of.map((each) => problemsWith(each, value, path));
      return tried.some(({ length }) => length === 0) ? [] : (tried.find(([first]) => first?.path !== path) ?? wrong);
    }
    case "list":
      if (!Array.isArray(value)) return wrong;
      return value.flatMap((each, index) => problemsWith(shape.of, each, `${path}[${index}]`));
    case "map":
      if (!isObject(value)) return wrong;
      return Object.entries(value).flatMap(([key, each]) => problemsWith(shape.of, each, `${path}.${key}`));
    case "object":
      return isObject(value) ? problemsOf(membersOf(shape), value, `${path}.`) : wrong;
  }
}

const isObject = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const short = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

function named(shape: Shape): string {
  switch (shape.kind) {
    case "list":
      return `a list of ${shape.of.kind === "object" ? shape.of.type : `${shape.of.kind}s`}`;
    case "map":
      return "values by name";
    case "object":
      return shape.type;
    case "either":
      return shape.of.map(named).join(" or ");
    case "any":
      return "a value";
    default:
      return shape.kind === "boolean" ? "true or false" : `a ${shape.kind}`;
  }
}
