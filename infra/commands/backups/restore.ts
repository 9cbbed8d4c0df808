import { listBackups, type Backup } from "../../providers/backup/archive";
import { look } from "../../providers/backup/back-up";
import { storeOfSchema } from "../../providers/backup/within";
import { dropAside, findAside, restoreAside } from "../../providers/restore/aside";
import type { ObjectStore } from "../../providers/store/store";
import { columns, CommandError, say, sayJson } from "../say";
import { findDump, findSource, stackOf, told, type Source, type SourceOptions } from "./source";
import { roomAt, tell } from "./verify";

export interface RestoreOptions extends Omit<SourceOptions, "store"> {
  /** Name of the database that is made. */
  readonly into: string;
  readonly json?: true;
}

/** As database.name is in config: it needs no quotes, and PostgreSQL cuts none of it off. */
const nameForm = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Makes a database from a backup beside the stack's own, to look at. Nothing is switched.
 * @param options.schema that schema alone: of a backup of that schema, or of one of the whole database
 * @returns the exit code: 0
 * @throws CommandError; then there is no such database
 */
export async function restore(id: string, { into, schema, json, ...options }: RestoreOptions): Promise<number> {
  if (!nameForm.test(into))
    throw new CommandError(
      `--into is "${into}", expected a name of 1 to 63 of a-z, 0-9 and _, not starting with a digit`,
    );
  const source = await findSource(options);
  const stack = stackOf(source, "a restore");
  const { backup, store, part } = await chosen(source, id, schema);
  const { restoreMs } = await told(async () => {
    const room = await roomAt(stack, await look(stack.target, tell));
    return restoreAside(stack.target, store, backup, { into, schema: part, say: tell, room });
  });
  const { host, port, user } = stack.target.connection;
  if (json === true)
    sayJson({ database: into, backup: id, schema: schema ?? null, host, port, user, restoreMs, exitCode: 0 });
  else
    say(
      `${into} holds ${schema === undefined ? "all" : `the schema ${schema}`} of ${id}, and only ${user} gets into it: ` +
        `psql -h ${host} -p ${port} -U ${user} ${into}. When it is not needed any more: npm run backups -- drop ${into}`,
    );
  return 0;
}

interface Chosen {
  readonly backup: Backup;
  readonly store: ObjectStore;
  /** What of the backup is restored. Default: all of it. */
  readonly part: string | undefined;
}

/** A backup of one schema alone is restored whole; of one of the whole database, only the schema that is asked for. */
async function chosen(source: Source, id: string, schema: string | undefined): Promise<Chosen> {
  const { store, stack } = source;
  if (schema !== undefined) {
    const alone = storeOfSchema(store, schema);
    const { backups } = await told(() => listBackups(alone, stack?.target.connection.database));
    const backup = backups.find(({ manifest }) => manifest.id === id);
    if (backup !== undefined) return { backup, store: alone, part: undefined };
  }
  return { backup: await findDump(source, id, "to restore"), store, part: schema };
}

export interface DropOptions {
  readonly stack?: string;
  readonly json?: true;
}

/**
 * Drops a database that `restore` has made; without a name, shows which there are.
 * @returns the exit code: 0
 * @throws CommandError for every other database, and for one that somebody is connected to
 */
export async function drop(name: string | undefined, { json, ...options }: DropOptions): Promise<number> {
  const { target } = stackOf(await findSource(options), "a database to drop");
  if (name === undefined) {
    const databases = await told(() => findAside(target));
    if (json === true) sayJson({ databases, exitCode: 0 });
    else if (databases.length === 0) say("there is no database that was made from a backup and never served");
    else say(columns([["database", "backup"], ...databases.map((each) => [each.name, each.backup])]));
    return 0;
  }
  const backup = await told(() => dropAside(target, name));
  if (json === true) sayJson({ dropped: name, backup, exitCode: 0 });
  else say(`${name}, which was made from ${backup}, is dropped.`);
  return 0;
}
