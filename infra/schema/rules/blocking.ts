import { lockMode } from "../locks";
import { createdBy, treeOf } from "../statement";
import { all, as, find, hasOption, relationsIn, strings, tableOf } from "../tree";
import type { Lock, Statement } from "../types";
import { altering } from "./rule";
import type { Rule, Subject } from "./rule";

/** Statements that keep others waiting. */
export const BLOCKING_RULES: readonly Rule[] = [
  {
    id: "index-blocks-writes",
    concerns: "both",
    on: ["IndexStmt"],
    waivable: true,
    safeWay: "write CREATE INDEX CONCURRENTLY in a migration with -- migrate:up transaction:false",
    check: ({ node, facts, isNew }) => {
      const index = as(node, "IndexStmt");
      if (index === undefined || index.concurrent === true) return [];
      const table = tableOf(index.relation);
      const known = facts.table(table);
      // ON ONLY a partitioned table makes an empty parent index, to which the partitions' indexes are attached.
      if (known?.partitioned === true && index.relation?.inh !== true) return [];
      const message = `CREATE INDEX on ${table} without CONCURRENTLY: writes wait until it is built`;
      return [{ message, exempt: isNew(known?.since) }];
    },
  },
  {
    id: "concurrently-on-partitioned",
    concerns: "both",
    on: ["IndexStmt"],
    waivable: "PostgreSQL refuses it (0A000)",
    safeWay:
      "CREATE INDEX … ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX … ATTACH PARTITION",
    check: ({ node, facts }) => {
      const index = as(node, "IndexStmt");
      const table = tableOf(index?.relation);
      if (index?.concurrent !== true || facts.table(table)?.partitioned !== true) return [];
      return [{ message: `${table} is partitioned, and no index is built concurrently over all partitions` }];
    },
  },
  {
    id: "drop-index-blocks",
    concerns: "both",
    on: ["DropStmt"],
    waivable: true,
    safeWay: "write DROP INDEX CONCURRENTLY in a section with transaction:false",
    check: (subject) => {
      const drop = as(subject.node, "DropStmt");
      if (drop?.removeType !== "OBJECT_INDEX" || drop.concurrent === true) return [];
      return (drop.objects ?? []).map((object) => {
        const name = strings(as(object, "List")?.items).at(-1) ?? "";
        const known = subject.facts.index(name);
        const exempt = subject.isNew(known?.since) || tableGoes(subject, known?.table);
        return {
          message: `DROP INDEX ${name} without CONCURRENTLY: it waits for every query of its table, and all later ones wait for it`,
          at: name,
          exempt,
        };
      });
    },
  },
  {
    id: "detach-blocks",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay: "write DETACH PARTITION … CONCURRENTLY in a section with transaction:false",
    check: (subject) =>
      altering(subject, "AT_DetachPartition")
        .filter(({ command }) => as(command.def, "PartitionCmd")?.concurrent !== true)
        .map(({ table, newTable }) => ({
          message: `DETACH PARTITION on ${table} without CONCURRENTLY takes ACCESS EXCLUSIVE on the parent`,
          exempt: newTable,
        })),
  },
  {
    id: "refresh-blocks-reads",
    concerns: "both",
    on: ["RefreshMatViewStmt"],
    waivable: true,
    safeWay: "write REFRESH MATERIALIZED VIEW CONCURRENTLY (it needs a unique index on the view)",
    check: ({ node, facts, isNew }) => {
      const refresh = as(node, "RefreshMatViewStmt");
      if (refresh === undefined || refresh.concurrent === true) return [];
      const view = tableOf(refresh.relation);
      return [
        {
          message: `REFRESH of ${view} without CONCURRENTLY: reads wait until it is done`,
          exempt: isNew(facts.table(view)?.since),
        },
      ];
    },
  },
  {
    id: "blocking-maintenance",
    concerns: "both",
    on: ["VacuumStmt", "ClusterStmt", "ReindexStmt"],
    waivable: true,
    safeWay: "use VACUUM without FULL, REINDEX … CONCURRENTLY, or pg_repack outside of migrations",
    check: ({ node, facts, statement, isNew }) => {
      const vacuum = as(node, "VacuumStmt");
      const cluster = as(node, "ClusterStmt");
      const reindex = as(node, "ReindexStmt");
      const full = vacuum !== undefined && hasOption(vacuum.options, "full");
      const building = reindex !== undefined && !hasOption(reindex.params, "concurrently");
      if (!full && cluster === undefined && !building) return [];
      const table = statement.tables[0];
      const exempt = table !== undefined && isNew(facts.table(table)?.since);
      return [
        {
          message: `${statement.kind} holds ACCESS EXCLUSIVE on the table or its indexes while it rewrites them: nobody reads or writes meanwhile`,
          exempt,
        },
      ];
    },
  },
  {
    id: "lock-table",
    concerns: "both",
    on: ["LockStmt"],
    waivable: true,
    safeWay: "leave it out: each statement takes the lock that it needs, under the runner's lock_timeout",
    check: ({ node, facts, isNew }) => {
      const lock = as(node, "LockStmt");
      return all(lock?.relations, "RangeVar").map((relation) => ({
        message: `LOCK TABLE ${tableOf(relation)} in ${lockMode(lock?.mode)} mode is held until the migration ends`,
        at: relation.location,
        exempt: isNew(facts.table(tableOf(relation))?.since),
      }));
    },
  },
  {
    id: "lock-held-while-slow",
    concerns: "both",
    waivable: true,
    safeWay: "put the slow statement into a migration of its own",
    check: (subject) => {
      const held = subject.section.transaction && isSlow(subject) ? strongLock(subject) : undefined;
      if (held === undefined) return [];
      const { lock, from } = held;
      return [
        {
          message: `${subject.statement.kind} reads many rows while ${lock.mode} on ${lock.table} (line ${from.line}) is held: one transaction keeps all its locks`,
        },
      ];
    },
  },
];

/** Whether a later statement of the section drops the table. */
function tableGoes(subject: Subject, table: string | undefined): boolean {
  return (
    table !== undefined && subject.later.some((later) => later.kind === "DROP TABLE" && later.tables.includes(table))
  );
}

/** Statements that read a table of unknown size from end to end. */
function isSlow(subject: Subject): boolean {
  const { node } = subject;
  if (altering(subject, "AT_ValidateConstraint").some(({ newTable }) => !newTable)) return true;
  const reading =
    as(node, "CreateTableAsStmt")?.query ?? as(node, "RefreshMatViewStmt") ?? find(node, "InsertStmt")[0]?.selectStmt;
  const existing = (table: string): boolean => !subject.isNew(subject.facts.table(table)?.since);
  return reading !== undefined && relationsIn(reading).some(existing);
}

/** The first statement before this one that keeps others out of a table that was there before. */
function strongLock(subject: Subject): { lock: Lock; from: Statement } | undefined {
  for (const from of subject.earlier) {
    // What is made here nobody waits for, and what is dropped here nobody should be using.
    if (createdBy(treeOf(from).node).length > 0 || from.kind.startsWith("DROP ")) continue;
    const lock = from.locks.find(
      ({ table, mode }) =>
        (mode === "ACCESS EXCLUSIVE" || mode === "EXCLUSIVE" || mode === "SHARE ROW EXCLUSIVE") &&
        !/^index(?:es of)? /.test(table) &&
        !subject.isNew(subject.facts.table(table)?.since),
    );
    if (lock !== undefined) return { lock, from };
  }
  return undefined;
}
