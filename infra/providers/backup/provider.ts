import { chooseMode, isDue, mayReuse, needsDrill } from "../../backup/decisions";
import { BackupFailure } from "../../backup/failure";
import type { SchemaStep } from "../../rollout/types";
import { isUnreachable, withConnection } from "../connection";
import { hasUnknown, type Difference, type Provider } from "../contract";
import { factsOf, readHistory, type SchemaFacts } from "../schema/history";
import { dropStaleCopies, drillPurpose } from "../schema/rehearsal-scratch";
import { stepsOf } from "../schema/stage";
import { storeAt, type ObjectStore } from "../store/store";
import { listBackups, type Backup } from "./archive";
import { holdsAnything } from "./contents";
import { whyNoDump } from "./programs";
import type { BackupInputs as Inputs, BackupState as State, BackupTaken } from "./resource";
import { applyRetention } from "./retain";
import { takeBackup } from "./take";
import { readServer, type BackupTarget, type ServerFacts } from "./target";
import { drillBackup, verifyBackup } from "./verify";

/** Needs no database: a machine that can't back up is told so at preview. */
async function check({ stage, majorVersion }: Inputs): Promise<string[]> {
  // Of the two, one says it.
  if (stage === "narrow" || hasUnknown(majorVersion)) return [];
  const problem = await whyNoDump(majorVersion);
  return problem === undefined ? [] : [problem];
}

/** None of these is work, and neither needs to be known at preview. */
const forTheRecord = { release: "", freeBytes: 0 };

/** What this `up` will run, as the schema's own stage will say after it. */
const stepsAfter = (news: Inputs, facts: SchemaFacts): readonly SchemaStep[] =>
  stepsOf({ ...news, acceptEdited: [] }, facts);

async function diff(olds: State, news: Inputs): Promise<Difference> {
  if (hasUnknown({ ...news, ...forTheRecord }) || news.hold.length > 0 || isDueBy(news, olds)) return { changes: true };
  try {
    const history = await withConnection(news.connection, news.password, "switchyard-preview", readHistory);
    return { changes: stepsAfter(news, factsOf(history)).length > 0 };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    // What changes the schema asks state then, and so does this.
    const { applied = [], half = null, scars = [] } = news.settled ?? {};
    return { changes: stepsAfter(news, { applied: [...applied], half, scars: [...scars] }).length > 0 };
  }
}

const isDueBy = ({ stage, every }: Inputs, olds: State | undefined): boolean =>
  stage === "widen" && isDue(every, olds?.latest && Date.parse(olds.latest.takenAt), Date.now());

const say = (line: string): void => console.error(line);

async function bringUp(news: Inputs, olds?: State): Promise<State> {
  if (news.hold.length > 0) throw new Error(news.hold.join("\n"));
  const state = (latest = olds?.latest): State => ({ ...news, ...(latest && { latest }) });
  const found = await look(news);
  const steps = stepsAfter(news, found.facts);
  if (steps.length === 0 && !isDueBy(news, olds)) return state();
  if (!found.holdsAnything) {
    say(`${news.connection.database} holds nothing yet, so there is nothing to back up`);
    return state();
  }
  try {
    return state(await backUp(news, found, steps));
  } catch (error) {
    throw inWords(error, news, steps);
  }
}

interface Found {
  readonly facts: SchemaFacts;
  readonly server: ServerFacts;
  readonly holdsAnything: boolean;
  /** Where the server keeps its data, as it says itself. */
  readonly dataFolder: string;
}

/** What is real, before anything is decided. What a drill that was killed has left is cleared away here, drill or not. */
const look = ({ connection, password, owner }: Inputs): Promise<Found> =>
  withConnection(connection, password, "switchyard-backup", async (client) => {
    await dropStaleCopies(client, { owner, connection }, drillPurpose, say);
    const facts = factsOf(await readHistory(client));
    const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
    return {
      ...{ facts, server: await readServer(client), dataFolder: rows[0]?.folder ?? "" },
      holdsAnything: await holdsAnything(client),
    };
  });

