import { readMigrations, type Migration } from "../../schema";
import { targetOf } from "../administered";
import { isUnreachable, lacksDatabase, withConnection } from "../connection";
import { hasUnknown, PartialFailure, sameInputs, type Difference, type Provider } from "../contract";
import { inProject } from "../project";
import { isApplied, readRecorded } from "../schema/rehearsal-history";
import {
  RehearsalFailure,
  type Rehearsed,
  type RehearsalOptions,
  type RehearsalReport,
  type RehearsalTarget,
  type ScratchDatabase,
} from "../schema/rehearsal-types";
import { rehearse } from "../schema/rehearse";
import { smokeRelease } from "./local-release";
import { acceptedWithout, checkRehearsed, type RehearsableMigration, type Required } from "./required";
import type {
  SchemaRehearsalInputs as Inputs,
  SchemaRehearsalKnown as Known,
  SchemaRehearsalState as State,
} from "./resource";

/** What another stack must have rehearsed; undefined where none is asked, or it is not known yet. */
function requiredOf(news: Inputs): Required | undefined {
  const { requiredFrom, rehearsals, settled, unread } = news;
  if (requiredFrom === undefined || [news.migrations, requiredFrom, rehearsals, settled, unread].some(hasUnknown))
    return undefined;
  return { stack: requiredFrom, rehearsals, isNew: (settled ?? []).length === 0, ...(unread && { unread }) };
}

/** What is declared, not applied as far as anybody knows without a database, and was not proven before. */
const unproven = ({ migrations, settled = [] }: Inputs, olds: Known | undefined): RehearsableMigration[] =>
  migrations.filter(({ checksum }) => ![...settled, ...(olds?.proven ?? [])].includes(checksum));

function check(news: Inputs, olds: Known | undefined): string[] {
  const required = requiredOf(news);
  return required === undefined ? [] : checkRehearsed(unproven(news, olds), required, news.acceptUnrehearsed);
}

function complete(news: Inputs, olds: Known | undefined): Known {
  const required = requiredOf(news);
  if (required === undefined) return { ...news, accepted: olds?.accepted ?? [], proven: olds?.proven ?? [] };
  const open = unproven(news, olds);
  const accepted = acceptedWithout(open, required, news.acceptUnrehearsed);
  const proven = open.filter(({ version }) => !accepted.includes(version)).map(({ checksum }) => checksum);
  return { ...news, accepted, proven: [...(olds?.proven ?? []), ...proven] };
}

/** Rehearsed on what config names now: a dump that came into config later has something else to show. */
const rehearsedHere = ({ from }: Inputs, rehearsed: readonly Rehearsed[]): string[] =>
  rehearsed.filter((each) => each.from === from).map(({ checksum }) => checksum);

/** What has to be rehearsed, as far as state tells. */
function open(news: Inputs, olds: State): RehearsableMigration[] {
  const done = [...rehearsedHere(news, olds.rehearsed), ...olds.applied, ...(news.settled ?? [])];
  return news.migrations.filter(({ checksum }) => !done.includes(checksum));
}

/** Without anything to rehearse no database is asked, and none has to be there. */
async function diff(olds: State, news: Known): Promise<Difference> {
  if (!sameInputs({ accepted: olds.accepted ?? [] }, { accepted: news.accepted ?? [] })) return { changes: true };
  if (!news.enabled) return { changes: false };
  if (hasUnknown(news)) return { changes: true };
  const candidates = open(news, olds);
  if (candidates.length === 0) return { changes: false };
  try {
    const history = await withConnection(news.connection, news.password, "switchyard-preview", readRecorded);
    return { changes: candidates.some((migration) => !isApplied(history, migration)) };
  } catch (error) {
    if (lacksDatabase(error)) return { changes: true };
    // A database that is down is no reason to rehearse; whatever needs it says so itself.
    if (isUnreachable(error)) return { changes: false };
    throw error;
  }
}

async function bringUp(news: Known, olds?: State): Promise<State> {
  const before = olds?.rehearsed ?? [];
  const state = (report?: RehearsalReport): State => ({
    ...news,
    rehearsed: report === undefined ? before : merge(before, report.rehearsed, news.from),
    applied: report === undefined ? (olds?.applied ?? []) : [...report.applied],
    driftFound: report === undefined ? (olds?.driftFound ?? []) : [...report.drift],
  });
  // An `up` after one that failed comes here even where nothing is left to do; the database may be down by then.
  if (!news.enabled || (olds !== undefined && open(news, olds).length === 0)) return state();
  const say = (line: string) => console.error(line);
  try {
    return state(
      await rehearse(rehearsedOn(news), { ...optionsOf(news, say), known: rehearsedHere(news, before) }, say),
    );
  } catch (error) {
    // What went well is kept, and what did not is seen as open by the next `up`.
    if (error instanceof RehearsalFailure)
      throw new PartialFailure(error.message, idOf(news), state(error.report), { cause: error });
    throw error;
  }
}

function rehearsedOn(news: Inputs): RehearsalTarget {
  const { release, releasePassword } = news;
  const service = release && { user: release.copy.database.user, password: releasePassword ?? "" };
  return { ...targetOf(news), ...(service && { service }) };
}

function optionsOf(news: Inputs, say: (line: string) => void): RehearsalOptions {
  const { drift, from, release } = news;
  return {
    migrations: declaredFiles(news),
    drift,
    ...(from === undefined ? {} : { from: inProject(from) }),
    ...(release === undefined
      ? {}
      : {
          releaseSchema: release.copy.schema,
          smoke: (database: ScratchDatabase) => smokeRelease(release, database, say),
        }),
  };
}

function declaredFiles({ folder, migrations }: Inputs): Migration[] {
  const files = readMigrations(inProject(folder));
  return migrations.map(({ version, name, checksum }) => {
    const file = files.find((each) => each.version === version);
    if (file?.checksum === checksum) return file;
    throw new Error(`${folder}/${version}_${name}.sql changed while pulumi up ran; run it again`);
  });
}

/** The latest rehearsal of each checksum on each kind of copy. All are kept: another stack may be some commits behind. */
function merge(before: readonly Rehearsed[], now: readonly Rehearsed[], from: string | undefined): Rehearsed[] {
  const fresh = now.map((each) => (from === undefined ? each : { ...each, from }));
  const isOld = ({ checksum, on }: Rehearsed) => fresh.some((each) => each.checksum === checksum && each.on === on);
  return [...before.filter((each) => !isOld(each)), ...fresh];
}

const idOf = ({ connection }: Inputs): string => `${connection.database}/rehearsal`;

export const provider: Provider<Inputs, State> = {
  check,
  complete,
  diff,
  create: async (inputs) => ({ id: idOf(inputs), outs: await bringUp(inputs) }),
  update: (olds, news) => bringUp(news, olds),
  // Scratch copies go with the rehearsal that made them.
  delete: () => Promise.resolve(),
};
