import { z } from "zod";

/** What messages and docs/config.md say about a key. Every key of the schema has one; a unit test asks for it. */
export interface KeyInfo {
  /** What the key does, in one sentence. */
  readonly meaning: string;
  /** The kind of value, as the docs' "type" column names it. */
  readonly type: string;
  /** What is allowed, completing "allowed: …". */
  readonly allowed: string;
  /** A value that is accepted, for the command that mends; none for objects and lists. */
  readonly example?: string;
  /** Of a list: what each value is, and values that together are accepted. */
  readonly items?: { readonly type: "text" | "integer"; readonly examples: readonly string[] };
  /** The default, where the schema can't hold it because it depends on the platform or on what is free. */
  readonly unset?: string;
  /** Writes a default the way a user would, where that differs from the value. */
  readonly format?: (value: never) => string;
}

/** Where schemas keep their {@link KeyInfo}. */
export const keyInfo = z.registry<KeyInfo>();

/** An object of known keys, and no others. */
export function section<S extends z.ZodRawShape>(shape: S, meaning: string) {
  const allowed = `an object with the keys ${Object.keys(shape).join(", ")}`;
  return z.strictObject(shape).register(keyInfo, { meaning, type: "object", allowed });
}

/** What zod wraps around a key: `optional`, `default`, `prefault`. */
export interface Unwrapped {
  readonly core: z.core.$ZodType;
  /** Must the key be given? */
  readonly required: boolean;
  /** The default that the schema itself holds. */
  readonly fallback?: unknown;
}

/** Takes `optional`, `default` and `prefault` off a schema. */
export function unwrap(schema: z.core.$ZodType): Unwrapped {
  if (schema instanceof z.ZodOptional) return { ...unwrap(schema.def.innerType), required: false };
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return { ...unwrap(schema.def.innerType), required: false, fallback: schema.def.defaultValue };
  }
  return { core: schema, required: true };
}

/** The keys directly below a schema that is an object of known keys, in declared order; undefined for any other schema. */
export function childrenOf(schema: z.core.$ZodType): Record<string, z.core.$ZodType> | undefined {
  const { core } = unwrap(schema);
  return core instanceof z.ZodObject ? core.shape : undefined;
}

/** The schema at a path; undefined where the schema knows no such key. */
export function schemaAt(root: z.core.$ZodType, path: readonly string[]): z.core.$ZodType | undefined {
  return path.reduce<z.core.$ZodType | undefined>((at, name) => {
    const children = at === undefined ? undefined : childrenOf(at);
    return children !== undefined && Object.hasOwn(children, name) ? children[name] : undefined;
  }, root);
}

/**
 * The {@link KeyInfo} of a schema, whatever is wrapped around it.
 * @throws Error when it was declared without one: a mistake in this program, never in a user's config.
 */
export function infoOf(schema: z.core.$ZodType): KeyInfo {
  const info = keyInfo.get(unwrap(schema).core);
  if (info === undefined) throw new Error("a key of the config schema was declared without saying what it means");
  return info;
}

/** A key of the schema as the docs list it. */
export interface DescribedKey {
  readonly path: readonly string[];
  readonly info: KeyInfo;
  /** "required", the default as a user would write it, or what happens when the key is left out. */
  readonly fallback: string;
}

/** Every key below a schema, objects of known keys before what is in them. */
export function describeKeys(schema: z.core.$ZodType, path: readonly string[] = []): DescribedKey[] {
  return Object.entries(childrenOf(schema) ?? {}).flatMap(([name, child]) => {
    const here = [...path, name];
    return [{ path: here, info: infoOf(child), fallback: describeFallback(child) }, ...describeKeys(child, here)];
  });
}

function describeFallback(schema: z.core.$ZodType): string {
  const { required, fallback } = unwrap(schema);
  const { unset, format } = infoOf(schema);
  if (unset !== undefined) return unset;
  if (required) return "required";
  if (fallback === undefined || childrenOf(schema) !== undefined) return "none";
  if (format !== undefined) return format(fallback as never);
  return typeof fallback === "string" ? fallback : JSON.stringify(fallback);
}
