import type { Node } from "libpg-query";
import { notBatchable } from "../backfill";
import { syncTable, tableLabel } from "../sync";
import { backfillMismatch } from "../sync-ends";
import { all, as, calls, find, relationsIn, strings, tableOf, tagOf } from "../tree";
import type { Tag } from "../tree";
import type { Hit, Rule, Subject } from "./rule";

/** Functions that a SELECT in a migration may call without a word: they read, or do what a migration is for. */
const KNOWN_FUNCTIONS = new Set(
  `setval nextval currval lastval pg_get_serial_sequence max min count sum avg now version current_setting set_config
   lower upper length format concat to_regclass generate_series array_agg string_agg bool_and bool_or exists`.split(
    /\s+/,
  ),
);

/** Statements that write rows, or may do so in their WITH. */
const WRITING: readonly Tag[] = ["UpdateStmt", "DeleteStmt", "InsertStmt", "MergeStmt", "SelectStmt"];

export const DATA_RULES: readonly Rule[] = [
  {
    id: "unbatched-write",
    concerns: "both",
    on: WRITING,
    waivable: true,
    safeWay: "put -- switchyard: backfill=<key> before it (with transaction:false), so that it runs in batches",
    check: (subject) => {
      if (subject.statement.backfill !== undefined) return [];
      return wholeTableWrites(subject);
    },
  },
  {
    id: "delete-everything",
    concerns: "both",
    on: WRITING,
    waivable: true,
    safeWay: "name the rows in a WHERE; take a whole table away by DROP TABLE in a contract migration",
    check: (subject) =>
      find(subject.node, "DeleteStmt")
        .filter((statement) => statement.whereClause === undefined)
        .map((statement) => ({
          message: `DELETE without WHERE empties ${tableOf(statement.relation)}`,
          exempt: isNewTable(subject, tableOf(statement.relation)),
        })),
  },
  {
    id: "truncate",
    concerns: "both",
    on: ["TruncateStmt"],
    waivable: true,
    safeWay:
      "drop the table in a contract migration, or delete its rows in batches outside of migrations; no down brings them back",
    check: (subject) =>
      all(as(subject.node, "TruncateStmt")?.relations, "RangeVar").map((relation) => ({
        message: `TRUNCATE empties ${tableOf(relation)} under ACCESS EXCLUSIVE`,
        at: relation.location,
        exempt: isNewTable(subject, tableOf(relation)),
      })),
  },
  {
    id: "backfill-shape",
    concerns: "both",
    waivable: "the runner can't cut the statement into batches",
    safeWay: "write one plain UPDATE … WHERE …, or one INSERT … SELECT … ON CONFLICT DO NOTHING from one table",
    check: ({ node, statement }) => {
      if (statement.backfill === undefined) return [];
      const why = notBatchable(node, statement.backfill);
      return why === undefined ? [] : [{ message: `a backfill can't be made of it: ${why}` }];
    },
  },
  {
    id: "backfill-without-sync",
    concerns: "expand",
    waivable: true,
    safeWay:
      "add -- switchyard: sync=<shape> table=<table> … to this migration or an earlier one; or a waiver that says why old code never writes these rows",
    check: (subject) => {
      const { statement, node, facts, section, migration } = subject;
      if (statement.backfill === undefined || notBatchable(node, statement.backfill) !== undefined) return [];
      const synced = facts.syncs.during(section, migration).map((sync) => tableLabel(syncTable(sync)));
      if (statement.tables.some((table) => synced.includes(table))) return [];
      return [
        {
          message: `nothing keeps ${statement.tables.join(" and ")} in step while two releases write: what old code writes after the backfill is not filled in`,
          exempt: statement.tables.every((table) => isNewTable(subject, table)),
        },
      ];
    },
  },
  {
    id: "backfill-against-sync",
    concerns: "both",
    on: ["UpdateStmt"],
    waivable: "the triggers would write it back over what old releases have written",
    safeWay: "set the columns to what the sync's forward (in a down, its backward) says, all of them in one UPDATE",
    check: ({ statement, facts, section, migration }) => {
      if (statement.backfill === undefined) return [];
      return facts.syncs.during(section, migration).flatMap((sync) => {
        const found = backfillMismatch(statement, sync);
        return found === undefined
          ? []
          : [{ message: found.message, at: found.column, safeWay: `write ${found.write}` }];
      });
    },
  },
  {
    id: "opaque",
    concerns: "both",
    on: ["DoStmt", "CallStmt", "SelectStmt"],
    waivable: true,
    safeWay:
      "write plain statements, which can be judged; or add a waiver that says what it does and which locks it takes",
    check: ({ node }) => {
      const unseen = unseenIn(node);
      return unseen === undefined
        ? []
        : [{ message: `nobody can see at preview what ${unseen.what} runs`, at: unseen.at }];
    },
  },
  {
    id: "copy",
    concerns: "both",
    on: ["CopyStmt"],
    waivable: "the runner sends no rows beside a statement, and the server's files are not the migration's",
    safeWay: "write INSERT INTO … VALUES …, or load the rows outside of migrations",
    check: ({ node }) => {
      const copy = as(node, "CopyStmt");
      if (copy === undefined) return [];
      const end = copy.filename === undefined ? `std${copy.is_from === true ? "in" : "out"}` : `'${copy.filename}'`;
      return [
        { message: `COPY ${copy.is_from === true ? "FROM" : "TO"} ${end} moves rows that are not in the migration` },
      ];
    },
  },
];

