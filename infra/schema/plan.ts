import { parseSection } from "./file";
import { strongest } from "./locks";
import { nearMiss } from "./near";
import { MigrationError, problemOf } from "./problem";
import type { Problem } from "./problem";
import { Touches } from "./touches";
import { compareVersions, effectOf } from "./types";
import type { Direction, Effect, Lock, Migration, Phase, Section, Statement } from "./types";

/** What the history says of a migration that the database has. */
export interface AppliedMigration {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly checksum: string;
  /** `Migration.up.text` as it was applied. */
  readonly up?: string;
  /** `Migration.down.text` as it was at that time; the way back, also where the file is gone. */
  readonly down?: string;
  readonly irreversible?: string;
}

export interface PlanInput {
  /** In any order. */
  readonly files: readonly Migration[];
  /** In any order. */
  readonly applied: readonly AppliedMigration[];
  /**
   * A version, by number or as the file has it; all zeros for none; or `latest`. Default `latest`: the highest of files
   * and history.
   */
  readonly migrateTo?: string;
  /**
   * Whether a release may be running on this database. Default true. Where none can (a new database), nothing has to
   * wait, and all migrations run in their order as widening.
   */
  readonly live?: boolean;
  /**
   * Versions that earlier plans had pending, as kept in the plan's own outputs. Such a one is not new: it may stand below
   * an applied one because it had to wait. Default none; contracts, and what waits for one, are known without it.
   */
  readonly announced?: readonly string[];
}

/** One migration in one direction. */
export interface Step {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly effect: Effect;
  readonly transaction: boolean;
  readonly statements: readonly Statement[];
  /** Strongest for each table. */
  readonly locks: readonly Lock[];
  /** `recorded`: a down from the history. */
  readonly source: "file" | "recorded";
  /**
   * Narrowing steps that a widening one must come after, because they touch the same things. Then it stands among the
   * narrowing ones, and a release that needs it can't get traffic before.
   */
  readonly waitsFor: readonly string[];
}

export interface MigrationPlan {
  /** Where the schema will be: the version meant by `migrateTo`; undefined where there is no migration at all. */
  readonly target?: string;
  /** Before traffic advances. */
  readonly widening: readonly Step[];
  /** After no release that they break can run. */
  readonly narrowing: readonly Step[];
  /** What forbids the plan; it must not run while there is any. */
  readonly problems: readonly Problem[];
  /** What a reader should know, though nothing forbids it. */
  readonly notes: readonly string[];
}

/** Orders what has to run to bring the schema to `migrateTo`. Pure: no file and no database is read. */
export function planMigrations(input: PlanInput): MigrationPlan {
  const files = [...input.files].sort((a, b) => compareVersions(a.version, b.version));
  const applied = [...input.applied].sort((a, b) => compareVersions(a.version, b.version));
  const problems = [...duplicates(files, "files"), ...duplicates(applied, "history"), ...changed(files, applied)];
  const target = findTarget(files, applied, input.migrateTo ?? "latest", problems);
  if (target === undefined) return { widening: [], narrowing: [], problems, notes: [] };
  const upTo = ({ version }: { version: string }): boolean => compareVersions(version, target) <= 0;
  const touches = new Touches(files);
  const staying = applied.filter(upTo);
  const known = new Set(applied.map(({ version }) => key(version)));
  const byVersion = new Map(files.map((file) => [key(file.version), file]));
  const pending = files.filter((file) => upTo(file) && !known.has(key(file.version)));
  const downs = applied.filter((one) => !upTo(one)).reverse();
  const steps = [
    ...downs.flatMap((one) => downStep(one, byVersion.get(key(one.version)), problems) ?? []),
    ...pending.map((file) => step(file, file.up, "file")),
  ];
  const phased = split(steps, touches);
  const waiting = new Set([...(input.announced ?? []), ...phased.narrowing.map(({ version }) => version)].map(key));
  problems.push(...outOfOrder(pending, waiting, staying, byVersion, touches));
  const order = (input.live ?? true) ? phased : { widening: steps, narrowing: [] };
  const notes = applied
    .filter((one) => upTo(one) && !byVersion.has(key(one.version)))
    .map(
      (one) =>
        `${one.version}_${one.name} is applied, but its file is gone; it stays. To take it back, set migrateTo below ${one.version}.`,
    );
  return { target, ...order, problems, notes };
}

const key = (version: string): string => version.replace(/^0+(?=\d)/, "");

/**
 * Widening steps run first, unless one touches what a narrowing step before it touches: then both keep their order,
 * and the widening one waits.
 */
function split(steps: readonly Step[], touches: Touches): Pick<MigrationPlan, "widening" | "narrowing"> {
  const widening: Step[] = [];
  const narrowing: Step[] = [];
  for (const next of steps) {
    if (next.effect === "narrow") {
      narrowing.push(next);
      continue;
    }
    const before = narrowing.filter((other) => touches.meet(other.statements, next.statements));
    if (before.length === 0) widening.push(next);
    else narrowing.push({ ...next, waitsFor: before.map(({ version }) => version) });
  }
  return { widening, narrowing };
}

function step(of: Pick<Migration, "version" | "name" | "phase">, section: Section, source: Step["source"]): Step {
  const { version, name, phase } = of;
  const { direction, transaction, statements } = section;
  const locks = strongest(statements.flatMap((statement) => statement.locks));
  return {
    version,
    name,
    phase,
    direction,
    effect: effectOf(phase, direction),
    transaction,
    statements,
    locks,
    source,
    waitsFor: [],
  };
}

