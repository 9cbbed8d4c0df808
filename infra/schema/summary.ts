import type { Migration as Summary } from "../rollout/types";
import { SchemaFacts } from "./facts";
import { LOSS_RULES } from "./rules/loss";
import type { Subject } from "./rules";
import { treeOf } from "./statement";
import { compareVersions, effectOf } from "./types";
import type { Direction, Migration } from "./types";

/** A set of migrations is read once, however many of it are summarised. */
const summaries = new WeakMap<readonly Migration[], ReadonlyMap<string, Summary>>();

/**
 * What the transition rules need to know of a migration.
 *
 * `lossy` says of the narrowing direction (the up of a contract, the down of an expand; the other one is never lossy)
 * whether it takes data that nothing brings back: rule `data-loss`, which looks at the statements alone, and which a
 * waiver corrects.
 *
 * @param all the files of the migrations folder, in any order: earlier ones tell columns' types and which a sync keeps
 */
export function summarise(migration: Migration, all: readonly Migration[]): Summary {
  let known = summaries.get(all);
  if (known === undefined) {
    known = summariseAll(all);
    summaries.set(all, known);
  }
  const summary = known.get(migration.version);
  if (summary?.checksum === migration.checksum) return summary;
  const others = all.filter(({ version }) => version !== migration.version);
  return summariseAll([...others, migration]).get(migration.version) ?? raise(migration);
}

function raise({ fileName }: Migration): never {
  throw new Error(`${fileName} is not among its own migrations`);
}

function summariseAll(all: readonly Migration[]): Map<string, Summary> {
  const facts = new SchemaFacts();
  const found = new Map<string, Summary>();
  for (const migration of [...all].sort((a, b) => compareVersions(a.version, b.version))) {
    for (const sync of migration.syncs) facts.addSync(sync);
    const up = takesData(migration, "up", facts);
    const down = takesData(migration, "down", new SchemaFacts(facts));
    const { version, name, phase, checksum, breaksBelow } = migration;
    found.set(version, {
      version,
      name,
      phase,
      checksum,
      lossy: { up, down },
      hasDown: migration.irreversible === undefined,
      ...(breaksBelow === undefined ? {} : { breaksBelow }),
    });
  }
  return found;
}

/** Whether a section takes data; its statements go into `facts` one by one. */
function takesData(migration: Migration, direction: Direction, facts: SchemaFacts): boolean {
  const section = migration[direction];
  const since = direction === "up" ? migration.version : "down";
  const narrows = effectOf(migration.phase, direction) === "narrow";
  let found = false;
  section.statements.forEach((statement, index) => {
    const subject: Subject = {
      statement,
      node: treeOf(statement).node,
      migration,
      section,
      earlier: section.statements.slice(0, index),
      later: section.statements.slice(index + 1),
      phase: narrows ? "contract" : "expand",
      facts,
      isNew: (version) => version === since,
    };
    const judged = narrows && !statement.waivers.some(({ rule }) => rule === "data-loss");
    found ||= judged && LOSS_RULES.some((rule) => rule.check(subject).length > 0);
    facts.apply(statement, since);
  });
  return found;
}
