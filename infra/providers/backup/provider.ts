import { isDue } from "../../backup/decisions";
import { BackupFailure } from "../../backup/failure";
import type { SchemaStep } from "../../rollout/types";
import { targetOf } from "../administered";
import { isUnreachable, lacksDatabase, withConnection } from "../connection";
import { hasUnknown, type Difference, type Provider } from "../contract";
import { factsOf, readHistory, type SchemaFacts } from "../schema/history";
import { stepsOf } from "../schema/stage";
import { storeAt } from "../store/store";
import { whileEngineIsThere } from "../traffic/engine";
import { backUp, look } from "./back-up";
import { whyNoDump } from "./programs";
import type { BackupInputs as Inputs, BackupState as State } from "./resource";

/** Needs no database: a machine that can't back up is told so at preview. */
async function check({ stage, majorVersion, mode }: Inputs): Promise<string[]> {
  // Of the two, one says it; and a snapshot needs no program.
  if (stage === "narrow" || mode === "snapshot" || hasUnknown(majorVersion)) return [];
  const problem = await whyNoDump(majorVersion);
  return problem === undefined ? [] : [problem];
}

/** None of these is work, and neither needs to be known at preview. */
const forTheRecord = { release: "", freeBytes: 0, rds: "" };

/** What this `up` will run, as the schema's own stage will say after it. */
const stepsAfter = (news: Inputs, facts: SchemaFacts): readonly SchemaStep[] =>
  stepsOf({ ...news, acceptEdited: [] }, facts);

async function diff(olds: State, news: Inputs): Promise<Difference> {
  if (hasUnknown({ ...news, ...forTheRecord }) || news.hold.length > 0 || isDueBy(news, olds)) return { changes: true };
  try {
    const history = await withConnection(news.connection, news.password, "switchyard-preview", readHistory);
    return { changes: stepsAfter(news, factsOf(history)).length > 0 };
  } catch (error) {
    if (lacksDatabase(error)) return { changes: true };
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
  const target = targetOf(news);
  const found = await look(target, say);
  const steps = stepsAfter(news, found.facts);
  if (steps.length === 0 && !isDueBy(news, olds)) return state();
  if (!found.holdsAnything) {
    say(`${news.connection.database} holds nothing yet, so there is nothing to back up`);
    return state();
  }
  const { platform, mode, dumpUpTo, drill, keep, release, maxAge, rds, freeBytes, stage } = news;
  try {
    const taken = await backUp(target, storeAt(news.store), found, {
      ...{ platform, mode, dumpUpTo, drill, keep, release, steps, say },
      before: steps.length === 0 ? "asked" : stage,
      // Before anything is taken away there is always a new one; and what the clock asks for is a new one.
      ...(stage === "widen" && steps.length > 0 && { maxAge }),
      ...(rds !== undefined && { rds, goOn: whileEngineIsThere(nobodyWaits) }),
      ...(freeBytes !== undefined && { freeBytes }),
    });
    return state(taken);
  } catch (error) {
    throw inWords(error, news, steps);
  }
}

/** RDS may take hours: the schema lock would be kept all that while. */
const nobodyWaits = () => new BackupFailure("snapshot", "the engine that waited for it has ended; run pulumi up again");

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
