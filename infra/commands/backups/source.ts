import { resolve } from "node:path";
import { z } from "zod";
import { BackupFailure } from "../../backup/failure";
import { isBackupId } from "../../backup/manifest";
import { listBackups, type Backup } from "../../providers/backup/archive";
import type { BackupInputs } from "../../providers/backup/resource";
import type { BackupTarget } from "../../providers/backup/target";
import { storeAt, type ObjectStore, type StoreAddress } from "../../providers/store/store";
import { resourcesOf, stackNamed } from "../pulumi";
import { CommandError } from "../say";
import { connectionInputs, resourceOf } from "../schema/source";

export interface SourceOptions {
  readonly stack?: string;
  /** A folder that a store of the local platform is in. */
  readonly store?: string;
}

/** Where backups are looked for, and the database that they are of. */
export interface Source {
  /** "stack local", for messages. */
  readonly label: string;
  readonly store: ObjectStore;
  /** Undefined where only a store was named. */
  readonly target?: BackupTarget;
  /** Is the server on this machine? Then the room for a drill is known. */
  readonly isLocal: boolean;
}

const inputs = z.object({
  platform: z.enum(["local", "aws"]),
  store: z.object({ kind: z.string() }).loose(),
  connection: connectionInputs,
  password: z.string(),
  owner: z.string(),
  migrator: z.string(),
  migratorPassword: z.string(),
  template: z.string().optional(),
});

/**
 * The store of `--store`, else that of the stack, from its state.
 * @throws CommandError where neither is known
 */
export async function findSource({ stack, store }: SourceOptions): Promise<Source> {
  if (store !== undefined) {
    if (stack !== undefined) throw new CommandError("--store names a folder and --stack a stack: give one of the two");
    const folder = resolve(store);
    return { label: folder, store: storeAt({ kind: "local", folder }), isLocal: false };
  }
  const name = await stackNamed(stack);
  const read = inputs.safeParse(resourceOf(await resourcesOf(name), "Backup")?.inputs);
  if (!read.success)
    throw new CommandError(
      `the state of stack ${name} says nothing of its backups that this version understands; run npx pulumi up, or name a ` +
        "folder by --store",
    );
  const { platform, connection, password, owner, migrator, migratorPassword, template } = read.data;
  return {
    label: `stack ${name}`,
    store: storeAt(inCheckout(read.data.store as unknown as BackupInputs["store"])),
    isLocal: platform === "local",
    target: {
      ...{ connection, password, owner, migrator: { user: migrator, password: migratorPassword } },
      ...(template !== undefined && { template }),
    },
  };
}

/** Of the checkout that this command is part of. */
const projectRoot = resolve(__dirname, "../../..");

/** A command may be run in any folder of the checkout. */
const inCheckout = (address: StoreAddress): StoreAddress =>
  address.kind === "local" ? { ...address, folder: resolve(projectRoot, address.folder) } : address;

/** The backup of that id, or the newest one. @throws CommandError where there is none */
export async function findBackup({ store, label, target }: Source, id: string | undefined): Promise<Backup> {
  if (id !== undefined && !isBackupId(id))
    throw new CommandError(`"${id}" is no id of a backup; expected one that npm run backups -- list shows`);
  const { backups, faults } = await told(() => listBackups(store, target?.connection.database));
  const found = id === undefined ? backups.at(-1) : backups.find(({ manifest }) => manifest.id === id);
  if (found !== undefined) return found;
  const fault = faults.find((each) => id !== undefined && each.includes(id));
  throw new CommandError(
    fault ?? `${label} has no backup${id === undefined ? "" : ` ${id}`}; npm run backups -- list shows them`,
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
