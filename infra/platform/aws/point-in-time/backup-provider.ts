import { takeBackup } from "../../../providers/backup/take";
import type { BackupTarget } from "../../../providers/backup/target";
import { verifyBackup } from "../../../providers/backup/verify";
import type { Provider } from "../../../providers/contract";
import { withRun } from "../../../providers/schema/session";
import { storeAt } from "../../../providers/store/store";
import type { Administered, RdsMomentBackupInputs as Inputs, RdsMomentBackupState as State } from "./resource";

const say = (line: string): void => console.error(line);

/**
 * Once for a moment: what restores from it has its id, and another one would be restored again. Both databases go by one name
 * in the store, so the schema lock of the one that serves is held as well: what is clearing away leftovers there holds it too.
 */
async function take(inputs: Inputs, copy: Administered): Promise<string> {
  const { at, connection, owner, migrator, migratorPassword, release } = inputs;
  const store = storeAt(inputs.store);
  const target: BackupTarget = { ...copy, owner, migrator: { user: migrator, password: migratorPassword } };
  const locking = { connection: { ...connection, user: migrator }, password: migratorPassword, owner };
  try {
    return await withRun(locking, { say, application: "switchyard-backup-lock" }, async ({ assertHeld }) => {
      const manifest = await takeBackup(target, store, { before: "asked", release, say });
      await assertHeld();
      await verifyBackup(store, { manifest });
      say(`took the backup ${manifest.id} of ${connection.database} as it was at ${at}, verified`);
      return manifest.id;
    });
  } catch (error) {
    throw new Error(
      `no backup could be taken of ${connection.database} as it was at ${at}, from the instance at ${copy.connection.host}: ` +
        `${(error as Error).message.replace(/\.$/, "")}. What serves is as it was; run pulumi up again`,
      { cause: error },
    );
  }
}

async function bringUp(inputs: Inputs): Promise<State> {
  const { at, copy } = inputs;
  if (copy === undefined)
    throw new Error(
      `restore.retire drops what a restore has replaced, and nothing was restored from ${at} yet. Take it out ` +
        "(pulumi config rm --path restore.retire), run pulumi up, and set it once you have seen that all is well",
    );
  return { ...inputs, backup: await take(inputs, copy) };
}

export const provider: Provider<Inputs, State> = {
  diff: (olds, news) => ({ changes: olds.at !== news.at }),
  create: async (inputs) => ({ id: `${inputs.connection.database}/moment-backup`, outs: await bringUp(inputs) }),
  update: (_olds, news) => bringUp(news),
  // Backups outlive what took them.
  delete: () => Promise.resolve(),
};
