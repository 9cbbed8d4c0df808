import { resolve } from "node:path";
import { z } from "zod";
import { BackupFailure } from "../../backup/failure";
import { isBackupId } from "../../backup/manifest";
import type { SnapshotRecord } from "../../backup/snapshot";
import { archivesPrefix, isArchiveId } from "../../backup/stack-archive";
import { listBackups, type Backup } from "../../providers/backup/archive";
import type { BackupInputs } from "../../providers/backup/resource";
import type { BackupTarget } from "../../providers/backup/target";
import { storeOfSchema, within } from "../../providers/backup/within";
import { storeAt, type ObjectStore, type StoreAddress } from "../../providers/store/store";
import { resourcesOf, stackNamed } from "../pulumi";
import { CommandError } from "../say";
import { connectionInputs, resourceOf } from "../schema/source";

export interface SourceOptions {
  readonly stack?: string;
  /** Where a store is, in place of a stack: a folder of the local platform's, or `s3://bucket/prefix`. */
  readonly store?: string;
  /** Backups of that schema alone. */
  readonly schema?: string;
  /** Id of an archive, whose own backup is meant. */
  readonly archive?: string;
}

/** Where backups are looked for, and the database that they are of. */
export interface Source {
  /** "stack local", for messages. */
  readonly label: string;
  readonly store: ObjectStore;
  /** Undefined where only a store was named. */
  readonly stack?: StackSource;
}

/** What only a stack can say. */
export interface StackSource {
  readonly name: string;
  /** The stack's own store, also where a part of it was asked for. */
  readonly store: ObjectStore;
  readonly target: BackupTarget;
  readonly settings: Settings;
}

/** As the last `up` was given them. */
export type Settings = Pick<BackupInputs, "platform" | "mode" | "dumpUpTo" | "drill" | "keep" | "release" | "rds">;

const inputs = z.object({
  store: z.object({ kind: z.string() }).loose(),
  connection: connectionInputs,
  password: z.string(),
  owner: z.string(),
  migrator: z.string(),
  migratorPassword: z.string(),
  template: z.string().optional(),
  platform: z.enum(["local", "aws"]),
  mode: z.enum(["dump", "snapshot"]),
  dumpUpTo: z.number(),
  drill: z.enum(["narrowing", "always", "never"]),
  keep: z.object({ last: z.number(), days: z.number() }),
  release: z.string(),
  rds: z.object({ connection: z.object({ region: z.string() }).loose(), instance: z.string() }).optional(),
});

/**
 * The store of `--store`, else that of the stack, from its state; and of it the part that `--schema` or `--archive` names.
 * @throws CommandError where neither is known
 */
export async function findSource(options: SourceOptions): Promise<Source> {
  const { stack, store } = options;
  if (store !== undefined && stack !== undefined)
    throw new CommandError("--store names a store and --stack a stack: give one of the two");
  return partOf(store === undefined ? await stackSource(stack) : storeSource(store), options);
}

