import type { ColumnDef, Node } from "libpg-query";
import type { Sync } from "./directive-kinds";
import { constraintsOf } from "./locks";
import { newNames, oldNames, syncTable, tableLabel } from "./sync";
import { unquoted } from "./sync-expression";
import { all, as, dotted, strings, tableOf } from "./tree";
import type { NodeOf } from "./tree";

export interface DataColumn {
  readonly since: string;
  readonly type: NodeOf<"TypeName"> | undefined;
  /** GENERATED … STORED or VIRTUAL: it holds nothing that the row does not hold elsewhere. */
  readonly computed: boolean;
}

/** Two columns that a sync keeps alike, as the catalogue names them. */
interface Pair {
  readonly table: string;
  readonly old: string;
  readonly new: string;
}

/**
 * What the files say of where data lies: columns' types, and which of them a sync keeps in step with others. What they
 * don't say is unknown, and taken for data that exists nowhere else.
 */
export class DataFacts {
  /** By "table.column"; null where it was dropped or renamed. */
  private readonly columns = new Map<string, DataColumn | null>();
  private readonly pairs: Pair[] = [];
  /** Columns ("table.column") whose type was changed: that ends their sync, so that both sides go their own ways. */
  private readonly retyped = new Set<string>();

  /** @param parent facts that hold unless these say otherwise */
  constructor(private readonly parent?: DataFacts) {}

  column(table: string, name: string): DataColumn | undefined {
    return this.find(table, name) ?? undefined;
  }

  /**
   * Only a plain copy between two columns is known to come back as it was. Of expressions nobody can see whether `backward`
   * makes again what `forward` was given: "Ada King Noel", split in two, may come back as "Ada King".
   */
  addSync(sync: Sync): void {
    const [old, created] = [oldNames(sync)[0], newNames(sync)[0]];
    if (sync.shape !== "rename" && sync.shape !== "type") return;
    if (old === undefined || created === undefined || !isCopy(sync.forward, old) || !isCopy(sync.backward, created))
      return;
    const table = tableLabel(syncTable(sync));
    this.pairs.push({ table, old, new: created });
    for (const column of [old, created]) this.retyped.delete(`${table}.${column}`);
  }

  /**
   * Whether a sync keeps all of the column's data in another column, which is still there and whose type holds it.
   *
   * @param going columns that go at the same time
   */
  livesOn(table: string, column: string, going: readonly string[] = []): boolean {
    if (this.isRetyped(table, column)) return false;
    return this.partners(table, column).some((other) => {
      if (this.isRetyped(table, other)) return false;
      const there = !going.includes(other) && this.find(table, other) !== null;
      return there && keepsOrRefuses(this.column(table, column)?.type, this.column(table, other)?.type);
    });
  }

  private isRetyped(table: string, column: string): boolean {
    return this.retyped.has(`${table}.${column}`) || (this.parent?.isRetyped(table, column) ?? false);
  }

  private partners(table: string, column: string): string[] {
    const own = this.pairs.filter((pair) => pair.table === table);
    const here = own.flatMap((pair) => (pair.old === column ? [pair.new] : pair.new === column ? [pair.old] : []));
    return [...here, ...(this.parent?.partners(table, column) ?? [])];
  }

  /** Takes in what a statement does to tables and columns. */
  apply(node: Node, since: string): void {
    const create = as(node, "CreateStmt");
    for (const column of all(create?.tableElts, "ColumnDef")) this.add(tableOf(create?.relation), column, since);
    const rename = as(node, "RenameStmt");
    if (rename?.renameType === "OBJECT_COLUMN") this.rename(tableOf(rename.relation), rename.subname, rename.newname);
    const alter = as(node, "AlterTableStmt");
    const table = tableOf(alter?.relation);
    for (const command of all(alter?.cmds, "AlterTableCmd")) {
      const column = as(command.def, "ColumnDef");
      const name = command.name ?? "";
      if (command.subtype === "AT_AddColumn" && column !== undefined) this.add(table, column, since);
      if (command.subtype === "AT_DropColumn") this.columns.set(`${table}.${name}`, null);
      if (command.subtype === "AT_AlterColumnType") this.retyped.add(`${table}.${name}`);
      const known = this.column(table, name);
      if (known === undefined) continue;
      if (command.subtype === "AT_AlterColumnType")
        this.columns.set(`${table}.${name}`, { ...known, type: column?.typeName });
      if (command.subtype === "AT_DropExpression") this.columns.set(`${table}.${name}`, { ...known, computed: false });
    }
  }

