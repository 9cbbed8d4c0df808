import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { withConnection } from "../../providers/connection";
import { rehearse } from "../../providers/schema/rehearse";
import type { RehearsalReport, RehearsalTarget } from "../../providers/schema/rehearsal-types";
import { checkMigrations, compareVersions, MigrationError, type Migration } from "../../schema";
import { CommandError, plain, say, sayJson } from "../say";
import { migrationsFolder } from "./folder";
import { connectionInputs, findSource, resourceOf, type Source, type SourceOptions } from "./source";

export interface RehearseOptions extends SourceOptions {
  /** Path of a dump in custom format. */
  readonly from?: string;
  readonly json?: true;
}

/**
 * Runs every pending migration up, down and up on a scratch copy beside the database, which is not changed.
 * @returns the exit code: 0 where all of them passed, or none is pending
 * @throws CommandError with the migration that failed, and how
 */
export async function rehearsePending(options: RehearseOptions): Promise<number> {
  const from = options.from === undefined ? undefined : resolve(options.from);
  if (from !== undefined && !existsSync(from))
    throw new CommandError(`--from names ${from}, which does not exist; expected a dump made by pg_dump -Fc`);
  const source = await findSource(options, process.env);
  const migrations = wantedFiles(source.stack?.config.migrateTo ?? "latest");
  const target = await targetOf(source);
  const drift = source.stack?.config.rehearsal.drift;
  const tell = (line: string): void => {
    // Programs get JSON alone on stdout.
    if (options.json === true) process.stderr.write(`${plain(line)}\n`);
    else say(plain(line));
  };
  const report = await told(() => rehearse(target, { migrations, from, drift }, tell));
  if (options.json === true) sayJson(report);
  else say(summaryOf(report));
  return 0;
}

/** The files up to `migrateTo`, judged first: what preview would refuse is not worth a copy. */
function wantedFiles(migrateTo: string): Migration[] {
  try {
    const all = checkMigrations(migrationsFolder);
    return migrateTo === "latest" ? all : all.filter(({ version }) => compareVersions(version, migrateTo) <= 0);
  } catch (error) {
    if (error instanceof MigrationError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

/** What PostgreSQL, pg_restore or a migration said is no fault of this program, and is told without a stack. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    throw new CommandError((error as Error).message, { cause: error });
  }
}

const administered = z.object({ connection: connectionInputs, password: z.string() });
const migrated = administered.extend({ owner: z.string() });

/** Who may make a copy of the database, and who works in it. */
async function targetOf({ login, stack, label }: Source): Promise<RehearsalTarget> {
  const resources = stack?.resources ?? [];
  const administrator = administered.safeParse(resourceOf(resources, "AccessCheck")?.inputs).data;
  const migrator = migrated.safeParse(resourceOf(resources, "SchemaWiden")?.inputs).data;
  if (administrator !== undefined && migrator !== undefined) {
    const database = resources.find(({ type }) => type === "postgresql:index/database:Database");
    const template = z.string().optional().safeParse(database?.inputs["template"]).data;
    const { connection, password, owner } = migrator;
    return { ...administrator, owner, migrator: { user: connection.user, password }, template };
  }
  if (login === undefined || stack !== undefined)
    throw new CommandError(`${label} has no database to copy yet; npx pulumi up makes it`);
  const owner = await told(() =>
    withConnection(login.connection, login.password, "switchyard-rehearsal", async (client) => {
      const { rows } = await client.query<{ owner: string }>(
        "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database()",
      );
      return rows[0]?.owner ?? login.connection.user;
    }),
  );
  return { ...login, owner, migrator: { user: login.connection.user, password: login.password } };
}

function summaryOf({ rehearsed, on }: RehearsalReport): string {
  if (rehearsed.length === 0) return "Nothing is pending, so there is nothing to rehearse.";
  const where = on === "structure" ? "on a copy of the structure" : "on restored data";
  return `Passed ${where}: ${rehearsed.map(({ version }) => version).join(", ")}.`;
}
