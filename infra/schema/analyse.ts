import type { Waiver } from "./directive-kinds";
import { SchemaFacts } from "./facts";
import { nearMiss } from "./near";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import { FILE_RULES, RULES, rulesOn } from "./rules";
import type { Hit, Rule, Subject } from "./rules";
import { SQUAWK_RULES, judgeSquawk } from "./squawk";
import type { SquawkFinding } from "./squawk";
import { treeOf } from "./statement";
import { tagOf } from "./tree";
import { compareVersions, effectOf } from "./types";
import type { Migration, Section, Statement } from "./types";

export interface AnalyseOptions {
  /**
   * Versions that the database has already. They are not judged again, and what the others make counts as new, so that
   * it may be indexed, altered and dropped without ceremony: nothing that runs can know of it yet.
   * Left out, every migration is judged as if all before it were in use: the strictest, for CI and editors.
   */
  readonly applied?: readonly string[];
  /** Findings of `runSquawk` over the same migrations. Left out, waivers of squawk's rules are not judged. */
  readonly squawk?: readonly SquawkFinding[];
}

/** A rule's hit on a statement, before phases, exemptions and waivers are looked at. */
interface RawHit {
  readonly rule: Rule;
  readonly hit: Hit;
}

/**
 * Judges migrations by the rules over their parse trees (and squawk's findings, where given).
 *
 * @param migrations in order of version, as `readMigrations` gives them
 * @returns what must be mended; empty where all are safe
 */
export function analyseMigrations(migrations: readonly Migration[], options: AnalyseOptions = {}): Problem[] {
  const applied = options.applied;
  const isApplied = (version: string): boolean => applied?.some((one) => compareVersions(one, version) === 0) ?? false;
  const findings = new Map<string, SquawkFinding[]>();
  for (const finding of options.squawk ?? []) {
    const key = `${finding.file}:${finding.direction}`;
    findings.set(key, [...(findings.get(key) ?? []), finding]);
  }
  const facts = new SchemaFacts();
  const pending = new Set<string>();
  return migrations.flatMap((migration) => {
    for (const sync of migration.syncs) facts.addSync(sync);
    if (isApplied(migration.version)) {
      for (const statement of migration.up.statements) facts.apply(statement, migration.version);
      return [];
    }
    if (applied === undefined) pending.clear();
    pending.add(migration.version);
    const judge = (section: Section, known: Facts, since: string, fresh: ReadonlySet<string>): Problem[] => {
      const found =
        options.squawk === undefined ? undefined : (findings.get(`${migration.fileName}:${section.direction}`) ?? []);
      return judgeSection({ ...known, migration, section, since, fresh, squawk: found });
    };
    const up = judge(migration.up, { facts, keeps: true }, migration.version, pending);
    // The down runs when everything is long in use: only what it makes itself is new to it.
    const alone = migration.down.statements.length <= 1;
    const down = { facts: alone ? facts : new SchemaFacts(facts), keeps: false };
    return [...up, ...judge(migration.down, down, "down", DOWN)];
  });
}

const DOWN: ReadonlySet<string> = new Set(["down"]);

interface Facts {
  readonly facts: SchemaFacts;
  /** Whether anything asks for what the section's last statement does. */
  readonly keeps: boolean;
}

interface Judgement extends Facts {
  readonly migration: Migration;
  readonly section: Section;
  /** How what the section makes is marked in the facts. */
  readonly since: string;
  readonly fresh: ReadonlySet<string>;
  readonly squawk?: readonly SquawkFinding[];
}