/** What a statement runs that its text does not show: a block, a procedure, a function that a SELECT calls. */
export function unseenIn(node: Node): { what: string; at?: number } | undefined {
  if (as(node, "DoStmt") !== undefined) return { what: "DO" };
  if (as(node, "CallStmt") !== undefined) return { what: "CALL" };
  const select = as(node, "SelectStmt");
  const unknown = (select === undefined ? [] : calls(select)).find(({ name }) => !KNOWN_FUNCTIONS.has(name));
  return unknown === undefined ? undefined : { what: `SELECT ${unknown.name}()`, at: unknown.call.location };
}

const isNewTable = ({ facts, isNew }: Subject, table: string): boolean => isNew(facts.table(table)?.since);

/** UPDATE, DELETE and INSERT … SELECT (also in WITH) whose WHERE does not name certain rows. */
function wholeTableWrites(subject: Subject): Hit[] {
  const { node } = subject;
  const hits: Hit[] = [];
  for (const update of find(node, "UpdateStmt")) {
    const table = tableOf(update.relation);
    if (picksRows(update.whereClause)) continue;
    hits.push({
      message: `one UPDATE over ${table} locks every row that it changes until it ends`,
      at: update.relation?.location,
      exempt: isNewTable(subject, table),
    });
  }
  for (const remove of find(node, "DeleteStmt")) {
    const table = tableOf(remove.relation);
    if (remove.whereClause === undefined || picksRows(remove.whereClause)) continue;
    const safeWay = "delete in batches outside of migrations, or name the rows: WHERE id IN (SELECT … LIMIT 1000)";
    hits.push({
      message: `one DELETE over ${table} locks every row that it removes until it ends`,
      at: remove.relation?.location,
      exempt: isNewTable(subject, table),
      safeWay,
    });
  }
  for (const insert of find(node, "InsertStmt")) {
    const select = as(insert.selectStmt, "SelectStmt");
    const sources = relationsIn(select);
    if (
      select === undefined ||
      sources.length === 0 ||
      picksRows(select.whereClause) ||
      select.limitCount !== undefined
    )
      continue;
    hits.push({
      message: `one INSERT … SELECT copies all of ${sources.join(", ")} in one transaction`,
      at: insert.relation?.location,
      exempt: sources.every((table) => isNewTable(subject, table)),
    });
  }
  for (const merge of find(node, "MergeStmt")) {
    const table = tableOf(merge.relation);
    hits.push({
      message: `one MERGE over ${table} locks every row that it changes until it ends`,
      at: merge.relation?.location,
      exempt: isNewTable(subject, table),
    });
  }
  return hits;
}

/** Whether a condition names certain rows: column = constant, column IN (constants), or a limited subquery. */
function picksRows(where: Node | undefined): boolean {
  const both = as(where, "BoolExpr");
  if (both?.boolop === "AND_EXPR") return (both.args ?? []).some(picksRows);
  if (both?.boolop === "OR_EXPR") return (both.args ?? []).every(picksRows);
  const test = as(where, "A_Expr");
  if (test !== undefined && strings(test.name)[0] === "=") {
    const sides = [test.lexpr, test.rexpr];
    return sides.some((side) => as(side, "ColumnRef") !== undefined) && sides.some(isConstant);
  }
  const link = as(where, "SubLink");
  return link?.subLinkType === "ANY_SUBLINK" && as(link.subselect, "SelectStmt")?.limitCount !== undefined;
}

function isConstant(node: Node | undefined): boolean {
  if (node === undefined) return false;
  if (tagOf(node) === "A_Const" || as(node, "SubLink")?.subLinkType === "EXPR_SUBLINK") return true;
  const array = as(node, "A_ArrayExpr")?.elements ?? as(node, "List")?.items;
  return array?.every(isConstant) ?? isConstant(as(node, "TypeCast")?.arg);
}
