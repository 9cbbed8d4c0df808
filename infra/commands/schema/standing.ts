import {
  compareVersions,
  pendingList,
  planMigrations,
  problemOf,
  summarise,
  type AppliedMigration,
  type Migration,
  type MigrationPlan,
  type PendingEntry,
  type Phase,
  type Problem,
  type Section,
  type Step,
} from "../../schema";
import { nameOf } from "../../rollout/names";
import { schemaPlanOf } from "../../rollout/rules/narrowing";
import { stagesOf, stepsTo, type Stages } from "../../rollout/schema-steps";
import type { Declared, Migration as Summary, PerColour, Release, SchemaStep, State } from "../../rollout/types";
import { isApplied, isHalf, type Recorded } from "./history";

/**
 * How a migration stands:
 * - applied: as its file says. edited: the file says something else now. file gone: it is applied, and has none.
 * - half: it began and did not end. taken back: its down was run.
 * - pending: the next `up` runs it. waiting: it does not yet. not wanted: `migrateTo` is below it.
 */
export type Standing =
  "applied" | "edited" | "file gone" | "half" | "taken back" | "pending" | "waiting" | "not wanted";

export interface Entry {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly standing: Standing;
  /** What a reader has to know of it, in a sentence or two. */
  readonly why?: string;
  /** When it was done, taken back, or began where it did not end; ISO 8601, UTC. */
  readonly at?: string;
  readonly durationMs?: number;
  /** The role that ran it. */
  readonly by?: string;
}

/** What config says that bears on the schema. */
export interface Wanted {
  readonly migrateTo: string;
  readonly acceptEdited: readonly string[];
  /** What runs as declared; undefined where nobody knows of releases. */
  readonly rollout?: Pick<Declared, "weight" | "releases" | "bake" | "overrides">;
  /** What ran after the last `up` that finished. */
  readonly running: PerColour<Release | null>;
}

export interface Report {
  readonly entries: readonly Entry[];
  /** What has to run, in that order. */
  readonly pending: readonly (PendingEntry & { readonly waits: boolean })[];
  /** Of those, the steps that take data, by "0002 down": what they run. */
  readonly lossy: ReadonlyMap<string, Section>;
  /** Why an `up` would be refused. */
  readonly problems: readonly Problem[];
}

/** Puts files and history side by side. Pure. */
export function standingOf(files: readonly Migration[], records: readonly Recorded[], wanted: Wanted): Report {
  const accepted = (version: string): boolean => wanted.acceptEdited.some((one) => compareVersions(one, version) === 0);
  const fileOf = (version: string): Migration | undefined =>
    files.find((file) => compareVersions(file.version, version) === 0);
  // What broke off on its way back still has to go back.
  const there = records.filter((record) => isApplied(record) || record.state === "taking back");
  const plan = planMigrations({
    files,
    applied: there.map((record) => asApplied(record, accepted(record.version) ? fileOf(record.version) : undefined)),
    migrateTo: wanted.migrateTo === "latest" ? newest(files) : wanted.migrateTo,
    // All steps in their order; in which part of an `up` each runs, the rules of a rollout say.
    live: false,
  });
  const { stages, waits } = stagesFor(files, records, wanted, plan.target);
  const context: Context = { fileOf, accepted, waits, target: plan.target };
  const versions = [...files, ...records.filter(({ version }) => fileOf(version) === undefined)]
    .map(({ version }) => version)
    .sort(compareVersions);
  return {
    entries: versions.map((version) => {
      const record = records.find((one) => compareVersions(one.version, version) === 0);
      return entryOf(version, record, context);
    }),
    pending: pendingSteps(plan, stages),
    lossy: new Map(lossySteps(plan, stages)),
    problems: [...plan.problems, ...gone(files, records, accepted, plan.target)],
  };
}