function judgeSection({ migration, section, facts, keeps, since, fresh, squawk }: Judgement): Problem[] {
  const phase = effectOf(migration.phase, section.direction) === "widen" ? "expand" : "contract";
  const isNew = (version: string | undefined): boolean => version !== undefined && fresh.has(version);
  return section.statements.flatMap((statement, index) => {
    const { node } = treeOf(statement);
    const subject: Subject = {
      statement,
      node,
      migration,
      section,
      phase,
      facts,
      isNew,
      get earlier() {
        return section.statements.slice(0, index);
      },
      get later() {
        return section.statements.slice(index + 1);
      },
    };
    const raw: RawHit[] = [];
    for (const rule of rulesOn(tagOf(node))) {
      for (const hit of rule.check(subject)) raw.push({ rule, hit });
    }
    if (keeps || index < section.statements.length - 1) facts.apply(statement, since);
    if (raw.length === 0 && statement.waivers.length === 0 && squawk?.length === 0) return [];
    const applying = raw.filter(({ rule }) => rule.concerns === "both" || rule.concerns === phase);
    const ours = applying
      .filter(({ rule, hit }) => hit.exempt !== true && rule.silent !== true)
      .map((one) => asProblem(migration, statement, one));
    const theirs = squawk === undefined ? [] : secondOpinion(migration, statement, raw, squawk);
    const fired = new Set([...applying.map(({ rule }) => rule.id), ...theirs.map(({ rule }) => rule)]);
    const waived = new Set(
      statement.waivers.map((waiver) => waiver.rule).filter((rule) => refusal(rule) === undefined),
    );
    return [
      ...[...ours, ...theirs].filter(({ rule }) => !waived.has(rule)),
      ...statement.waivers.flatMap((waiver) => waiverProblem(migration, waiver, fired, squawk !== undefined)),
    ];
  });
}

function asProblem(migration: Migration, statement: Statement, { rule, hit }: RawHit): Problem {
  const source = { name: migration.fileName, text: migration.text };
  const offset = placeOf(statement, hit.at);
  return problemAt(source, offset, { rule: rule.id, message: hit.message, safeWay: hit.safeWay ?? rule.safeWay });
}

/** A byte location is the parser's; a word is looked up in the statement, whole and in any case. */
function placeOf(statement: Statement, at: number | string | undefined): number {
  if (typeof at === "number") return at > 0 ? treeOf(statement).offsetOf(at) : statement.offset;
  if (at === undefined || at === "") return statement.offset;
  const word = at.slice(at.lastIndexOf(".") + 1).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = new RegExp(`(?<![\\w$])${word}(?![\\w$])`, "i").exec(statement.text);
  return statement.offset + (found?.index ?? 0);
}

function secondOpinion(
  migration: Migration,
  statement: Statement,
  raw: readonly RawHit[],
  findings: readonly SquawkFinding[],
): Problem[] {
  const source = { name: migration.fileName, text: migration.text };
  const end = statement.offset + statement.text.length;
  const ours = new Set(raw.map(({ rule }) => rule.id));
  return findings
    .filter(({ offset }) => offset >= statement.offset && offset < end)
    .filter(({ name }) => judgeSquawk(name, ours))
    .map(({ name, offset, message, help }) =>
      problemAt(source, offset, { rule: `squawk/${name}`, message, safeWay: help ?? `see squawk's page on ${name}` }),
    );
}

/** Why a rule can't be waived, if so. */
function refusal(rule: string): string | undefined {
  const known = RULES.find(({ id }) => id === rule);
  return known === undefined || known.waivable === true ? undefined : known.waivable;
}

function waiverProblem(
  migration: Migration,
  waiver: Waiver,
  fired: ReadonlySet<string>,
  squawkRan: boolean,
): Problem[] {
  const source = { name: migration.fileName, text: migration.text };
  const reject = (message: string, safeWay: string): Problem[] => [
    problemAt(source, waiver.offset, { rule: "waiver", message, safeWay }),
  ];
  const ids = RULES.map(({ id }) => id);
  const squawkIds = SQUAWK_RULES.map((name) => `squawk/${name}`);
  if ((FILE_RULES as readonly string[]).includes(waiver.rule)) {
    return reject(`${waiver.rule} concerns the file and can't be waived for a statement`, "mend what the rule found");
  }
  if (!ids.includes(waiver.rule) && !squawkIds.includes(waiver.rule)) {
    const near = nearMiss(waiver.rule, [...ids, ...squawkIds]);
    return reject(
      `there is no rule ${waiver.rule}${near}`,
      "name the rule as the message does; docs/migrations.md lists them",
    );
  }
  const why = refusal(waiver.rule);
  if (why !== undefined) return reject(`${waiver.rule} can't be waived: ${why}`, "write it the safe way");
  if (fired.has(waiver.rule) || (waiver.rule.startsWith("squawk/") && !squawkRan)) return [];
  return reject(
    `the waiver of ${waiver.rule} is idle: the rule finds nothing in the next statement`,
    "delete the waiver",
  );
}
