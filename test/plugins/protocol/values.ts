import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";

/** Properties as the program gives them: plain JSON values. */
export type Properties = Record<string, unknown>;

/** How the engine writes a value that is not known yet: one constant a kind of value. */
const unknowns: readonly unknown[] = [
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];

export const unknown = unknowns[0] as string;

/** Whether `value` is, or holds anywhere, something that is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (unknowns.includes(value)) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasUnknown);
}

const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** Marks a value as secret, in the way that engine and SDK do. */
export const secret = (value: unknown): Properties => ({ [signature]: secretSignature, value });

const isSecret = (value: object): value is { value: unknown } =>
  (value as Record<string, unknown>)[signature] === secretSignature;

/** `value` without its marks of secrecy, and whether it bore any. */
export function reveal(value: unknown): { plain: unknown; secret: boolean } {
  if (typeof value !== "object" || value === null) return { plain: value, secret: false };
  if (isSecret(value)) return { plain: reveal(value.value).plain, secret: true };
  if (Array.isArray(value)) {
    const items = value.map(reveal);
    return { plain: items.map(({ plain }) => plain), secret: items.some((item) => item.secret) };
  }
  const entries = Object.entries(value).map(([key, each]) => [key, reveal(each)] as const);
  return {
    plain: Object.fromEntries(entries.map(([key, { plain }]) => [key, plain])),
    secret: entries.some(([, each]) => each.secret),
  };
}

/** A message's properties in plain, with the names of those that hold a secret. */
export function fromStruct(struct: Struct | undefined): { plain: Properties; secrets: Set<string> } {
  const plain: Properties = {};
  const secrets = new Set<string>();
  for (const [key, value] of Object.entries(struct?.toJavaScript() ?? {})) {
    const revealed = reveal(value);
    // The engine writes a property that was left out as null, at times.
    if (revealed.plain === null) continue;
    plain[key] = revealed.plain;
    if (revealed.secret) secrets.add(key);
  }
  return { plain, secrets };
}

/** Properties for a message; those named in `secrets` are marked. What is undefined is left out. */
export function toStruct(properties: Properties, secrets: ReadonlySet<string> = new Set()): Struct {
  const marked = Object.entries(properties)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, secrets.has(key) ? secret(value) : value]);
  return Struct.fromJavaScript(Object.fromEntries(marked) as Record<string, JavaScriptValue>);
}
