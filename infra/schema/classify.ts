import type { AlterTableCmd, DropStmt, Node, RangeVar } from "libpg-query";
import { alterKind, kindFromText, word } from "./kinds";
import { alterTableLocks, lockMode, referenceLocks, strongest, tableConstraints } from "./locks";
import { all, as, calls, dotted, find, hasOption, objectName, relationsIn, strings, tableOf, tagOf } from "./tree";
import type { NodeOf, Tag } from "./tree";
import type { Completion, Lock, LockMode, Statement } from "./types";

/** What the parse tree says of a statement. */
export type Traits = Pick<Statement, "kind" | "tables" | "objects" | "locks" | "transaction" | "completion">;

type Classifiers = { [T in Tag]?: (node: NodeOf<T>) => Partial<Traits> };

/** Source of the lock modes: https://www.postgresql.org/docs/18/explicit-locking.html and each command's page. */
const CLASSIFIERS: Classifiers = {
  AlterTableStmt: (node) => {
    const table = tableOf(node.relation);
    const commands = all(node.cmds, "AlterTableCmd");
    if (node.objtype === "OBJECT_INDEX") return onIndexes([table], "SHARE UPDATE EXCLUSIVE");
    const locks = alterTableLocks(table, commands);
    const concurrently = all(
      commands.flatMap((c) => c.def ?? []),
      "PartitionCmd",
    ).some((c) => c.concurrent === true);
    return {
      kind: alterKind(node.objtype, commands),
      locks,
      tables: locks.map((lock) => lock.table),
      transaction: concurrently ? "outside" : "any",
      completion: commands.some(addsUnnamed) ? "unseen" : "catalogue",
    };
  },
  CreateStmt: (node) => ({
    kind: node.partbound === undefined ? "CREATE TABLE" : "CREATE TABLE PARTITION OF",
    tables: relationsIn(node),
    // A new partition waits for its parent; so does a child of inheritance.
    locks: [
      ...on(
        all(node.inhRelations, "RangeVar").map(tableOf),
        node.partbound === undefined ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE",
      ),
      ...referenceLocks(tableConstraints([...(node.tableElts ?? []), ...(node.constraints ?? [])])),
    ],
  }),
  CreateTableAsStmt: (node) => ({
    kind: node.objtype === "OBJECT_MATVIEW" ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS",
    ...reading(node.query),
    tables: relationsIn(node),
  }),
  IndexStmt: (node) => ({
    kind: `CREATE ${node.unique === true ? "UNIQUE " : ""}INDEX${node.concurrent === true ? " CONCURRENTLY" : ""}`,
    ...only(node.relation, node.concurrent === true ? "SHARE UPDATE EXCLUSIVE" : "SHARE"),
    objects: [`index ${node.idxname ?? "*"}`],
    transaction: node.concurrent === true ? "outside" : "any",
    completion: node.idxname === undefined ? "unseen" : "catalogue",
  }),
  DropStmt: dropTraits,
  RenameStmt: (node) => {
    const what = word(node.renameType);
    if (node.renameType === "OBJECT_INDEX") {
      return onIndexes([tableOf(node.relation)], "SHARE UPDATE EXCLUSIVE", "ALTER INDEX RENAME");
    }
    if (node.relation === undefined) {
      const name = node.object === undefined ? (node.subname ?? "") : objectName(node.object);
      return { kind: `ALTER ${what} RENAME`, objects: [`${what.toLowerCase()} ${name}`] };
    }
    const part = node.subname === undefined ? `ALTER ${what} RENAME` : `ALTER TABLE RENAME ${what}`;
    return { kind: part, ...only(node.relation, "ACCESS EXCLUSIVE") };
  },
  AlterObjectSchemaStmt: (node) =>
    node.relation === undefined
      ? { objects: [`${word(node.objectType).toLowerCase()} ${objectName(node.object)}`] }
      : only(node.relation, "ACCESS EXCLUSIVE"),
  TruncateStmt: (node) => ({ ...onTables(node.relations, "ACCESS EXCLUSIVE"), completion: "unseen" }),
  LockStmt: (node) => ({ ...onTables(node.relations, lockMode(node.mode)), completion: "unseen" }),
  InsertStmt: (node) => writing(node.relation, node),
  UpdateStmt: (node) => writing(node.relation, node),
  DeleteStmt: (node) => writing(node.relation, node),
  MergeStmt: (node) => writing(node.relation, node),
  CopyStmt: (node) => writing(node.is_from === true ? node.relation : undefined, node),
  SelectStmt: (node) => ({
    ...(node.intoClause === undefined ? { completion: "unseen" as const } : {}),
    kind: node.intoClause === undefined ? "SELECT" : "SELECT INTO",
    ...reading({ ...node, intoClause: undefined }),
    objects: calls(node).length > 0 ? ["*"] : [],
  }),
  DoStmt: () => ({ objects: ["*"], completion: "unseen" }),
  CallStmt: () => ({ objects: ["*"], completion: "unseen" }),
  CreateTrigStmt: (node) => ({
    kind: "CREATE TRIGGER",
    ...only(node.relation, "SHARE ROW EXCLUSIVE"),
    objects: [`function ${dotted(strings(node.funcname))}`],
  }),
  RuleStmt: (node) => only(node.relation, "ACCESS EXCLUSIVE"),
  CreatePolicyStmt: (node) => only(node.table, "ACCESS EXCLUSIVE"),
  AlterPolicyStmt: (node) => only(node.table, "ACCESS EXCLUSIVE"),
  CreateStatsStmt: (node) => onTables(node.relations, "SHARE UPDATE EXCLUSIVE"),
  CommentStmt: (node) => {
    if (node.object === undefined || (node.objtype !== "OBJECT_TABLE" && node.objtype !== "OBJECT_COLUMN")) {
      return { completion: "repeatable" };
    }
    const table = node.objtype === "OBJECT_TABLE" ? objectName(node.object) : ownerOf(node.object);
    return { ...onNames([table], "SHARE UPDATE EXCLUSIVE"), completion: "repeatable" };
  },
  ViewStmt: (node) => ({
    kind: node.replace === true ? "CREATE OR REPLACE VIEW" : "CREATE VIEW",
    tables: relationsIn(node),
    locks: [
      ...on(relationsIn(node.query), "ACCESS SHARE"),
      ...(node.replace === true ? on([tableOf(node.view)], "ACCESS EXCLUSIVE") : []),
    ],
  }),
  CreateFunctionStmt: (node) => ({
    kind: `CREATE ${node.replace === true ? "OR REPLACE " : ""}${node.is_procedure === true ? "PROCEDURE" : "FUNCTION"}`,
    // Bodies in SQL are checked against the tables they name when the function is made; others are not looked into.
    objects: [
      `function ${dotted(strings(node.funcname))}`,
      ...(languageOf(node.options) === "sql" || node.sql_body !== undefined ? ["*"] : []),
    ],
  }),
  AlterEnumStmt: (node) => ({
    kind: node.oldVal === undefined ? "ALTER TYPE ADD VALUE" : "ALTER TYPE RENAME VALUE",
    objects: [`type ${dotted(strings(node.typeName))}`],
  }),
  CreateEnumStmt: (node) => ({ kind: "CREATE TYPE AS ENUM", objects: [`type ${dotted(strings(node.typeName))}`] }),
  CreateDomainStmt: (node) => ({ objects: [`type ${dotted(strings(node.domainname))}`] }),
  AlterDomainStmt: (node) => ({ objects: [`type ${dotted(strings(node.typeName))}`] }),
  CreateSeqStmt: (node) => ({ objects: [`sequence ${tableOf(node.sequence)}`] }),
  AlterSeqStmt: (node) => ({ objects: [`sequence ${tableOf(node.sequence)}`], completion: "repeatable" }),
  VacuumStmt: (node) => {
    const tables = all(node.rels, "VacuumRelation").map((relation) => tableOf(relation.relation));
    const full = hasOption(node.options, "full");
    const vacuum = node.is_vacuumcmd === true;
    return {
      kind: vacuum ? (full ? "VACUUM FULL" : "VACUUM") : "ANALYZE",
      ...onNames(tables, full ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE"),
      transaction: vacuum ? "outside" : "any",
      completion: "repeatable",
    };
  },
  ClusterStmt: (node) => ({
    ...(node.relation === undefined ? { objects: ["*"] } : only(node.relation, "ACCESS EXCLUSIVE")),
    transaction: node.relation === undefined ? "outside" : "any",
    completion: "repeatable",
  }),
  ReindexStmt: (node) => {
    const concurrently = hasOption(node.params, "concurrently");
    const mode = concurrently ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE";
    const whole = node.relation === undefined;
    const table = tableOf(node.relation);
    const traits =
      node.kind === "REINDEX_OBJECT_INDEX"
        ? onIndexes([table], mode)
        : {
            tables: [table],
            locks: [...on([table], concurrently ? mode : "SHARE"), ...on([`indexes of ${table}`], mode)],
          };
    return {
      ...(whole ? { objects: ["*"] } : traits),
      kind: concurrently ? "REINDEX CONCURRENTLY" : "REINDEX",
      transaction: whole || concurrently ? "outside" : "any",
      completion: "repeatable",
    };
  },
  RefreshMatViewStmt: (node) => ({
    kind: `REFRESH MATERIALIZED VIEW${node.concurrent === true ? " CONCURRENTLY" : ""}`,
    ...only(node.relation, node.concurrent === true ? "EXCLUSIVE" : "ACCESS EXCLUSIVE"),
    completion: "repeatable",
  }),
  VariableSetStmt: () => ({ completion: "repeatable" }),
  CreatedbStmt: () => ({ transaction: "outside" }),
  DropdbStmt: () => ({ transaction: "outside" }),
  AlterSystemStmt: () => ({ transaction: "outside", completion: "repeatable" }),
  CreateTableSpaceStmt: () => ({ transaction: "outside" }),
  DropTableSpaceStmt: () => ({ transaction: "outside" }),
};

/** Describes a statement from its parse tree; `text` names the kinds that the table above does not. */
export function classify(node: Node, text: string): Traits {
  const tag = tagOf(node);
  // The key and the content always belong together; the type of a table of functions can't say so.
  const classifier = CLASSIFIERS[tag] as ((content: unknown) => Partial<Traits>) | undefined;
  const traits = classifier?.(as(node, tag)) ?? {};
  return {
    tables: [],
    objects: [],
    transaction: "any",
    completion: "catalogue",
    ...traits,
    kind: traits.kind ?? kindFromText(text),
    locks: strongest(traits.locks ?? []),
  };
}

const on = (tables: readonly string[], mode: LockMode): Lock[] => tables.map((table) => ({ table, mode }));
const onNames = (tables: readonly string[], mode: LockMode) => ({ tables, locks: on(tables, mode) });
const only = (relation: RangeVar | undefined, mode: LockMode) => onNames([tableOf(relation)], mode);
const onTables = (nodes: readonly Node[] | undefined, mode: LockMode) =>
  onNames(all(nodes, "RangeVar").map(tableOf), mode);

function onIndexes(names: readonly string[], mode: LockMode, kind?: string): Partial<Traits> {
  const indexes = names.map((name) => `index ${name}`);
  return { ...(kind === undefined ? {} : { kind }), objects: indexes, locks: on(indexes, mode) };
}

function writing(target: RangeVar | undefined, node: object): Partial<Traits> {
  const tables = relationsIn(node);
  const locks = on(tables, "ACCESS SHARE");
  if (target !== undefined) locks.push({ table: tableOf(target), mode: "ROW EXCLUSIVE" });
  return { tables, locks, completion: "unseen" satisfies Completion };
}

function reading(query: unknown) {
  const mode: LockMode = find(query, "LockingClause").length > 0 ? "ROW SHARE" : "ACCESS SHARE";
  return onNames(relationsIn(query), mode);
}

/** DROP names tables, or things on tables (triggers, policies: the table comes first), or things beside them. */
function dropTraits(node: DropStmt): Partial<Traits> {
  const what = word(node.removeType);
  const kind = `DROP ${what}${node.concurrent === true ? " CONCURRENTLY" : ""}`;
  const names = (node.objects ?? []).map(objectName);
  switch (node.removeType) {
    case "OBJECT_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_MATVIEW":
    case "OBJECT_FOREIGN_TABLE":
      return { kind, ...onNames(names, "ACCESS EXCLUSIVE") };
    case "OBJECT_INDEX": {
      const concurrent = node.concurrent === true;
      const traits = onIndexes(names, concurrent ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE", kind);
      return { ...traits, transaction: concurrent ? "outside" : "any" };
    }
    case "OBJECT_TRIGGER":
    case "OBJECT_POLICY":
    case "OBJECT_RULE":
      return { kind, ...onNames((node.objects ?? []).map(ownerOf), "ACCESS EXCLUSIVE") };
    default:
      return { kind, objects: names.map((name) => `${what.toLowerCase()} ${name}`) };
  }
}

/** The table of a trigger, policy or rule in a DROP. */
export function ownerOf(object: Node): string {
  return dotted(strings(as(object, "List")?.items).slice(0, -1));
}

/** A constraint that the server names: after a kill nobody can tell whether it is there already. */
function addsUnnamed(command: AlterTableCmd): boolean {
  return command.subtype === "AT_AddConstraint" && as(command.def, "Constraint")?.conname === undefined;
}

export function languageOf(options: readonly Node[] | undefined): string {
  const language = all(options, "DefElem").find((option) => option.defname === "language");
  return (as(language?.arg, "String")?.sval ?? "sql").toLowerCase();
}
