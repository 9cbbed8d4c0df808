import { checkMigrations, compareVersions, MigrationError } from "../../schema";
import { isUnreachable, lacksDatabase, withConnection } from "../connection";
import { hasUnknown, PartialFailure, sameInputs, type Difference, type Provider } from "../contract";
import { inProject } from "../project";
import { readHistory, factsOf, type SchemaFacts } from "./history";
import { runStage, StageFailure, stepsOf, workOf, type StageName, type StageOrders } from "./stage";
import type { StageInputs, StageState } from "./stage-inputs";

/** None of these is work by itself, and none needs to be known at preview. */
const beside: readonly (keyof StageInputs)[] = ["release", "backup", "watch"];

const noFacts: SchemaFacts = { applied: [], half: null, scars: [] };

/**
 * SchemaWiden and SchemaNarrow. What is to be done is the database's history against the files and the plan; state is asked
 * only where the database can't be reached.
 */
export function stageProvider<I extends StageInputs>(stage: StageName): Provider<I, StageState<I>> {
  const idOf = ({ connection }: StageInputs): string =>
    stage === "widen" ? `${connection.database}/schema` : `${connection.database}/schema-${stage}`;
  const run = async (news: I, olds?: StageState<I>): Promise<StageState<I>> => {
    if (news.hold.length > 0) throw new Error(news.hold.join("\n"));
    const { connection, password, owner } = news;
    const say = (line: string): void => console.error(line);
    try {
      return stateOf(news, await runStage({ connection, password, owner }, ordersOf(stage, news), { say }));
    } catch (error) {
      if (!(error instanceof StageFailure)) throw error;
      // The inputs of before stay, so that the next `up` sees what is left to do; the facts are those of now.
      const before = olds ?? ({ ...news, migrations: [] } as I);
      const partial = stateOf(before, error.facts ?? (olds && inFull(olds.facts)) ?? noFacts);
      throw new PartialFailure(error.message, idOf(news), partial, { cause: error });
    }
  };
  return {
    // Both are given the same files; one of them says what is wrong with them.
    check: (news) => (stage === "widen" ? lint(news) : []),
    diff: (olds, news) => differ(stage, olds, news),
    create: async (inputs) => ({ id: idOf(inputs), outs: await run(inputs) }),
    update: (olds, news) => run(news, olds),
    // The schema goes with its database, never before it.
    delete: () => Promise.resolve(),
  };
}

const stateOf = <I extends StageInputs>(inputs: I, facts: SchemaFacts): StageState<I> => ({
  ...inputs,
  facts,
  schemaVersion: facts.applied.at(-1)?.version ?? "",
});

function ordersOf(stage: StageName, news: StageInputs): StageOrders {
  const { migrateTo, plan, acceptEdited, acceptLoss, applied: known, release, backup, watch } = news;
  return {
    ...{ stage, migrateTo, plan, acceptEdited, acceptLoss, known, release, backup, watch },
    folder: inProject(news.folder),
    migrations: news.migrations.map(({ summary }) => summary),
  };
}

/** What the rules and squawk find in the files that are not applied yet; no database is asked. */
function lint({ folder, migrations, applied }: StageInputs): string[] {
  if (hasUnknown([folder, migrations, applied])) return [];
  const isApplied = (version: string) => applied.some((each) => compareVersions(each, version) === 0);
  if (migrations.every(({ version }) => isApplied(version))) return [];
  try {
    checkMigrations(inProject(folder), { applied });
    return [];
  } catch (error) {
    if (error instanceof MigrationError) return [error.message];
    throw error;
  }
}

/** What is left to do counts, and no input by itself: what is settled or planned differs with every `up` that ends well. */
async function differ(stage: StageName, olds: StageState, news: StageInputs): Promise<Difference> {
  if (hasUnknown(omit(news, beside)) || news.hold.length > 0) return { changes: true };
  const orders = ordersOf(stage, news);
  const before = inFull(olds.facts);
  try {
    const history = await withConnection(news.connection, news.password, "switchyard-preview", readHistory);
    const { steps, edited, deleted } = workOf(orders, history);
    // What SchemaNarrow knows is what settles; SchemaWiden's facts are of a moment before.
    const known = stage === "widen" || sameInputs({ facts: before }, { facts: factsOf(history) });
    return { changes: !known || steps.length + edited.length + deleted.length > 0 };
  } catch (error) {
    if (lacksDatabase(error)) return { changes: true };
    // A database that is down is no change of the schema; whatever needs it says so itself.
    if (isUnreachable(error)) return { changes: stepsOf(orders, before).length > 0 };
    throw error;
  }
}

/** The engine leaves out what is null. */
const inFull = (facts: SchemaFacts): SchemaFacts => ({
  ...facts,
  half: (facts as Partial<SchemaFacts>).half ?? null,
});

const omit = <T extends object, K extends keyof T>(from: T, keys: readonly K[]): Omit<T, K> =>
  Object.fromEntries(Object.entries(from).filter(([key]) => !keys.some((each) => each === key))) as Omit<T, K>;