function downStep(one: AppliedMigration, file: Migration | undefined, problems: Problem[]): Step | undefined {
  const label = `${one.version}_${one.name}`;
  const irreversible = one.irreversible ?? file?.irreversible;
  if (irreversible !== undefined || (one.down === undefined && file === undefined)) {
    const why =
      irreversible === undefined
        ? "no down of it is recorded, and its file is gone"
        : `it says that it is irreversible: ${irreversible}`;
    const safeWay = `set migrateTo to ${one.version} or later, or restore a backup taken before it`;
    problems.push(
      problemOf(label, { rule: "no-down", message: `there is no way back past ${label}: ${why}`, safeWay }),
    );
    return undefined;
  }
  // Where the file still says what was recorded, it is parsed already.
  if (file !== undefined && (one.down === undefined || one.down === file.down.text))
    return step(one, file.down, "file");
  if (one.down === undefined) return undefined;
  try {
    return step(one, parseSection(`${label}, recorded down`, one.down), "recorded");
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function findTarget(
  files: readonly Migration[],
  applied: readonly AppliedMigration[],
  migrateTo: string,
  problems: Problem[],
): string | undefined {
  const versions = [...files, ...applied].map(({ version }) => version).sort(compareVersions);
  if (migrateTo === "latest") return versions.at(-1);
  const found = /^\d+$/.test(migrateTo)
    ? versions.find((version) => compareVersions(version, migrateTo) === 0)
    : undefined;
  if (found !== undefined) return found;
  // Below every migration: all of them are taken back.
  if (/^0+$/.test(migrateTo)) return migrateTo;
  const named = [...files, ...applied].find(({ version, name }) =>
    [name, `${version}_${name}`, `${version}_${name}.sql`].includes(migrateTo),
  );
  const near = named === undefined ? nearMiss(migrateTo, ["latest", ...versions]) : `; did you mean ${named.version}?`;
  const range =
    versions.length === 0 ? "there is no migration" : `known are ${versions[0] ?? ""} to ${versions.at(-1) ?? ""}`;
  problems.push(
    problemOf("migrateTo", {
      rule: "unknown-target",
      message: `"${migrateTo}" is neither a version of a migration nor latest (${range})${near}`,
      safeWay: "npx pulumi config set migrateTo <version>, with the digits of a file's name, or latest",
    }),
  );
  return undefined;
}

function duplicates(list: readonly { version: string; name: string }[], where: string): Problem[] {
  return list.flatMap((one, index) => {
    const before = list[index - 1];
    if (before === undefined || compareVersions(before.version, one.version) !== 0) return [];
    return problemOf(`${one.version}_${one.name}`, {
      rule: "duplicate-version",
      message: `the ${where} has version ${one.version} twice: ${before.name} and ${one.name}`,
      safeWay: "give the newer of the two the next free version",
    });
  });
}

function changed(files: readonly Migration[], applied: readonly AppliedMigration[]): Problem[] {
  const history = new Map(applied.map((one) => [key(one.version), one]));
  return files.flatMap((file) => {
    const one = history.get(key(file.version));
    if (one === undefined || one.checksum === file.checksum) return [];
    return problemOf(file.fileName, {
      rule: "checksum-changed",
      message: `it was applied with checksum ${one.checksum.slice(0, 12)}… and now has ${file.checksum.slice(0, 12)}…: what it says is not what ran`,
      safeWay: `put the old text back (git log -- migrations/${file.fileName}) and write a new migration; or, where the difference does nothing, npm run schema -- accept ${file.version}`,
    });
  });
}

/**
 * A pending migration below an applied one ran in another order on other databases. Only one that had to wait (a
 * contract, or what waits for one) may have been overtaken, and only by migrations that touch nothing of what it touches.
 */
function outOfOrder(
  pending: readonly Migration[],
  waiting: ReadonlySet<string>,
  staying: readonly AppliedMigration[],
  byVersion: ReadonlyMap<string, Migration>,
  touches: Touches,
): Problem[] {
  const last = staying.at(-1);
  return pending.flatMap((file) => {
    if (last === undefined || compareVersions(last.version, file.version) < 0) return [];
    const later = staying.filter(({ version }) => compareVersions(version, file.version) > 0);
    const waited = waiting.has(key(file.version));
    const first = later.find((one) => {
      const statements = byVersion.get(key(one.version))?.up.statements ?? recordedUp(one);
      return !waited || statements === undefined || touches.meet(statements, file.up.statements);
    });
    if (first === undefined) return [];
    const why = waited ? "both touch the same things, so their order matters" : "no new migration may come before it";
    return problemOf(file.fileName, {
      rule: "out-of-order",
      message: `${first.version}_${first.name} is applied already, and ${why}`,
      safeWay: `give it a version after ${last.version}`,
    });
  });
}

/** What a migration did whose file is gone; undefined where nobody knows. */
function recordedUp(one: AppliedMigration): readonly Statement[] | undefined {
  if (one.up === undefined) return undefined;
  try {
    return parseSection(`${one.version}_${one.name}, recorded up`, one.up).statements;
  } catch (error) {
    if (error instanceof MigrationError) return undefined;
    throw error;
  }
}
