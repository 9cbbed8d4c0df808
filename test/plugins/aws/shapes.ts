import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { textOf, TypeReader, type Member, type Shape } from "./declarations";

/** What a resource takes and has, or a function takes and gives. */
export interface Signature {
  inputs: ReadonlyMap<string, Member>;
  /** Inputs too, for most resources. */
  outputs: ReadonlyMap<string, Member>;
}

/*
 * The signatures of resources and functions, read from the declarations of the SDK itself when they are first asked for:
 * the very names and types that the official plugin's schema has, and always those of the version that is installed.
 */
const sdk = dirname(require.resolve("@pulumi/aws/package.json"));
const read = new Map<string, Signature>();
let types: TypeReader | undefined;

/**
 * @param token such as "aws:lb/targetGroup:TargetGroup" or "aws:index/getRegion:getRegion"
 * @throws {Error} when the SDK has no such resource or function
 */
export function signature(token: string): Signature {
  const known = read.get(token);
  if (known !== undefined) return known;
  const [, module = "", path = "", name = ""] = /^aws:(?:index|([\w]+))\/(\w+):(\w+)$/.exec(token) ?? [];
  const file = join(sdk, module, `${path}.d.ts`);
  types ??= new TypeReader(readFileSync(join(sdk, "types", "input.d.ts"), "utf8"));
  const reader = types;
  const source = textOf(name === "" ? undefined : file, token);
  const isFunction = name.startsWith("get");
  const className = isFunction ? `G${name.slice(1)}` : name;
  const members = (type: string) => reader.interfaceIn(source, type);
  const signature: Signature = {
    inputs: members(`${className}Args`) ?? new Map<string, Member>(),
    outputs: members(`${className}${isFunction ? "Result" : "State"}`) ?? new Map<string, Member>(),
  };
  read.set(token, signature);
  return signature;
}

/** The members of a nested object's type. */
export function membersOf(shape: Extract<Shape, { kind: "object" }>): ReadonlyMap<string, Member> {
  const members = types?.nested(shape.type);
  if (members === undefined) throw new Error(`the SDK's declarations have no type ${shape.type}`);
  return members;
}

/** What the provider itself takes. */
export function configKeys(): ReadonlyMap<string, Member> {
  const known = read.get("provider");
  if (known !== undefined) return known.inputs;
  types ??= new TypeReader(readFileSync(join(sdk, "types", "input.d.ts"), "utf8"));
  const inputs = types.interfaceIn(readFileSync(join(sdk, "provider.d.ts"), "utf8"), "ProviderArgs");
  read.set("provider", { inputs: inputs ?? new Map<string, Member>(), outputs: new Map() });
  return inputs ?? new Map<string, Member>();
}
