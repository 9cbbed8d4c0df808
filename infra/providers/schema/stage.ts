import { stagesOf, stepsTo } from "../../rollout/schema-steps";
import type { Migration as Summary, SchemaPlan, SchemaStep, StepName } from "../../rollout/types";
import { compareVersions, readMigrations, versionKey, type Migration } from "../../schema";
import { systemClock } from "../traffic/clock";
import { engineAddress, engineAt } from "../traffic/engine";
import { acceptDeleted, acceptFiles, deletedFiles, editedFiles, type Edited } from "./accept";
import { prepareHistory, factsOf, readHistory, readSchemaFacts, type HistoryRow, type SchemaFacts } from "./history";
import { Impacts } from "./impacts";
import { assertIsKnown } from "./known";
import { LiveWatch, type WatchInputs, type WatchSurroundings } from "./live-watch";
import type { Run, RunStep } from "./run";
import { runStep, stepFromFile, stepFromRecord } from "./run-step";
import { withRun, type RunOptions, type RunTarget } from "./session";

/** `widen`: before traffic advances. `narrow`: after no release that it breaks can run. */
export type StageName = "widen" | "narrow";

/** What an `up` asks of the schema, and what the plan lets it do. */
export interface StageOrders {
  readonly stage: StageName;
  /** Absolute path of the migrations' folder. */
  readonly folder: string;
  /** "latest", or a version. */
  readonly migrateTo: string;
  /** The files as the plan has judged them. */
  readonly migrations: readonly Summary[];
  readonly plan: { readonly early: readonly string[]; readonly waits: readonly string[] };
  /** Versions whose edited file the history takes over. */
  readonly acceptEdited: readonly string[];
  /** Versions whose loss of data is accepted: what goes is counted and kept on record. */
  readonly acceptLoss: readonly string[];
  /** Versions that were applied when the last `up` ended, in order. @default nobody knows */
  readonly known?: readonly string[];
  /** Which releases are declared, for the record. */
  readonly release: string;
  readonly backup?: string;
  /** How the live colour is watched after each migration; left out where it is not. */
  readonly watch?: WatchInputs;
}