/** The newest file, as the plan of an `up` has it: what is applied above it is taken back. */
const newest = (files: readonly Migration[]): string =>
  files
    .map(({ version }) => version)
    .sort(compareVersions)
    .at(-1) ?? "0";

/** An applied migration keeps its file while it stays applied: another database could not be made from the others. */
function gone(
  files: readonly Migration[],
  records: readonly Recorded[],
  accepted: (version: string) => boolean,
  target: string | undefined,
): Problem[] {
  return records
    .filter(isApplied)
    .filter(({ version }) => !files.some((file) => compareVersions(file.version, version) === 0))
    .filter(({ version }) => !isAbove(version, target) && !accepted(version))
    .map(({ version, name }) =>
      problemOf(`${version}_${name}.sql`, {
        rule: "applied-stays",
        message: "it is applied, and its file is gone",
        safeWay: `put it back (git log -- migrations/), or set migrateTo below it to take it back, or npm run schema -- accept ${version} --reason "…"`,
      }),
    );
}

function asApplied({ version, name, phase, checksum, ...record }: Recorded, file?: Migration): AppliedMigration {
  const { up, down, irreversible } = record;
  return { version, name, phase, checksum: file?.checksum ?? checksum, up, down, irreversible };
}

interface Context {
  readonly fileOf: (version: string) => Migration | undefined;
  readonly accepted: (version: string) => boolean;
  /** Why each waiting step waits, by "0008 up". */
  readonly waits: ReadonlyMap<string, string>;
  readonly target: string | undefined;
}

function entryOf(version: string, record: Recorded | undefined, context: Context): Entry {
  const file = context.fileOf(version);
  const { name = "", phase = "expand" } = file ?? record ?? {};
  const head = { version, name, phase };
  if (record === undefined) return { ...head, ...unapplied(version, record, context) };
  const { by, startedAt, finishedAt, durationMs } = record;
  if (isHalf(record)) return { ...head, standing: "half", why: brokenOff(record), at: startedAt, by };
  if (isApplied(record)) return { ...head, ...appliedAs(record, file, context), at: finishedAt, durationMs, by };
  return { ...head, ...unapplied(version, record, context) };
}

function appliedAs(record: Recorded, file: Migration | undefined, context: Context): Pick<Entry, "standing" | "why"> {
  const { version, checksum } = record;
  const leaving = isAbove(version, context.target);
  const back = context.waits.get(`${version} down`);
  const goes = leaving ? (back ?? "its down runs in the next up") : undefined;
  const mend = context.accepted(version)
    ? "accepted"
    : `put it back, or npm run schema -- accept ${version} --reason "…"`;
  if (file === undefined) {
    // Its recorded down is what runs: the file is not needed any more.
    return { standing: "file gone", why: goes ?? `its file is not in migrations/; ${mend}` };
  }
  if (file.checksum !== checksum)
    return { standing: "edited", why: goes ?? `its file is not what ran (${checksum.slice(0, 12)}…); ${mend}` };
  return { standing: "applied", why: goes };
}

function unapplied(
  version: string,
  record: Recorded | undefined,
  context: Context,
): Pick<Entry, "standing" | "why" | "at" | "by"> {
  const at = record?.takenBackAt;
  const before = at === undefined ? {} : { at, by: record?.by };
  if (context.fileOf(version) === undefined || isAbove(version, context.target)) {
    const why = `migrateTo is ${context.target ?? "none"}`;
    return at === undefined ? { standing: "not wanted", why } : { standing: "taken back", ...before };
  }
  const waits = context.waits.get(`${version} up`);
  if (waits !== undefined) return { standing: "waiting", why: waits, ...before };
  const failed = record?.error === undefined ? undefined : `it failed and was rolled back: ${failureOf(record)}`;
  return { standing: "pending", why: failed ?? (at === undefined ? undefined : "it was taken back before"), ...before };
}

const isAbove = (version: string, target: string | undefined): boolean =>
  target === undefined || compareVersions(version, target) > 0;

