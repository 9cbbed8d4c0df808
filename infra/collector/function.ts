// The function that reads the database's figures each minute and writes them to its log as metrics. It is bundled into one file
// (lambda/bundle.ts) and is all that runs in AWS of this folder.

import { readFileSync } from "node:fs";
import { endpointOf, ownCaller, variable as anyVariable } from "../lambda/environment";
import { metricLines } from "./emf";
import { figuresOf } from "./figures";
import type { Reading } from "./reading";
import { passwordIn } from "./secret";
import { isRefused, readOnce, type Target } from "./session";

/** What the function is declared with (platform/aws/collector.ts), beside what Lambda adds by itself. */
export interface FunctionEnvironment {
  readonly PGHOST: string;
  readonly PGPORT: string;
  readonly PGDATABASE: string;
  readonly PGUSER: string;
  /** File with the certificates that are trusted. */
  readonly PGSSLROOTCERT: string;
  /** ARN of the secret with the password. */
  readonly SECRET: string;
  /** Of the metrics. */
  readonly NAMESPACE: string;
  /** Roles with a comma between them: whose statements are the service's, and all that log in. */
  readonly SERVICE_ROLES: string;
  readonly ALL_ROLES: string;
}

/** A figure of what happened in between needs a reading that isn't from long ago: two missed minutes, in ms. */
const oldest = 180_000;

// What a warm function still knows. After a cold start the figures of one interval are missing, which fires nothing.
let password: string | undefined;
let before: Reading | undefined;

/** One look. @throws what was in the way, which Lambda writes to the log; the alarm on silence does the rest */
export async function handler(): Promise<void> {
  const after = await reading();
  const near = before !== undefined && after.at - before.at <= oldest ? before : undefined;
  before = after;
  const lines = metricLines(variable("NAMESPACE"), after.at, figuresOf(near, after));
  // Past `console`, before whose lines Lambda puts a time and an id: a line of metrics is JSON from its first character.
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

/** A password that was changed since is asked for once more. */
async function reading(): Promise<Reading> {
  const known = password !== undefined;
  password ??= await secretPassword();
  try {
    return await readOnce({ ...target(), password });
  } catch (error) {
    if (isRefused(error)) password = undefined;
    if (!isRefused(error) || !known) throw error;
    return reading();
  }
}

function secretPassword(): Promise<string> {
  const caller = ownCaller();
  return passwordIn(variable("SECRET"), endpointOf("secretsmanager", "SECRETS_MANAGER", caller.region), caller);
}

const target = (): Omit<Target, "password"> => ({
  ...{ host: variable("PGHOST"), port: Number(variable("PGPORT")) },
  ...{ database: variable("PGDATABASE"), user: variable("PGUSER") },
  ca: readFileSync(variable("PGSSLROOTCERT"), "utf8"),
  service: variable("SERVICE_ROLES").split(","),
  all: variable("ALL_ROLES").split(","),
});

/** A variable that the function is declared with. */
const variable = (name: keyof FunctionEnvironment): string => anyVariable(name);
