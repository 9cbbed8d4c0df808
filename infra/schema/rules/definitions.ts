import type { Node, TypeName } from "libpg-query";
import { word } from "../kinds";
import { constraintsOf } from "../locks";
import { all, as, calls, find, strings, tagOf } from "../tree";
import { altering, typeName } from "./rule";
import type { Hit, Rule, Subject } from "./rule";

/**
 * Functions of PostgreSQL that are not immutable, though people put them into indexes and generated columns.
 * Source: pg_proc.provolatile of PostgreSQL 18. `arguments` narrows it to that number of arguments.
 */
const NOT_IMMUTABLE: Record<string, { arguments?: number }> = {
  now: {},
  transaction_timestamp: {},
  statement_timestamp: {},
  clock_timestamp: {},
  timeofday: {},
  random: {},
  gen_random_uuid: {},
  uuid_generate_v1: {},
  uuid_generate_v4: {},
  uuidv4: {},
  uuidv7: {},
  nextval: {},
  currval: {},
  lastval: {},
  txid_current: {},
  pg_current_xact_id: {},
  current_setting: {},
  current_database: {},
  current_schema: {},
  version: {},
  inet_client_addr: {},
  pg_backend_pid: {},
  to_char: {},
  to_date: {},
  to_number: {},
  to_timestamp: { arguments: 2 },
  to_tsvector: { arguments: 1 },
  to_tsquery: { arguments: 1 },
  plainto_tsquery: { arguments: 1 },
  concat: {},
  concat_ws: {},
  format: {},
  array_to_string: {},
  unaccent: {},
  age: { arguments: 1 },
  pg_get_serial_sequence: {},
};

/** Types of other databases, which PostgreSQL's grammar takes for types of one's own. */
const FOREIGN_TYPES: Record<string, string> = {
  datetime: "timestamptz",
  smalldatetime: "timestamptz",
  datetime2: "timestamptz",
  tinyint: "smallint",
  mediumint: "integer",
  tinytext: "text",
  mediumtext: "text",
  longtext: "text",
  clob: "text",
  nvarchar: "text",
  varchar2: "text",
  string: "text",
  blob: "bytea",
  longblob: "bytea",
  mediumblob: "bytea",
  varbinary: "bytea",
  binary: "bytea",
  double: "double precision",
  number: "numeric",
  uniqueidentifier: "uuid",
};

export const DEFINITION_RULES: readonly Rule[] = [
  {
    id: "not-immutable",
    concerns: "both",
    on: ["IndexStmt", "CreateStmt", "AlterTableStmt"],
    waivable: "PostgreSQL refuses it (42P17)",
    safeWay:
      "use immutable expressions only: compare with a constant, name the time zone or text search configuration, or leave the predicate out",
    check: ({ node }) => {
      const index = as(node, "IndexStmt");
      if (index !== undefined) {
        return [
          ...changing(index.whereClause, "an index predicate"),
          ...changing(index.indexParams, "an index expression"),
        ];
      }
      const columns = [
        ...all(as(node, "CreateStmt")?.tableElts, "ColumnDef"),
        ...all(as(node, "AlterTableStmt")?.cmds, "AlterTableCmd").flatMap(
          (command) => as(command.def, "ColumnDef") ?? [],
        ),
      ];
      return columns
        .flatMap(constraintsOf)
        .filter((constraint) => constraint.contype === "CONSTR_GENERATED")
        .flatMap((constraint) => changing(constraint.raw_expr, "a generated column"));
    },
  },
  {
    id: "drop-cascade",
    concerns: "both",
    on: ["DropStmt", "TruncateStmt", "AlterTableStmt"],
    waivable: true,
    safeWay: "drop what depends on it by name, first; then nothing goes that nobody thought of",
    check: (subject) => {
      const { node } = subject;
      const drop = as(node, "DropStmt");
      const hits: Hit[] = [];
      if (drop?.behavior === "DROP_CASCADE")
        hits.push({
          message: `DROP ${word(drop.removeType)} … CASCADE drops whatever depends on it, now or by then`,
          at: "cascade",
        });
      if (as(node, "TruncateStmt")?.behavior === "DROP_CASCADE")
        hits.push({ message: "TRUNCATE … CASCADE empties every table that points here", at: "cascade" });
      for (const { command, table } of altering(subject, "AT_DropColumn", "AT_DropConstraint", "AT_AlterColumnType")) {
        if (command.behavior !== "DROP_CASCADE") continue;
        hits.push({
          message: `CASCADE on ${table}.${command.name ?? ""} drops whatever depends on it, now or by then`,
          at: "cascade",
        });
      }
      return hits;
    },
  },
  {
    id: "foreign-type",
    concerns: "both",
    on: ["CreateStmt", "AlterTableStmt"],
    waivable: true,
    safeWay: "use PostgreSQL's own type",
    check: (subject) => typesIn(subject.node).flatMap((type) => foreignType(subject, type)),
  },
];

function changing(expression: Node | readonly Node[] | undefined, where: string): Hit[] {
  const clock = find(expression, "SQLValueFunction").map((value) => ({
    message: `${(value.op ?? "").replace(/^SVFOP_|_N$/g, "")} in ${where} is not immutable: it would be true for one moment only`,
    at: value.location,
  }));
  const called = calls(expression)
    .filter(({ name, call }) => {
      const known = Object.hasOwn(NOT_IMMUTABLE, name) ? NOT_IMMUTABLE[name] : undefined;
      return known !== undefined && (known.arguments === undefined || known.arguments === (call.args ?? []).length);
    })
    .map(({ name, call }) => ({
      message: `${name}() in ${where} is not immutable: its result changes while the rows don't`,
      at: call.location,
    }));
  return [...clock, ...called];
}

/** The types that columns, casts and parameters name. */
function typesIn(node: Node): TypeName[] {
  const found: TypeName[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === "object" && value !== null) {
      const { typeName: type } = value as { typeName?: TypeName | Node[] };
      if (type !== undefined && !Array.isArray(type)) found.push(type);
      Object.values(value).forEach(visit);
    }
  };
  if (tagOf(node) === "CreateStmt" || tagOf(node) === "AlterTableStmt") visit(node);
  return found;
}

function foreignType({ facts }: Subject, type: TypeName): Hit[] {
  const name = typeName(type.names).toLowerCase();
  const own = Object.hasOwn(FOREIGN_TYPES, name) ? FOREIGN_TYPES[name] : undefined;
  if (own === undefined || strings(type.names).length > 1 || facts.object(`type ${name}`) !== undefined) return [];
  return [{ message: `PostgreSQL has no type ${name}`, at: type.location, safeWay: `write ${own}` }];
}