function brokenOff(record: Recorded): string {
  const { state, statements = 0 } = record;
  const direction = state === "taking back" ? "its down" : "its up";
  const done = statements === 0 ? "" : `, after ${statements === 1 ? "1 statement" : `${statements} statements`}`;
  const why = record.error === undefined ? "" : `: ${failureOf(record)}`;
  return `${direction} began and did not end${done}${why}; npx pulumi up goes on with it`;
}

/** The first line says what, where and why; the rest is the record's. */
function failureOf({ error = "", failedStatement }: Recorded): string {
  const first = (text: string): string => text.split("\n")[0] ?? "";
  return `${first(error)}${failedStatement === undefined ? "" : ` (at ${first(failedStatement)})`}`;
}

function pendingSteps({ widening: steps }: MigrationPlan, stages: Stages): Report["pending"] {
  const runsIn = (stage: readonly SchemaStep[]): Step[] =>
    stage.flatMap((wanted) => steps.filter((step) => `${step.version} ${step.direction}` === nameOf(wanted)));
  const waiting = runsIn(stages.waiting);
  const listed = pendingList({ widening: runsIn(stages.widen), narrowing: [...runsIn(stages.narrow), ...waiting] });
  return listed.map((entry, index) => ({ ...entry, waits: index >= listed.length - waiting.length }));
}

function lossySteps({ widening: steps }: MigrationPlan, stages: Stages): [string, Section][] {
  const lossy = Object.values(stages).flatMap((stage: readonly SchemaStep[]) =>
    stage.filter(({ migration, direction }) => migration.lossy[direction]).map(nameOf),
  );
  return steps.flatMap(({ version, direction, transaction, statements }) => {
    const name = lossy.find((one) => one === `${version} ${direction}`);
    return name === undefined ? [] : [[name, { direction, transaction, statements, text: "" }]];
  });
}

/** What the next `up` does and leaves out, by the very rules that the plan of an `up` asks, and why. */
function stagesFor(
  files: readonly Migration[],
  records: readonly Recorded[],
  wanted: Wanted,
  target: string | undefined,
): { stages: Stages; waits: Map<string, string> } {
  if (target === undefined) return { stages: { widen: [], narrow: [], waiting: [] }, waits: new Map() };
  const summaryOf = (record: Recorded): Summary => {
    const file = files.find(({ version }) => compareVersions(version, record.version) === 0);
    const { version, name, phase, checksum, down } = record;
    const unknown = { version, name, phase, checksum, lossy: { up: true, down: true }, hasDown: down !== undefined };
    return record.summary ?? (file === undefined ? unknown : summarise(file, files));
  };
  const half = records.find(isHalf);
  const wiring = { listener: "", targets: { blue: "", green: "" } };
  const state: State = {
    weight: null,
    releases: wanted.running,
    applied: records.filter(isApplied).map(summaryOf),
    half: half === undefined ? null : summaryOf(half),
    scars: [],
    wiring,
  };
  const migrations = files.map((file) => summarise(file, files));
  const wantedSteps = stepsTo({ migrateTo: target, migrations }, state);
  if (wanted.rollout === undefined)
    return { stages: stagesOf(wantedSteps, { early: [], waits: [] }), waits: new Map() };
  const declared: Declared = { ...wanted.rollout, migrateTo: target, migrations, wiring };
  const { plan, waiting } = schemaPlanOf(declared, [state]);
  const reasons = new Map(
    waiting.map(({ step, finding }) => [
      nameOf(step),
      `${finding.found.replace(/^.*? waits: /, "")}; ${finding.remedy}`,
    ]),
  );
  const stages = stagesOf(wantedSteps, plan);
  const names = stages.waiting.map((step: SchemaStep) => nameOf(step));
  const behind = `it stands behind ${names[0] ?? ""}, which waits`;
  return { stages, waits: new Map(names.map((name) => [name, reasons.get(name) ?? behind])) };
}
