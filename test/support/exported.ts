import assert from "node:assert/strict";
import { Client } from "pg";
import { BalancerClient } from "../../infra/platform/local/balancer/client";
import type { Clone } from "./stack";

export interface Exported {
  deployment: { resources: { type: string; outputs?: Record<string, unknown> }[] };
}

/** The state with its secrets uncovered. */
export async function exportSecrets(clone: Clone): Promise<Exported> {
  return JSON.parse(await clone.must("stack", "export", "--show-secrets")) as Exported;
}

/** Every value in state that is a password or a token, in plain. */
export function passwordsIn(exported: Exported): string[] {
  const found = new Set<string>();
  for (const { outputs = {} } of exported.deployment.resources)
    for (const [key, value] of Object.entries(outputs))
      if (/password|token/i.test(key)) for (const each of stringsIn(uncover(value))) found.add(each);
  return [...found];
}

/** A secret in an export is an object with its JSON text under `plaintext`. */
function uncover(value: unknown): unknown {
  const isSecret = typeof value === "object" && value !== null && "plaintext" in value;
  return isSecret ? (JSON.parse(value.plaintext as string) as unknown) : value;
}

function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function outputsOf(exported: Exported, type: string): Record<string, unknown> {
  const outputs = exported.deployment.resources.find((each) => each.type.endsWith(`:${type}`))?.outputs;
  assert.ok(outputs, `no ${type} in state`);
  return Object.fromEntries(Object.entries(outputs).map(([key, value]) => [key, uncover(value)]));
}

/** A connection past every rule of the stack, to look at what it did. */
export async function connectAsSuperuser(clone: Clone, database = "pages"): Promise<Client> {
  const { chosenPort, superuserPassword } = outputsOf(await exportSecrets(clone), "LocalDatabase");
  const options = { host: "127.0.0.1", port: chosenPort as number, user: "postgres", database };
  const client = new Client({ ...options, password: superuserPassword as string });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** The stack's balancer, for a test that meddles with it. */
export async function connectBalancer(clone: Clone): Promise<BalancerClient> {
  return new BalancerClient(await balancerAddress(clone));
}

/** Its admin port, and the token that it wants there. */
export async function balancerAddress(clone: Clone): Promise<{ adminPort: number; token: string }> {
  const { adminPort, token } = outputsOf(await exportSecrets(clone), "LocalBalancer");
  return { adminPort: adminPort as number, token: token as string };
}
