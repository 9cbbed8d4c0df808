import type { Client } from "pg";
import type { Sync } from "../../schema";
import { newNames, oldNames, quotedTable, syncTable, tableLabel } from "../../schema/sync";
import type { SyncColumn, SyncColumns } from "../../schema/sync-sql";
import { as, tagOf } from "../../schema/tree";
import { treeOfExpression } from "../../schema/sync-expression";
import type { Node } from "libpg-query";

/** A column of a sync's table, with what its checks ask for. */
export interface CatalogueColumn {
  readonly name: string;
  /** Type with its length, as `format_type` has it. */
  readonly fullType: string;
  readonly bareType: string;
  /** Name of the type, or of an array's elements. */
  readonly typeName: string;
  readonly notNull: boolean;
  readonly generated: boolean;
  readonly identity: boolean;
  readonly default: string | null;
  readonly domain: boolean;
  /** The domain refuses NULL, also in an INSERT that leaves the column out. */
  readonly domainNotNull: boolean;
  readonly domainDefault: boolean;
  readonly partitionKey: boolean;
}

export interface CatalogueTable {
  readonly kind: string;
  readonly isPartition: boolean;
  readonly children: number;
  readonly foreignParts: number;
  readonly columns: ReadonlyMap<string, CatalogueColumn>;
}

/**
 * What the catalogue says of a sync's table; undefined where there is none.
 * Names in defaults come out with their schema, for whatever search_path they are put into.
 */
export async function readTable(client: Client, sync: Sync): Promise<CatalogueTable | undefined> {
  const name = quotedTable(syncTable(sync));
  const { rows } = await client.query<Omit<CatalogueTable, "columns"> & { oid: string }>(
    `SELECT c.oid::text AS oid, c.relkind::text AS kind, c.relispartition AS "isPartition",
            (SELECT count(*)::int FROM pg_inherits i WHERE i.inhparent = c.oid) AS children,
            (SELECT count(*)::int FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid WHERE p.relkind = 'f')
              AS "foreignParts"
       FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [name],
  );
  const [table] = rows;
  if (table === undefined) return undefined;
  const found = await client.query<CatalogueColumn>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS "fullType", format_type(a.atttypid, -1) AS "bareType",
            coalesce(e.typname, t.typname) AS "typeName", a.attnotnull AS "notNull", a.attgenerated <> '' AS generated,
            a.attidentity <> '' AS identity, pg_get_expr(d.adbin, d.adrelid) AS default, t.typtype = 'd' AS domain,
            t.typnotnull AS "domainNotNull", t.typdefault IS NOT NULL AS "domainDefault",
            EXISTS (SELECT FROM pg_depend k WHERE k.classid = 'pg_class'::regclass AND k.refclassid = 'pg_class'::regclass
                     AND k.objid = c.oid AND k.objsubid = a.attnum AND k.refobjid = c.oid AND k.deptype = 'i') AND c.relkind = 'p'
              AS "partitionKey"
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON t.typcategory = 'A' AND e.oid = t.typelem
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE c.oid = $1::oid`,
    [table.oid],
  );
  return { ...table, columns: new Map(found.rows.map((column) => [column.name, column])) };
}

/** Types whose explicit cast cuts a value off, where an assignment refuses it. */
const CUT_OFF = new Set(["varchar", "bpchar", "bit", "varbit"]);

/**
 * The sync's columns as its SQL needs them.
 * @throws Error where the table or one of them is missing
 */
export function columnsOf(sync: Sync, table: CatalogueTable | undefined): SyncColumns {
  const label = tableLabel(syncTable(sync));
  if (table === undefined) throw new Error(`there is no table ${label}, which a sync names`);
  const side = (names: readonly string[]): SyncColumn[] =>
    names.map((name) => {
      const column = table.columns.get(name);
      if (column === undefined)
        throw new Error(
          `${label} has no column ${name}, which sync=${sync.shape} names; it has ${[...table.columns.keys()].join(", ")}`,
        );
      return {
        name,
        type: CUT_OFF.has(column.typeName) ? column.bareType : column.fullType,
        asText: column.typeName === "bpchar",
        ...(isConstant(column.default) && column.default !== null ? { default: column.default } : {}),
        required: column.notNull && column.default === null && !column.identity && !column.generated,
      };
    });
  return { old: side(oldNames(sync)), new: side(newNames(sync)) };
}

/** Whether a default is the same for each row: a literal, perhaps cast, or an array of them. */
export function isConstant(text: string | null): boolean {
  const constant = (node: Node | undefined): boolean => {
    if (node === undefined) return false;
    const tag = tagOf(node);
    if (tag === "A_Const") return true;
    if (tag === "TypeCast") return constant(as(node, "TypeCast")?.arg);
    return tag === "A_ArrayExpr" && (as(node, "A_ArrayExpr")?.elements ?? []).every(constant);
  };
  return text === null || constant(treeOfExpression(text));
}
