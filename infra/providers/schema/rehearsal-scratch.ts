import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DatabaseError, type Client } from "pg";
import { longestName, withSuffix } from "../../database/names";
import { withConnection, type Connection } from "../connection";
import { copyDatabasePrivileges, copyInside } from "./rehearsal-access";
import type { RehearsalTarget } from "./rehearsal-types";

/** What a copy is for: it is in the copy's name and mark, and in what is said. */
export interface Purpose {
  readonly word: "rehearsal" | "drill" | "restore";
  /** What the sessions are called in pg_stat_activity. */
  readonly application: string;
  /** How to do without it, where no copy can be made. */
  readonly without: string;
}

export const rehearsalPurpose: Purpose = {
  word: "rehearsal",
  application: "switchyard-rehearsal",
  without: "to do without a rehearsal: pulumi config set --path rehearsal.enabled false",
};

/** A backup is restored, to show that it can be. */
export const drillPurpose: Purpose = {
  word: "drill",
  application: "switchyard-drill",
  without: "to do without a drill: pulumi config set --path backup.drill never",
};

/** A backup is restored, to stay: once it is whole it gets another name, and is no scratch copy any more. */
export const restorePurpose: Purpose = {
  word: "restore",
  application: "switchyard-restore",
  without: "to do without a restore: pulumi config rm restore",
};

/** Whose copy is made, and by whom. */
export type ScratchTarget = Pick<RehearsalTarget, "connection" | "password" | "owner" | "template">;

/** A database of our own on the same server, dropped when what it is for is over. */
export interface Scratch {
  /** As the administrator. */
  readonly connection: Connection;
  /** @throws when the session that keeps other runs from dropping the copy is gone: nothing may go on. */
  assertKept(): Promise<void>;
}

/** Says whose copy a database is: no other is ever dropped. */
const markOf = (database: string, { word }: Purpose): string =>
  `Switchyard: scratch copy of ${database} for a ${word}; dropped when that is over`;

/** So many hexadecimal digits at its end make a name one of its own for each run. */
const randomDigits = 8;

/** What the names of a database's scratch copies begin with. */
const prefixOf = (database: string, { word }: Purpose): string =>
  withSuffix(database, `_${word}_`, longestName - randomDigits);

/** How long creating a copy may wait for sessions that are using the template, in ms. */
const templateWaitMs = 30_000;

/**
 * Makes an empty copy of the target, with its extensions and privileges, for `work`, and drops it afterwards. Copies that
 * killed runs have left are dropped first. A copy belongs to a run as long as the run's session holds an advisory lock on
 * its name, in the real database: only that proves, without a clock, that nobody uses it.
 */
export async function withScratch<T>(
  target: ScratchTarget,
  say: (line: string) => void,
  work: (scratch: Scratch, real: Client) => Promise<T>,
  purpose: Purpose = rehearsalPurpose,
): Promise<T> {
  const { connection, password } = target;
  const name = prefixOf(connection.database, purpose) + randomBytes(randomDigits / 2).toString("hex");
  return withConnection(connection, password, purpose.application, async (real) => {
    await real.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [name]);
    await dropStaleCopies(real, target, purpose, say);
    const scratch = { ...connection, database: name };
    try {
      await create(real, target, name, purpose);
      await withConnection(scratch, password, purpose.application, (inside) => copyInside(real, inside, target.owner));
      return await work({ connection: scratch, assertKept: () => assertKept(real, name) }, real);
    } finally {
      await dropQuietly(target, name, purpose, say);
    }
  });
}

/** Marked before anybody can connect to it: a copy without the mark is one that lets nobody in, and so holds nothing. */
async function create(
  real: Client,
  { owner, template = "template0", connection }: ScratchTarget,
  name: string,
  purpose: Purpose,
) {
  const quoted = real.escapeIdentifier(name);
  const locale = template === "template0" ? await localeOf(real) : "";
  const statement =
    `CREATE DATABASE ${quoted} OWNER ${real.escapeIdentifier(owner)} TEMPLATE ${real.escapeIdentifier(template)} ` +
    `ENCODING 'UTF8' ${locale} ALLOW_CONNECTIONS false`;
  try {
    await whileTemplateIsBusy(() => real.query(statement));
  } catch (error) {
    throw new Error(
      `the scratch copy ${name} can't be made from ${template} by ${connection.user}: ${(error as Error).message}. Expected: ` +
        `an administrator who may create databases and is a member of ${owner}, and room on the server; ` +
        purpose.without,
      { cause: error },
    );
  }
  await real.query(`COMMENT ON DATABASE ${quoted} IS ${real.escapeLiteral(markOf(connection.database, purpose))}`);
  await copyDatabasePrivileges(real, name);
  await real.query(`ALTER DATABASE ${quoted} ALLOW_CONNECTIONS true`);
}

