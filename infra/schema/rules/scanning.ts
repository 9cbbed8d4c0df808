import type { ColumnDef, Constraint } from "libpg-query";
import { fillsItself, isSerial } from "../facts";
import { constraintsOf } from "../locks";
import { as, calls } from "../tree";
import { addedConstraints, allNew, altering, list } from "./rule";
import type { Hit, Rule, Subject } from "./rule";

/**
 * Functions of PostgreSQL that are not volatile and stand in defaults: the server evaluates them once for all rows.
 * Any other function is taken for volatile.
 */
const STEADY_FUNCTIONS = new Set(
  `now transaction_timestamp statement_timestamp current_setting current_database current_schema to_timestamp to_date
   to_char to_json to_jsonb json_build_object json_build_array jsonb_build_object jsonb_build_array make_interval
   make_date make_timestamptz date_trunc date_part timezone age lower upper btrim ltrim rtrim trim replace concat
   concat_ws format md5 sha256 decode encode to_tsvector to_tsquery int4range int8range numrange tsrange tstzrange
   daterange abs round floor ceil ceiling array_fill string_to_array st_point st_makepoint`.split(/\s+/),
);

function volatileCall(column: ColumnDef): string | undefined {
  const fallback = constraintsOf(column).find((constraint) => constraint.contype === "CONSTR_DEFAULT");
  return calls(fallback?.raw_expr).find(({ name }) => !STEADY_FUNCTIONS.has(name))?.name;
}

const isNotNull = (constraint: Constraint): boolean =>
  constraint.contype === "CONSTR_NOTNULL" || constraint.contype === "CONSTR_PRIMARY";

/** ALTER TABLEs that read or rewrite all rows before they let anybody else at them. */
export const SCANNING_RULES: readonly Rule[] = [
  {
    id: "not-null-without-default",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay:
      "add the column with a constant DEFAULT, or nullable; fill it by a backfill; SET NOT NULL in a contract migration",
    check: (subject) =>
      altering(subject, "AT_AddColumn").flatMap(({ table, command, newTable }): Hit[] => {
        const column = as(command.def, "ColumnDef");
        if (column === undefined || !constraintsOf(column).some(isNotNull) || fillsItself(column)) return [];
        const message = `${table}.${column.colname ?? ""} is NOT NULL and has no default: this fails where ${table} has rows, and so does any INSERT of old code`;
        return [{ message, at: column.location, exempt: newTable }];
      }),
  },
  {
    id: "rewrites-table",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay: "add the column without it, set the default afterwards, and fill the rows by a backfill",
    check: (subject) => [...rewritingColumns(subject), ...rewritingChanges(subject)],
  },
  {
    id: "set-not-null-scans",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay:
      "first ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT in a migration of its own; SET NOT NULL then scans nothing",
    check: (subject) => {
      const columns = altering(subject, "AT_SetNotNull").map(({ table, command, newTable }) => ({
        table,
        newTable,
        column: command.name ?? "",
        at: command.name,
      }));
      const constraints = addedConstraints(subject)
        .filter(
          ({ constraint, withColumn }) =>
            constraint.contype === "CONSTR_NOTNULL" && withColumn === undefined && constraint.skip_validation !== true,
        )
        .map(({ table, newTable, constraint, columns: [column = ""] }) => ({
          table,
          newTable,
          column,
          at: constraint.location,
        }));
      return [...columns, ...constraints]
        .filter(({ table, column }) => !subject.facts.provenNotNull(table, column))
        .map(({ table, newTable, column, at }) => ({
          message: `SET NOT NULL on ${table}.${column} reads the whole table under ACCESS EXCLUSIVE`,
          at,
          exempt: newTable,
        }));
    },
  },
  {
    id: "constraint-scans",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay: "add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own",
    check: (subject) =>
      addedConstraints(subject)
        .filter(({ constraint }) => constraint.contype === "CONSTR_CHECK" || constraint.contype === "CONSTR_FOREIGN")
        .filter(({ constraint }) => constraint.skip_validation !== true && constraint.is_enforced === true)
        // A new column that is NULL everywhere needs no look at its foreign key (transformFKConstraints).
        .filter(({ constraint, withColumn, command }) => {
          const column = as(command.def, "ColumnDef");
          return !(
            constraint.contype === "CONSTR_FOREIGN" &&
            withColumn !== undefined &&
            column !== undefined &&
            !fillsItself(column)
          );
        })
        .map(({ table, constraint, columns, newTable }) => ({
          message: `a new ${constraint.contype === "CONSTR_CHECK" ? "CHECK" : "foreign key"} on ${table} (${list(columns)}) reads the whole table while writes wait`,
          at: constraint.location,
          exempt: newTable,
        })),
  },
  {
    id: "constraint-builds-index",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay:
      "CREATE UNIQUE INDEX CONCURRENTLY in a migration with transaction:false, then ADD CONSTRAINT … USING INDEX",
    check: (subject) =>
      addedConstraints(subject)
        .filter(({ constraint }) =>
          ["CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION"].includes(constraint.contype ?? ""),
        )
        .filter(({ constraint }) => constraint.indexname === undefined)
        .map(({ table, constraint, columns, newTable }) => ({
          message: `a new unique constraint on ${table} (${list(columns)}) builds its index under ACCESS EXCLUSIVE`,
          at: constraint.location,
          exempt: newTable,
        })),
  },
];

function rewritingColumns(subject: Subject): Hit[] {
  return altering(subject, "AT_AddColumn").flatMap(({ table, command, newTable }): Hit[] => {
    const column = as(command.def, "ColumnDef");
    if (column === undefined) return [];
    const name = `${table}.${column.colname ?? ""}`;
    const hit = (why: string): Hit[] => [
      {
        message: `${name} ${why}: every row is rewritten under ACCESS EXCLUSIVE`,
        at: column.location,
        exempt: newTable,
      },
    ];
    const call = volatileCall(column);
    if (call !== undefined) return hit(`has the volatile default ${call}()`);
    if (isSerial(column)) return hit("is serial");
    const constraints = constraintsOf(column);
    if (constraints.some((constraint) => constraint.contype === "CONSTR_IDENTITY")) return hit("is an identity");
    const stored = constraints.some((c) => c.contype === "CONSTR_GENERATED" && c.generated_kind === "s");
    return stored ? hit("is generated and stored") : [];
  });
}

const REWRITES = [
  "AT_SetLogged",
  "AT_SetUnLogged",
  "AT_SetAccessMethod",
  "AT_SetTableSpace",
  "AT_SetExpression",
] as const;

function rewritingChanges(subject: Subject): Hit[] {
  const moved = altering(subject, ...REWRITES).map(({ table, newTable }) => ({
    message: `${subject.statement.kind} rewrites ${table} under ACCESS EXCLUSIVE`,
    exempt: newTable,
    safeWay: "do it in a maintenance window, with a waiver that says when",
  }));
  // Where the section widens, change-type refuses it already.
  if (subject.phase === "expand") return moved;
  const typed = altering(subject, "AT_AlterColumnType").map(({ table, command, newTable }) => ({
    message: `a new type for ${table}.${command.name ?? ""} rewrites the table under ACCESS EXCLUSIVE, unless both types are stored alike`,
    at: as(command.def, "ColumnDef")?.typeName?.location,
    exempt: newTable || allNew(subject, table, [command.name ?? ""]),
    safeWay:
      "add a column of the new type with a sync and a backfill; a waiver where both types are stored alike (varchar(20) to text)",
  }));
  return [...moved, ...typed];
}
