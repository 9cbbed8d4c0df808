import { chooseMode, mayReuse, needsDrill, type BackupMode, type DrillWhen } from "../../backup/decisions";
import { BackupFailure } from "../../backup/failure";
import type { Manifest } from "../../backup/manifest";
import type { Keep } from "../../backup/retention";
import type { SnapshotRecord } from "../../backup/snapshot";
import { dataFolderOf } from "../../database/data-folder";
import type { RdsAddress } from "../../platform/aws/snapshot";
import type { SchemaStep } from "../../rollout/types";
import { withConnection } from "../connection";
import { factsOf, readHistory, type SchemaFacts } from "../schema/history";
import { dropStaleCopies, drillPurpose } from "../schema/rehearsal-scratch";
import type { ObjectStore } from "../store/store";
import { listBackups, type Backup } from "./archive";
import { holdsAnything } from "./contents";
import type { BackupTaken } from "./resource";
import { applyRetention } from "./retain";
import { roomOf } from "./space";
import { takeBackup, takeSnapshot } from "./take";
import { readServer, type BackupTarget, type ServerFacts } from "./target";
import { drillBackup, verifyBackup } from "./verify";

type Say = (line: string) => void;

/** What is real, before anything is decided. */
export interface Found {
  readonly facts: SchemaFacts;
  readonly server: ServerFacts;
  readonly holdsAnything: boolean;
  /** Where the server keeps its data, as it says itself. */
  readonly dataFolder: string;
}

/** Looks at the database. What a drill that was killed has left is cleared away here, drill or not. */
export const look = ({ connection, password, owner }: BackupTarget, say: Say): Promise<Found> =>
  withConnection(connection, password, "switchyard-backup", async (client) => {
    await dropStaleCopies(client, { owner, connection }, drillPurpose, say);
    const facts = factsOf(await readHistory(client));
    return {
      ...{ facts, server: await readServer(client), dataFolder: await dataFolderOf(client) },
      holdsAnything: await holdsAnything(client),
    };
  });

export interface BackUpOrders {
  readonly platform: "local" | "aws";
  readonly mode: BackupMode;
  /** Bytes. */
  readonly dumpUpTo: number;
  readonly drill: DrillWhen;
  readonly keep: Keep;
  /** Which releases are declared, for the record. */
  readonly release: string;
  readonly before: Manifest["before"];
  /** What will be run after it; none where somebody or the clock asks for a backup. */
  readonly steps: readonly SchemaStep[];
  /** How old a verified one may be that stands in for a new one, in ms. @default there is always a new one */
  readonly maxAge?: number;
  /** The instance, on AWS. */
  readonly rds?: RdsAddress;
  /** Bytes that are free where the server keeps its data. @default asked where somebody knows */
  readonly freeBytes?: number;
  /** Asked while RDS is waited for. @throws when nobody waits for the backup any more. @default never */
  readonly goOn?: () => Promise<void>;
  readonly say: Say;
}

/**
 * Sees to a verified backup of the database as it is before `steps`, and deletes older ones that may go.
 * @throws BackupFailure; StoreFailed
 */
export async function backUp(
  target: BackupTarget,
  store: ObjectStore,
  found: Found,
  orders: BackUpOrders,
): Promise<BackupTaken> {
  const { platform, mode, dumpUpTo, steps, maxAge, rds, keep, say } = orders;
  const { database } = target.connection;
  const chosen = chooseMode({ mode, dumpUpTo, size: found.server.databaseBytes, platform });
  if (typeof chosen !== "string") throw new BackupFailure("mode", chosen.refused);
  const drill = needsDrill(orders.drill, steps);
  if (chosen === "snapshot" && drill) throw new BackupFailure("mode", noDrill(orders, found.server.databaseBytes));
  const earlier = maxAge === undefined ? undefined : await reusable(store, database, found, { steps, maxAge });
  if (earlier !== undefined) return reuse(target, store, found, earlier, { ...orders, needsADrill: drill });
  const options = { before: orders.before, release: orders.release, goOn: orders.goOn, say };
  let taken: BackupTaken;
  if (chosen === "snapshot") {
    taken = asTaken(await takeSnapshot(target, store, { ...options, rds: known(rds) }), false);
    say(`took the backup ${taken.id} of ${database}: the snapshot ${taken.snapshot ?? ""}, which is available`);
  } else {
    // What the clock asks for is what RDS does every night; beside a dump there is one where something is about to change.
    const manifest = await takeBackup(target, store, { ...options, ...(steps.length > 0 && rds && { rds }) });
    taken = await shown(target, store, found, { manifest }, { ...orders, needsADrill: drill });
    say(
      `took the backup ${taken.id} of ${database} (${manifest.dump.size} bytes), verified${drill ? " by a drill" : ""}`,
    );
  }
  await applyRetention(store, database, { facts: found.facts, keep, rds, say });
  return taken;
}