/** Of the real database: a copy that sorts or folds case in another way proves less. */
async function localeOf(real: Client): Promise<string> {
  const { rows } = await real.query<{ provider: string; collate: string; ctype: string; locale: string | null }>(
    `SELECT datlocprovider AS provider, datcollate AS collate, datctype AS ctype,
            coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale
       FROM pg_database AS d WHERE datname = current_database()`,
  );
  const [{ provider, collate, ctype, locale } = { provider: "c", collate: "C", ctype: "C", locale: null }] = rows;
  const libc = `LC_COLLATE ${real.escapeLiteral(collate)} LC_CTYPE ${real.escapeLiteral(ctype)}`;
  if (provider === "i") return `LOCALE_PROVIDER icu ICU_LOCALE ${real.escapeLiteral(locale ?? "und")} ${libc}`;
  if (provider === "b") return `LOCALE_PROVIDER builtin BUILTIN_LOCALE ${real.escapeLiteral(locale ?? "C")} ${libc}`;
  return `LOCALE_PROVIDER libc ${libc}`;
}

/** CREATE DATABASE refuses while anybody is connected to what it copies; two stacks may want it at the same moment. */
async function whileTemplateIsBusy(make: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + templateWaitMs;
  for (;;) {
    try {
      await make();
      return;
    } catch (error) {
      const busy = error instanceof DatabaseError && error.code === "55006";
      if (!busy || Date.now() > end) throw error;
      await delay(100 + Math.random() * 400);
    }
  }
}

async function assertKept(real: Client, name: string): Promise<void> {
  const lost = (why: string, cause?: unknown) =>
    new Error(`the session that keeps the scratch copy ${name} has ended (${why}); run pulumi up again`, { cause });
  try {
    await real.query("SELECT 1");
  } catch (error) {
    throw lost((error as Error).message, error);
  }
}

/** Drops the copies of this database that no run keeps any more. `real` is connected to the database. */
export async function dropStaleCopies(
  real: Client,
  { owner, connection }: Pick<ScratchTarget, "owner" | "connection">,
  purpose: Purpose,
  say: (line: string) => void,
): Promise<void> {
  const prefix = prefixOf(connection.database, purpose);
  const { rows } = await real.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database
      WHERE left(datname, $1) = $2 AND substr(datname, $1 + 1) ~ $3 AND pg_get_userbyid(datdba) = $4
        AND coalesce(shobj_description(oid, 'pg_database') = $5, NOT datallowconn)`,
    [prefix.length, prefix, `^[0-9a-f]{${randomDigits}}$`, owner, markOf(connection.database, purpose)],
  );
  for (const { name } of rows) {
    const key = "hashtextextended($1, 0)";
    const free = await real.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS got`, [name]);
    if (free.rows[0]?.got !== true) continue;
    try {
      await drop(real, name);
      say(`dropped ${name}, the scratch copy of a ${purpose.word} that was killed`);
    } catch (error) {
      say(
        `the scratch copy ${name} of a ${purpose.word} that was killed can't be dropped: ${(error as Error).message}`,
      );
    } finally {
      await real.query(`SELECT pg_advisory_unlock(${key})`, [name]);
    }
  }
}

/** FORCE ends what is still connected: a service that a smoke has started, a statement of a run that was killed. */
async function drop(client: Client, name: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
}

/** On a session of its own, since the run's may be what has failed; and what failed is what the operator has to read. */
async function dropQuietly(
  target: ScratchTarget,
  name: string,
  { word, application }: Purpose,
  say: (line: string) => void,
): Promise<void> {
  try {
    await withConnection(target.connection, target.password, application, (client) => drop(client, name));
  } catch (error) {
    say(`the scratch copy ${name} is left behind, and the next ${word} drops it: ${(error as Error).message}`);
  }
}