  private find(table: string, name: string): DataColumn | null | undefined {
    const known = this.columns.get(`${table}.${name}`);
    return known === undefined ? this.parent?.find(table, name) : known;
  }

  private add(table: string, column: ColumnDef, since: string): void {
    const computed = constraintsOf(column).some(({ contype }) => contype === "CONSTR_GENERATED");
    this.columns.set(`${table}.${column.colname ?? ""}`, { since, type: column.typeName, computed });
  }

  private rename(table: string, from = "", to = ""): void {
    const known = this.find(table, from);
    this.columns.set(`${table}.${from}`, null);
    if (known !== undefined) this.columns.set(`${table}.${to}`, known);
  }
}

/** Exact numbers, each of which holds all values of those before it. */
const WHOLE = ["int2", "int4", "int8"];
const SERIAL: Readonly<Record<string, string>> = {
  smallserial: "int2",
  serial2: "int2",
  serial: "int4",
  serial4: "int4",
  bigserial: "int8",
  serial8: "int8",
};

interface Shape {
  /** As the parser names it, which turns "bigint" into "int8". */
  readonly name: string;
  /** Length, or precision and scale, where given. */
  readonly mods: readonly number[];
  readonly dimensions: number;
}

function shapeOf(type: NodeOf<"TypeName"> | undefined): Shape | undefined {
  if (type === undefined) return undefined;
  const name = dotted(strings(type.names));
  const mods = all(type.typmods, "A_Const").map((mod) => mod.ival?.ival ?? 0);
  return { name: SERIAL[name] ?? name, mods, dimensions: type.arrayBounds?.length ?? 0 };
}

/** Types whose one figure is how much they hold; without it they hold all, but for char, which is char(1). */
const SIZED = ["varchar", "bpchar", "varbit", "time", "timetz", "timestamp", "timestamptz"];

/**
 * Whether every value of the type `from` is exactly a value of the type `to`, so that changing a column between them
 * without USING loses nothing. False when in doubt.
 *
 * @param from undefined where no file says it
 */
export function holdsAll(from: NodeOf<"TypeName"> | undefined, to: NodeOf<"TypeName"> | undefined): boolean {
  const [old, next] = [shapeOf(from), shapeOf(to)];
  if (next === undefined) return false;
  const { name } = next;
  // Whatever it was, text says all of it.
  if ((name === "text" || name === "varchar") && next.mods.length === 0 && next.dimensions === 0) return true;
  if (old === undefined || old.dimensions !== next.dimensions) return false;
  if (old.name === name && JSON.stringify(old.mods) === JSON.stringify(next.mods)) return name !== "interval";
  if (WHOLE.includes(old.name)) return WHOLE.indexOf(name) > WHOLE.indexOf(old.name) || isAny(next, "numeric");
  if (name === "numeric") return old.name === name && (next.mods.length === 0 || numericHolds(old, next));
  if (old.name === "float4") return name === "float8";
  if (old.name === "date") return name === "timestamp" || name === "timestamptz";
  const grows = old.name === name || (old.name === "bpchar" && name === "varchar");
  return grows && SIZED.includes(name) && size(next) >= size(old);
}

const isAny = (shape: Shape, name: string): boolean => shape.name === name && shape.mods.length === 0;
const size = ({ name, mods }: Shape): number => mods[0] ?? (name === "bpchar" ? 1 : Infinity);

function numericHolds(old: Shape, next: Shape): boolean {
  if (old.mods.length === 0) return false;
  const [precision = 0, scale = 0] = old.mods;
  const [nextPrecision = 0, nextScale = 0] = next.mods;
  return nextScale >= scale && nextPrecision - nextScale >= precision - scale;
}

/** No expression, or the column by itself. A cast that is written may cut values off; the sync's own does not. */
function isCopy(expressions: readonly string[], column: string): boolean {
  return expressions.every(
    (expression) => /^(?:\w+|"(?:[^"]|"")+")$/.test(expression) && unquoted(expression) === column,
  );
}

const STRINGS = ["text", "varchar"];

/**
 * Whether a sync's plain copy keeps every value as it is, or refuses it as it is written: it casts to no length, so that a
 * string too long is an error, as is a number out of range.
 */
function keepsOrRefuses(from: NodeOf<"TypeName"> | undefined, to: NodeOf<"TypeName"> | undefined): boolean {
  if (holdsAll(from, to)) return true;
  const [old, next] = [shapeOf(from), shapeOf(to)];
  if (old === undefined || next === undefined || old.dimensions !== next.dimensions) return false;
  return [WHOLE, STRINGS].some((kin) => kin.includes(old.name) && kin.includes(next.name));
}