type Orders = BackUpOrders & { readonly needsADrill: boolean };

async function reuse(
  target: BackupTarget,
  store: ObjectStore,
  found: Found,
  earlier: Backup | SnapshotRecord,
  orders: Orders,
): Promise<BackupTaken> {
  const { database } = target.connection;
  if ("manifest" in earlier) {
    const { dump, id } = earlier.manifest;
    const taken = await shown(target, store, found, earlier, orders);
    orders.say(
      `uses the backup ${id} of ${database} (${dump.size} bytes), verified${orders.needsADrill ? " by a drill" : ""}`,
    );
    return { ...taken, reused: true };
  }
  orders.say(`uses the backup ${earlier.id} of ${database}: the snapshot ${earlier.snapshot.name}`);
  return asTaken(earlier, true);
}

/** Shows that the store has what was dumped, where nobody has yet, and that it restores, where that is asked for. */
async function shown(
  target: BackupTarget,
  store: ObjectStore,
  found: Found,
  backup: Backup,
  { needsADrill, platform, freeBytes, rds, say }: Orders,
): Promise<BackupTaken> {
  const { verification, manifest } = backup;
  const { id, takenAt, dump } = manifest;
  const room = async () =>
    roomOf({ freeBytes, rds, dataFolder: platform === "local" ? found.dataFolder : undefined, say });
  const { drill } =
    needsADrill && verification?.drill === undefined
      ? await drillBackup(target, store, backup, { say, room: await room() })
      : (verification ?? (await verifyBackup(store, backup)));
  return {
    ...{ id, takenAt, size: dump.size, sha256: dump.sha256, reused: false },
    ...(drill && { drillMs: drill.restoreMs }),
  };
}

const asTaken = ({ id, takenAt, snapshot: { name } }: SnapshotRecord, reused: boolean): BackupTaken => ({
  ...{ id, takenAt, reused },
  snapshot: name,
});

/** The newest backup, where it will do. */
async function reusable(
  store: ObjectStore,
  database: string,
  { server: { databaseOid } }: Found,
  { steps, maxAge }: { steps: readonly SchemaStep[]; maxAge: number },
): Promise<Backup | SnapshotRecord | undefined> {
  const { backups, snapshots } = await listBackups(store, database);
  const now = Date.now();
  const will = (of: Pick<Manifest, "takenAt" | "server">, verified: boolean): boolean => {
    const one = { takenAt: Date.parse(of.takenAt), verified, databaseOid: of.server.databaseOid };
    return mayReuse(one, { steps, databaseOid, maxAge, now });
  };
  return (
    backups.findLast(({ manifest, verification }) => will(manifest, verification !== undefined)) ??
    snapshots.findLast((record) => will(record, true))
  );
}

const noDrill = ({ mode, dumpUpTo }: BackUpOrders, size: number): string => {
  const why =
    mode === "snapshot"
      ? "backup.mode is snapshot"
      : `the database has ${size} bytes, more than backup.dumpUpTo (${dumpUpTo}), so a snapshot of RDS stands in for a dump`;
  return (
    `${why}, and a snapshot can't be restored into a scratch database, which is asked for by backup.drill before steps that ` +
    "take something away. Go without: pulumi config set --path backup.drill never; or dump it, whatever its size: pulumi config " +
    "set --path backup.mode dump, with a backup.dumpUpTo above its size"
  );
};

function known(rds: RdsAddress | undefined): RdsAddress {
  if (rds !== undefined) return rds;
  throw new BackupFailure("mode", "nothing is known of the instance of RDS that a snapshot would be of; run pulumi up");
}