/** Files below what a person names; buckets by the address that AWS's own tools take. */
function storeSource(named: string): Source {
  if (!named.startsWith("s3://")) {
    const folder = resolve(named);
    return { label: folder, store: storeAt({ kind: "local", folder }) };
  }
  const [, bucket, prefix = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(named) ?? [];
  if (bucket === undefined)
    throw new CommandError(`--store is "${named}", expected a folder, or s3://bucket or s3://bucket/prefix`);
  const region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "";
  if (region === "")
    throw new CommandError(`--store is ${named}, and nothing says which region that is in: set AWS_REGION`);
  const connection = { region, ...(process.env.AWS_PROFILE && { profile: process.env.AWS_PROFILE }) };
  return { label: named, store: storeAt({ kind: "s3", connection, bucket, prefix }) };
}

async function stackSource(stack: string | undefined): Promise<Source> {
  const name = await stackNamed(stack);
  const read = inputs.safeParse(resourceOf(await resourcesOf(name), "Backup")?.inputs);
  if (!read.success)
    throw new CommandError(
      `the state of stack ${name} says nothing of its backups that this version understands; run npx pulumi up, or name a ` +
        "store by --store",
    );
  const { connection, password, owner, migrator, migratorPassword, template, store: address, ...rest } = read.data;
  const store = storeAt(inCheckout(address as unknown as BackupInputs["store"]));
  const target = {
    connection,
    ...{ password, owner, migrator: { user: migrator, password: migratorPassword } },
    ...(template !== undefined && { template }),
  };
  const { rds, ...settings } = rest;
  return {
    label: `stack ${name}`,
    store,
    stack: { name, store, target, settings: { ...settings, ...(rds && { rds }) } },
  };
}

/** A schema's name as it may be part of a key; others have to be dumped with the whole database. */
const schemaForm = /^[A-Za-z0-9_][A-Za-z0-9_=+@-]{0,62}$/;

function partOf(source: Source, { schema, archive }: SourceOptions): Source {
  if (schema !== undefined && archive !== undefined)
    throw new CommandError("--schema and --archive name different backups: give one of the two");
  if (schema !== undefined) {
    if (!schemaForm.test(schema))
      throw new CommandError(
        `--schema is "${schema}", expected a name of 1 to 63 letters, digits and _ = + @ -; others are in the backup of the whole database`,
      );
    return { ...source, label: `${source.label}, schema ${schema}`, store: storeOfSchema(source.store, schema) };
  }
  if (archive === undefined) return source;
  if (!isArchiveId(archive))
    throw new CommandError(`--archive is "${archive}", expected the id of one that npm run backups -- list shows`);
  return {
    ...source,
    label: `${source.label}, archive ${archive}`,
    store: within(source.store, `${archivesPrefix}/${archive}`),
  };
}

/** Of the checkout that this command is part of. */
const projectRoot = resolve(__dirname, "../../..");

/** A command may be run in any folder of the checkout. */
const inCheckout = (address: StoreAddress): StoreAddress =>
  address.kind === "local" ? { ...address, folder: resolve(projectRoot, address.folder) } : address;

/** What of a stack a command needs that works on its database. @throws CommandError where only a store was named */
export function stackOf({ stack, label }: Source, what: string): StackSource {
  if (stack !== undefined) return stack;
  throw new CommandError(`${what} needs the server of a stack, and ${label} is a store: name a stack by --stack`);
}

/** The backup of that id, or the newest one: one with a dump, or a snapshot. @throws CommandError where there is none */
export async function findBackup(
  { store, label, stack }: Source,
  id: string | undefined,
): Promise<Backup | SnapshotRecord> {
  if (id !== undefined && !isBackupId(id))
    throw new CommandError(`"${id}" is no id of a backup; expected one that npm run backups -- list shows`);
  const { backups, snapshots, faults } = await told(() => listBackups(store, stack?.target.connection.database));
  const all = [...backups.map((backup) => ({ id: backup.manifest.id, backup })), ...snapshots.map((record) => ({ id: record.id, backup: record }))]; // prettier-ignore
  all.sort((a, b) => (a.id < b.id ? -1 : 1));
  const found = id === undefined ? all.at(-1) : all.find((each) => each.id === id);
  if (found !== undefined) return found.backup;
  const fault = faults.find((each) => id !== undefined && each.includes(id));
  throw new CommandError(
    fault ?? `${label} has no backup${id === undefined ? "" : ` ${id}`}; npm run backups -- list shows them`,
  );
}

/** The same, where it needs a dump. @param what is done with it, for the message */
export async function findDump(source: Source, id: string | undefined, what: string): Promise<Backup> {
  const found = await findBackup(source, id);
  if ("manifest" in found) return found;
  throw new CommandError(
    `the backup ${found.id} is the snapshot ${found.snapshot.name} of RDS: there is no dump of it ${what}; take one: ` +
      "npm run backups -- take --dump",
  );
}

/** What a store, PostgreSQL or its programs said is no fault of this program, and is told without a stack. */
export async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupFailure)
      throw new CommandError(`failed at the step "${error.step}": ${error.message}`, { cause: error });
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    throw new CommandError((error as Error).message, { cause: error });
  }
}
