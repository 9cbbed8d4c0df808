import assert from "node:assert/strict";
import { ConfigError, loadConfig, type Config } from "../../infra/config";

export const source = { stack: "local", project: "switchyard" };

export const localRelease = { version: "1.0.0", schema: "0006", entry: "examples/pages/server.ts" };
export const awsRelease = { version: "1.0.0", schema: "0006", image: "registry.example.com/pages:1.0.0" };
export const local = { platform: "local", blue: localRelease };
export const domain = {
  certificate: "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef",
  names: ["pages.example.com"],
};
export const aws = { platform: "aws", blue: awsRelease, domain };

/** Keys and values as the engine hands them over: text as it is, everything structured as JSON. */
export function asRaw(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(values);
  return Object.fromEntries(entries.map(([key, value]) => [`switchyard:${key}`, typeof value === "string" ? value : JSON.stringify(value)])); // prettier-ignore
}

export const load = (values: Readonly<Record<string, unknown>>): Config => loadConfig(asRaw(values), source);

/** The message with which a config is refused. */
export function refusal(raw: Readonly<Record<string, string>>, secretKeys: readonly string[] = []): ConfigError {
  try {
    loadConfig(raw, source, secretKeys);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(raw)}`);
}

/** What the message says about one key: its four parts, by name; undefined when it does not mention the key. */
export function told(values: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const sections = refusal(asRaw(values)).message.split("\n\n").slice(1);
  return sections.find((text) => /^switchyard:(\S+?):?(\s|$)/.exec(text)?.[1] === key);
}

/** Asserts that the message about a key holds each of these, and that nothing is said of any other key. */
export function refuses(
  values: Readonly<Record<string, unknown>>,
  key: string,
  ...expected: (string | RegExp)[]
): void {
  const text = told(values, key);
  assert.ok(text !== undefined, refusal(asRaw(values)).message);
  for (const part of expected)
    assert.ok(typeof part === "string" ? text.includes(part) : part.test(text), `${String(part)} is not in:\n${text}`);
  assert.equal(refusal(asRaw(values)).keys.length, 1, refusal(asRaw(values)).message);
}