/** A run that broke off, with what is real now. */
export class StageFailure extends Error {
  constructor(
    message: string,
    /** Undefined where the database can't say any more. */
    readonly facts: SchemaFacts | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a stage would do now; empty where there is nothing to do. */
export interface StageWork {
  readonly steps: readonly SchemaStep[];
  readonly edited: readonly Edited[];
  /** Applied ones whose file is gone, which is accepted. */
  readonly deleted: readonly HistoryRow[];
}

type Planned = Pick<StageOrders, "stage" | "migrateTo" | "migrations" | "plan" | "acceptEdited">;

/** The very functions by which the rules have judged the plan say what is to be done. */
export function stepsOf(orders: Planned, facts: SchemaFacts): readonly SchemaStep[] {
  const stages = stagesOf(stepsTo(orders, { ...facts }), planOf(orders.plan));
  const left = orders.stage === "narrow" ? stages.widen : [];
  if (left.length > 0)
    throw new Error(
      `SchemaWiden has left ${left.map(nameOf).join(", ")} undone, and what narrows comes after it: run pulumi up without ` +
        "--target",
    );
  return stages[orders.stage];
}

export function workOf(orders: Planned, history: readonly HistoryRow[]): StageWork {
  const facts = factsOf(history);
  return {
    steps: stepsOf(orders, facts),
    edited: editedFiles(orders.migrations, history),
    deleted: deletedFiles(orders, stepsTo(orders, { ...facts }), history),
  };
}

const nameOf = ({ migration, direction }: SchemaStep): string => `${migration.version}_${migration.name} ${direction}`;

// In inputs they are plain text; a name that no step has does nothing.
const planOf = ({ early, waits }: StageOrders["plan"]): SchemaPlan => ({
  early: early as StepName[],
  waits: waits as StepName[],
});

/**
 * Runs what of an `up` belongs to a stage, one migration at a time, alone on that database.
 * @returns what is real afterwards
 * @throws StageFailure for a migration that failed, or whose turn did not come; Error before anything began
 */
export function runStage(
  target: RunTarget,
  orders: StageOrders,
  { around, ...options }: RunOptions & { around?: WatchSurroundings },
): Promise<SchemaFacts> {
  const files = readFiles(orders);
  return withRun(target, options, async (run) => {
    await assertIsKnown(run.client, orders);
    await prepareHistory(run.client);
    try {
      await new Stage(run, orders, files, around).run();
    } catch (error) {
      throw new StageFailure((error as Error).message, await factsAfter(run), { cause: error });
    }
    return readSchemaFacts(run.client);
  });
}

/** The session that worked may be gone. What the database says then is for the next preview to find out. */
const factsAfter = ({ client }: Run): Promise<SchemaFacts | undefined> =>
  readSchemaFacts(client).catch(() => undefined);

function readFiles({ folder, migrations }: StageOrders): Map<string, Migration> {
  const files = new Map(readMigrations(folder).map((file) => [versionKey(file.version), file]));
  for (const { version, name, checksum } of migrations) {
    const file = files.get(versionKey(version));
    if (file?.checksum !== checksum)
      throw new Error(
        `${folder}/${file?.fileName ?? `${version}_${name}.sql`} changed while pulumi up ran; run it again`,
      );
  }
  return files;
}

class Stage {
  constructor(
    private readonly run_: Run,
    private readonly orders: StageOrders,
    private readonly files: ReadonlyMap<string, Migration>,
    private readonly around: WatchSurroundings | undefined,
  ) {}

  async run(): Promise<void> {
    const { client, say } = this.run_;
    let history = await readHistory(client);
    const { edited, deleted } = workOf(this.orders, history);
    if (edited.length + deleted.length > 0) {
      await acceptFiles(this.run_, edited, this.files, this.orders);
      await acceptDeleted(this.run_, deleted, this.orders);
      history = await readHistory(client);
    }
    const { steps } = workOf(this.orders, history);
    const impacts = new Impacts(this.run_, history);
    // Nobody else writes it while the lock is held; what this run has written since is read again.
    const rows = new Map(history.map((row) => [versionKey(row.version), row]));
    const written = new Set<string>();
    const watch = await this.beginWatch(steps.length);
    for (const [index, step] of steps.entries()) {
      const key = versionKey(step.migration.version);
      const row = written.has(key) ? undefined : (rows.get(key) ?? null);
      written.add(key);
      const ready = this.stepOf(step, history);
      await impacts.before(ready);
      say(`${nameOf(step)}: begins`);
      const began = performance.now();
      await runStep(this.run_, ready, { ...this.optionsOf(step), row });
      say(`${nameOf(step)}: done in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
      impacts.after(ready);
      const next = steps[index + 1];
      const { version } = step.migration;
      await watch?.after({ version, name: nameOf(step), next: next && nameOf(next) });
    }
    await impacts.end();
  }

  private async beginWatch(watches: number): Promise<LiveWatch | undefined> {
    const { watch } = this.orders;
    if (watch === undefined || watches === 0) return undefined;
    const around = this.around ?? { clock: systemClock, engineAlive: engineAt(engineAddress()) };
    const live = new LiveWatch(this.run_, watch, around, watches);
    await live.begin();
    return live;
  }

  private stepOf({ migration, direction }: SchemaStep, history: readonly HistoryRow[]): RunStep {
    if (direction === "down") {
      const row = history.find(({ version }) => compareVersions(version, migration.version) === 0);
      if (row !== undefined) return stepFromRecord(row, "down");
    }
    const file = this.files.get(versionKey(migration.version));
    if (file === undefined) throw new Error(`${migration.version}_${migration.name} is on no record and has no file`);
    return stepFromFile(file, direction, migration);
  }

  private optionsOf({ migration, direction }: SchemaStep) {
    const { release, backup, acceptLoss } = this.orders;
    const accepted = acceptLoss.some((version) => compareVersions(version, migration.version) === 0);
    return { release, backup, acceptedLoss: accepted && migration.lossy[direction] };
  }
}
