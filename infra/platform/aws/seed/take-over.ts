import type { Client } from "pg";
import { mendAccess } from "../../../database/check";
import type { ExpectedAccess } from "../../../database/expectations";
import { holdsAnything } from "../../../providers/backup/contents";
import { asideOf, exists, isTaken, noteTaken, rolesAside } from "./aside";

/** A session in a database of the instance, as its administrator. */
export type InDatabase = <T>(database: string, work: (client: Client) => Promise<T>) => Promise<T>;

export interface Taking {
  readonly expected: ExpectedAccess;
  /** The role that owns the database from now on. */
  readonly owner: string;
  /** RDS's id of the instance. */
  readonly instance: string;
  /** SQL that makes the data what this stack may hold. @default it stays as it is */
  readonly mask?: string | undefined;
}

/**
 * What stepped aside takes the place of what Access made; see aside.ts. The old roles go last: as long as one is there, a run
 * that was killed is gone on with.
 * @returns whether there was anything to take over
 */
export async function takeOver(inDatabase: InDatabase, taking: Taking): Promise<boolean> {
  const { expected, instance } = taking;
  const { database } = expected;
  const [roles, taken] = await inDatabase("postgres", async (client) => [
    await rolesAside(client, database),
    await isTaken(client, database, instance),
  ]);
  if (roles.length === 0) return false;
  if (!taken) {
    await takePlace(inDatabase, database);
    await inDatabase(database, (client) => passOn(client, roles, taking));
  }
  await inDatabase(database, (client) => mendAccess(client, expected));
  await inDatabase("postgres", async (client) => {
    for (const role of roles) await client.query(`DROP ROLE ${client.escapeIdentifier(role)}`);
  });
  return true;
}

/** The database that Access made holds nothing, and makes room. */
async function takePlace(inDatabase: InDatabase, database: string): Promise<void> {
  const there = await inDatabase("postgres", async (client) => ({
    aside: await exists(client, "database", asideOf(database)),
    made: await exists(client, "database", database),
  }));
  if (!there.aside) return;
  if (there.made && (await inDatabase(database, holdsAnything)))
    throw new Error(
      `the instance holds ${asideOf(database)}, from the snapshot in switchyard:rds.seedFrom, and ${database}, which holds data ` +
        `too: nothing is dropped. Rename or drop the one that is not wanted, as its owner, and run pulumi up again`,
    );
  await inDatabase("postgres", async (client) => {
    const name = client.escapeIdentifier(database);
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.query(`ALTER DATABASE ${client.escapeIdentifier(asideOf(database))} RENAME TO ${name}`);
  });
}

/** In one transaction with the note of it, so that nothing is masked twice, and nobody sees it unmasked after that. */
async function passOn(
  client: Client,
  roles: readonly string[],
  { expected, owner, instance, mask }: Taking,
): Promise<void> {
  const { database, administrator } = expected;
  const name = (text: string) => client.escapeIdentifier(text);
  await client.query("BEGIN");
  for (const role of roles) {
    await client.query(`GRANT ${name(role)} TO ${name(administrator)}`);
    await client.query(`REASSIGN OWNED BY ${name(role)} TO ${name(owner)}`);
    await client.query(`DROP OWNED BY ${name(role)}`);
  }
  if (mask !== undefined) await runMask(client, owner, mask);
  await client.query(noteTaken(client, database, instance));
  await client.query("COMMIT");
}

async function runMask(client: Client, owner: string, mask: string): Promise<void> {
  const own = "switchyard-mask";
  await client.query(`SET LOCAL application_name = '${own}'`);
  await client.query(`SET LOCAL ROLE ${client.escapeIdentifier(owner)}`);
  try {
    await client.query(mask);
  } catch (error) {
    throw new Error(`the file in switchyard:rds.mask failed, and nothing of it is done: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const { rows } = await client.query<{ name: string }>("SELECT current_setting('application_name') AS name");
  if (rows[0]?.name !== own)
    throw new Error(
      "the file in switchyard:rds.mask ends the transaction that it runs in: take BEGIN, COMMIT and ROLLBACK out of it",
    );
  await client.query("RESET ROLE");
}
