import { inProject } from "../project";
import { checkMigrations, compareVersions, MigrationError, readMigrations, type Migration } from "../../schema";
import { isUnreachable, withConnection } from "../connection";
import { hasUnknown, PartialFailure, sameInputs, type Difference, type Provider } from "../contract";
import { prepareHistory, readHistory, type HistoryRow } from "../schema/history";
import { withSchemaLock } from "../schema/lock";
import { runUp } from "../schema/run-up";
import type { DeclaredMigration, SchemaWidenInputs as Inputs, SchemaWidenState as State } from "./resource";

/** How long to wait for another run that changes the schema, in ms. */
const lockWaitMs = 60_000;

/** Judged from what is declared now and what was applied before, and from the files; no database is asked. */
function check(news: Inputs, olds: Inputs | undefined): string[] {
  if (hasUnknown(news.migrations)) return [];
  const applied = olds?.migrations ?? [];
  return [...againstApplied(news.migrations, applied), ...unsafe(news, applied)];
}

function againstApplied(declared: DeclaredMigration[], applied: DeclaredMigration[]): string[] {
  const before = new Map(applied.map((each) => [each.version, each]));
  const newest = applied.at(-1)?.version ?? "";
  const there = new Set(declared.map(({ version }) => version));
  return [
    ...declared.flatMap(({ version, name, phase, checksum }) => {
      const old = before.get(version);
      if (phase === "contract")
        return `${version}_${name} is a contract migration: the schema can only be widened so far, so leave it out`;
      if (old !== undefined && old.checksum !== checksum)
        return `${version}_${name} was applied and has been edited since: put it back, and write a new migration`;
      if (old === undefined && newest !== "" && compareVersions(version, newest) < 0)
        return `${version}_${name} sorts before ${newest}, which is applied: give it the next free version`;
      return [];
    }),
    ...applied
      .filter(({ version }) => !there.has(version))
      .map(
        ({ version, name }) =>
          `${version}_${name} is applied and no longer declared: put its file back, and migrateTo where it includes it ` +
          "(pulumi config set switchyard:migrateTo latest)",
      ),
  ];
}

/** What the rules and squawk find in the files that are not applied yet. */
function unsafe({ folder, migrations }: Inputs, applied: DeclaredMigration[]): string[] {
  const known = new Set(applied.map(({ version }) => version));
  if (migrations.every(({ version }) => known.has(version))) return [];
  try {
    checkMigrations(inProject(folder), { applied: [...known] });
    return [];
  } catch (error) {
    if (error instanceof MigrationError) return [error.message];
    throw error;
  }
}

/** The history in the database counts where it can be read: a restored or rebuilt database is seen, and put right. */
async function diff(olds: State, news: Inputs): Promise<Difference> {
  if (hasUnknown(news) || !sameInputs(olds, news, ["schemaVersion", "applied"])) return { changes: true };
  try {
    const history = await withConnection(news.connection, news.password, "switchyard-preview", readHistory);
    return { changes: !news.migrations.every(({ version }) => isApplied(history, version)) };
  } catch (error) {
    // A database that is down is no change of the schema; whatever needs it says so itself.
    if (isUnreachable(error)) return { changes: false };
    throw error;
  }
}

const isApplied = (history: HistoryRow[], version: string): boolean =>
  history.some((row) => row.version === version && row.finishedAt !== null);

async function widen(news: Inputs, olds?: State): Promise<State> {
  const files = new Map(readMigrations(inProject(news.folder)).map((each) => [each.version, each]));
  const wanted = news.migrations.map((each) => {
    const file = files.get(each.version);
    if (file?.checksum === each.checksum) return file;
    throw new Error(`${news.folder}/${each.version}_${each.name}.sql changed while pulumi up ran; run it again`);
  });
  const { connection, password, owner } = news;
  const state = (applied: Migration[]): State => ({
    ...news,
    schemaVersion: applied.at(-1)?.version ?? "",
    applied: applied.length,
  });
  return withConnection(connection, password, "switchyard-lock", (lock) =>
    withConnection(connection, password, "switchyard-migrate", (client) =>
      withSchemaLock(lock, { waitMs: lockWaitMs, say: (line) => console.error(line) }, async (assertHeld) => {
        await client.query(`SET ROLE ${client.escapeIdentifier(owner)}`);
        await prepareHistory(client);
        const history = await readHistory(client);
        assertUnedited(wanted, history);
        const done: Migration[] = [];
        for (const migration of wanted) {
          try {
            if (!isApplied(history, migration.version))
              await runUp(
                client,
                migration,
                history.find(({ version }) => version === migration.version),
                assertHeld,
              );
            done.push(migration);
          } catch (error) {
            // State keeps the inputs of before, so that the next `up` sees the pending ones again.
            const partial = olds ?? { ...state(done), migrations: [] };
            throw new PartialFailure((error as Error).message, idOf(news), partial, { cause: error });
          }
        }
        return state(done);
      }),
    ),
  );
}

/** The database's own word counts more than state's: it may have been brought here by another stack or a restore. */
function assertUnedited(wanted: Migration[], history: HistoryRow[]): void {
  const edited = wanted.filter(({ version, checksum }) =>
    history.some((row) => row.version === version && row.finishedAt !== null && row.checksum !== checksum),
  );
  if (edited.length > 0)
    throw new Error(
      `the database has other contents on record for ${edited.map(({ fileName }) => fileName).join(", ")}; applied ` +
        "migrations are never edited: put the files back, and write a new migration",
    );
}

const idOf = ({ connection }: Inputs): string => `${connection.database}/schema`;

export const provider: Provider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({ id: idOf(inputs), outs: await widen(inputs) }),
  update: (olds, news) => widen(news, olds),
  // The schema goes with its database, never before it.
  delete: () => Promise.resolve(),
};