async function backUp(news: Inputs, found: Found, steps: readonly SchemaStep[]): Promise<BackupTaken> {
  const { store: address, platform, mode, dumpUpTo, freeBytes, release, stage, keep } = news;
  const chosen = chooseMode({ mode, dumpUpTo, size: found.server.databaseBytes, platform });
  if (chosen !== "dump") throw new BackupFailure("mode", chosen === "snapshot" ? noSnapshots : chosen.refused);
  const store = storeAt(address);
  const { database } = news.connection;
  const earlier = steps.length === 0 ? undefined : await reusable(store, news, found, steps);
  const target = targetOf(news);
  const backup: Backup = earlier ?? {
    manifest: await takeBackup(target, store, { before: steps.length === 0 ? "asked" : stage, release, say }),
  };
  const room = freeBytes !== undefined ? { freeBytes } : platform === "local" ? { dataFolder: found.dataFolder } : {};
  const drilled = needsDrill(news.drill, steps) && backup.verification?.drill === undefined;
  const verification = drilled
    ? await drillBackup(target, store, backup, { say, room })
    : (backup.verification ?? (await verifyBackup(store, backup)));
  const { id, takenAt, dump } = backup.manifest;
  say(
    `${earlier === undefined ? "took" : "uses"} the backup ${id} of ${database} (${dump.size} bytes), verified${drilled ? " by a drill" : ""}`,
  );
  if (earlier === undefined) await applyRetention(store, database, { facts: found.facts, keep, say });
  const drillMs = verification.drill?.restoreMs;
  const { size, sha256 } = dump;
  return { id, takenAt, size, sha256, ...(drillMs !== undefined && { drillMs }), reused: earlier !== undefined };
}

const noSnapshots =
  "this version takes no snapshot of the platform by itself; dump the database: pulumi config set --path backup.mode dump, " +
  "with a backup.dumpUpTo above its size";

/** The newest backup, where it will do. */
async function reusable(
  store: ObjectStore,
  { connection, maxAge, stage }: Inputs,
  { server: { databaseOid } }: Found,
  steps: readonly SchemaStep[],
): Promise<Backup | undefined> {
  if (stage === "narrow") return undefined;
  const { backups } = await listBackups(store, connection.database);
  const now = Date.now();
  return backups.findLast(({ manifest, verification }) =>
    mayReuse(
      {
        takenAt: Date.parse(manifest.takenAt),
        verified: verification !== undefined,
        databaseOid: manifest.server.databaseOid,
      },
      { steps, databaseOid, maxAge, now },
    ),
  );
}

function targetOf({ connection, password, owner, migrator, migratorPassword, template }: Inputs): BackupTarget {
  const login = { user: migrator, password: migratorPassword };
  return { connection, password, owner, migrator: login, ...(template !== undefined && { template }) };
}

/** Which step of the backup failed, and what did not happen because of it. */
function inWords(error: unknown, { connection: { database } }: Inputs, steps: readonly SchemaStep[]): Error {
  const step = error instanceof BackupFailure ? ` at the step "${error.step}"` : "";
  const waiting = steps
    .map(({ migration: { version, name }, direction }) => `${version}_${name} ${direction}`)
    .join(", ");
  const so = waiting === "" ? "" : ` Nothing of the schema was changed; still to run: ${waiting}.`;
  return new Error(
    `the backup of ${database} failed${step}: ${(error as Error).message}.${so}`.replace(/\.\.(?= |$)/, "."),
    {
      cause: error,
    },
  );
}

export const provider: Provider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({
    id: `${inputs.connection.database}/backup-before-${inputs.stage}`,
    outs: await bringUp(inputs),
  }),
  update: (olds, news) => bringUp(news, olds),
  // Backups outlive the stack that took them: to delete one is for retention, or for a person.
  delete: () => Promise.resolve(),
};
