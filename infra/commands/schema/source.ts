import { resolve } from "node:path";
import { z } from "zod";
import { root } from "../../../tools/project.cjs";
import { ConfigError, loadConfig, type Config } from "../../config";
import type { Connection } from "../../providers/connection";
import { configOf, resourcesOf, stackNamed, type StateResource } from "../pulumi";
import { CommandError } from "../say";
import { readUrl, type Login } from "./url";

export interface SourceOptions {
  readonly stack?: string;
  readonly databaseUrl?: string;
}

/** A stack as its config and its state have it. */
export interface Stack {
  readonly name: string;
  readonly config: Config;
  readonly resources: readonly StateResource[];
}

/** Where the schema is looked at, and what is known of it besides. */
export interface Source {
  /** "stack local" or "DATABASE_URL", for messages. */
  readonly label: string;
  /** Undefined where the stack has no database yet. */
  readonly login?: Login;
  /** Undefined where a database was named by hand: then nothing is known of releases and of `migrateTo`. */
  readonly stack?: Stack;
}

/** A `Connection` among a resource's inputs. A command may be run in any folder, and a path in inputs is one of the project. */
export const connectionInputs = z
  .object({
    host: z.string(),
    port: z.coerce.number(),
    database: z.string(),
    user: z.string(),
    sslmode: z.enum(["disable", "verify-ca", "verify-full"]),
    sslrootcert: z.string().optional(),
  })
  .transform(({ sslrootcert, ...rest }): Connection => ({
    ...rest,
    ...(sslrootcert !== undefined && { sslrootcert: resolve(root, sslrootcert) }),
  }));

/** What of a schema resource's inputs is read here; the rest is its own. */
const schemaInputs = z.object({ connection: connectionInputs, password: z.string() });

/**
 * Finds the database: `--database-url`, else that of `--stack`, else DATABASE_URL, else that of the selected stack.
 * @throws CommandError where none is named, or a stack can't be read
 */
export async function findSource(options: SourceOptions, env: NodeJS.ProcessEnv): Promise<Source> {
  const { databaseUrl, stack: named } = options;
  const byHand = named === undefined && env.DATABASE_URL !== undefined && env.DATABASE_URL !== "";
  if (databaseUrl !== undefined) {
    const login = readUrl(databaseUrl, "--database-url", env);
    return named === undefined
      ? { label: "--database-url", login }
      : { label: `stack ${named}, database of --database-url`, login, stack: await readStack(named) };
  }
  if (byHand) return { label: "DATABASE_URL", login: readUrl(env.DATABASE_URL ?? "", "DATABASE_URL", env) };
  const stack = await readStack(named);
  return { label: `stack ${stack.name}`, login: loginOf(stack.resources), stack };
}

/** @throws CommandError where there is no such stack, or its config is wrong, with every problem */
export async function readStack(named: string | undefined): Promise<Stack> {
  const name = await stackNamed(named);
  const [resources, raw] = await Promise.all([resourcesOf(name), configOf(name)]);
  try {
    const short = name.split("/").at(-1) ?? name;
    return { name, resources, config: loadConfig(raw, { stack: short, project: "switchyard" }) };
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

/** The resource of one of our own types, such as "SchemaWiden". */
export const resourceOf = (resources: readonly StateResource[], type: string): StateResource | undefined =>
  resources.find((resource) => resource.type === `pulumi-nodejs:dynamic/switchyard:${type}`);

/** As the migrator, which may read the history. */
function loginOf(resources: readonly StateResource[]): Login | undefined {
  const inputs = resourceOf(resources, "SchemaWiden")?.inputs;
  if (inputs === undefined) return undefined;
  const read = schemaInputs.safeParse(inputs);
  if (read.success) return read.data;
  throw new CommandError(
    "the state of the stack says nothing of its database that this version understands; run npx pulumi up, or name the " +
      "database by DATABASE_URL",
  );
}

/** "pages at 127.0.0.1:5432 as pages_migrator". */
export const addressOf = ({ database, host, port, user }: Connection): string =>
  `${database} at ${host}:${port} as ${user}`;
