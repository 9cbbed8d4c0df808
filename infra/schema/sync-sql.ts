import type { Sync } from "./directive-kinds";
import { bindSync, quotedTable, syncNames, syncTable, type SyncNames, type SyncTable } from "./sync";
import { quoted, type Bound } from "./sync-expression";

/** What the SQL of a sync needs to know of a column. */
export interface SyncColumn {
  readonly name: string;
  /** As CAST takes it. Lengths of strings are left out, so that too long a value is refused and never cut off. */
  readonly type: string;
  /** Compared as text: of `char(n)` the same value may be stored with and without the blanks at its end. */
  readonly asText: boolean;
  /** Its constant default, as SQL; undefined for NULL. */
  readonly default?: string;
  /** NOT NULL without a default: whoever leaves it out does not know the old shape. */
  readonly required: boolean;
}

export interface SyncColumns {
  readonly old: readonly SyncColumn[];
  readonly new: readonly SyncColumn[];
}

/** One UPDATE's worth of repair over a row `r`. */
export interface Repair {
  readonly set: string;
  readonly where: string;
}

/** Everything that is run for one sync; conditions and repairs are over a row `r` of its table. */
export interface SyncSql {
  readonly install: readonly string[];
  readonly drop: readonly string[];
  /** Both shapes hold something, or one of them, that does not follow from the other. */
  readonly differs: string;
  /** An old column is NOT NULL without a default: without the triggers, a new release could not insert a row. */
  readonly oldRequired: boolean;
  /** What the new columns are made of: a value for each, over the old columns of `r`. */
  readonly made: readonly string[];
  /** The new columns are just what the old ones make them. */
  readonly newFollows: string;
  /** The old columns hold more than the new ones tell, or the new ones more than the old: no way back brings that again. */
  readonly richer: { readonly old: string; readonly new: string } | undefined;
  /** What would be lost with the new columns: it differs, and the new columns hold something. */
  readonly newerOnly: string;
  /** Brings in step what one side alone holds: the new columns from the old, or (a new release's row) the other way. */
  readonly fill: readonly Repair[];
  /** Brings in step the old columns of rows that only the new columns hold. */
  readonly save: readonly Repair[];
  /** Makes the old columns from the new ones, whatever the old ones hold: they were just created. */
  readonly rebuild: readonly Repair[];
  /** Where both shapes hold something, and a person decides: the new columns from the old ones, and the other way. */
  readonly decide: { readonly oldIsRight: string; readonly newIsRight: string } | undefined;
}

/** Where names in expressions and defaults are looked up: as in migrations, and never in somebody's temporary schema. */
const SEARCH_PATH = "pg_catalog, public, pg_temp";

/**
 * The SQL of a sync. Undefined for `manual`, whose triggers and query are written by hand.
 * @throws Error for expressions that a trigger can't carry out
 */
export function syncSql(id: string, sync: Sync, columns: SyncColumns): SyncSql | undefined {
  if (sync.shape === "manual") return undefined;
  const table = syncTable(sync);
  const names = syncNames(id, table);
  const bound = bindSync(sync);
  return sync.shape === "not-null"
    ? fillNulls(table, names, bound.forward, columns)
    : twoSided(table, names, bound, columns);
}

type Side = "old" | "new";

/**
 * Whether the values are the very same: tells 1.0 from 1.00 and "a" from "A" in citext, which `=` does not, takes NULL for
 * a value, and knows types that have no `=` (json).
 */
const same = (some: readonly string[], others: readonly string[]): string =>
  `record_image_eq(ROW(${some.join(", ")}), ROW(${others.join(", ")}))`;

/** Conditions and assignments over one row, be it NEW in a trigger or an alias in a query. */
class Row {
  constructor(
    private readonly row: string,
    private readonly columns: SyncColumns,
    private readonly bound: { forward: readonly Bound[]; backward: readonly Bound[] },
  ) {}

  column = ({ name }: SyncColumn): string => `${this.row}.${quoted(name)}`;

  /** What a side must be, as the other one has it. */
  private made(side: Side): string[] {
    const expressions = side === "new" ? this.bound.forward : this.bound.backward;
    return this.columns[side].map(
      ({ type }, index) => `CAST((${expressions[index]?.over(this.row) ?? "NULL"}) AS ${type})`,
    );
  }

  follows(side: Side): string {
    const text = (value: string, index: number): string =>
      this.columns[side][index]?.asText === true ? `CAST(${value} AS text)` : value;
    return same(this.made(side).map(text), this.columns[side].map(this.column).map(text));
  }

  /** Either side may hold more than the other can tell: it is enough that one follows from the other. */
  get inStep(): string {
    return `(${this.follows("new")} OR ${this.follows("old")})`;
  }

  /** NULL or the default: an old release has written the row, or it is older than the column. */
  get newAbsent(): string {
    return this.columns.new
      .map((column) => {
        const isNull = `${this.column(column)} IS NOT DISTINCT FROM NULL`;
        if (column.default === undefined) return isNull;
        return `(${isNull} OR ${same([this.column(column)], [`CAST(${column.default} AS ${column.type})`])})`;
      })
      .join(" AND ");
  }

  get oldNull(): string {
    return this.columns.old.map((column) => `${this.column(column)} IS NOT DISTINCT FROM NULL`).join(" AND ");
  }

  /** SET clauses, or a trigger's assignments. */
  assign(side: Side): { column: string; value: string }[] {
    const made = this.made(side);
    return this.columns[side].map(({ name }, index) => ({ column: quoted(name), value: made[index] ?? "NULL" }));
  }
}

function twoSided(
  table: SyncTable,
  names: SyncNames,
  bound: { forward: readonly Bound[]; backward: readonly Bound[] },
  columns: SyncColumns,
): SyncSql {
  const r = new Row("r", columns, bound);
  const set = (side: Side): string =>
    r
      .assign(side)
      .map(({ column, value }) => `${column} = ${value}`)
      .join(", ");
  const differs = `NOT ${r.inStep}`;
  const newerOnly = `${differs} AND NOT (${r.newAbsent})`;
  const save = [{ set: set("old"), where: `${newerOnly} AND ${r.oldNull}` }];
  return {
    install: [
      createFunction(names, twoSidedBody(columns, bound)),
      ...createTriggers(table, names, [
        { name: names.insert, on: "BEFORE INSERT" },
        // Also where neither side changes: a backfill may pass by a row that another sync has filled in part.
        {
          name: names.update,
          on: "BEFORE UPDATE",
          when: `${changed([...columns.old, ...columns.new])} OR (${new Row("NEW", columns, bound).newAbsent})`,
        },
      ]),
    ],
    drop: dropAll(table, names),
    differs,
    oldRequired: columns.old.some(({ required }) => required),
    made: r.assign("new").map(({ value }) => value),
    newFollows: r.follows("new"),
    richer: { old: `NOT ${r.follows("old")}`, new: `NOT ${r.follows("new")} AND NOT (${r.newAbsent})` },
    newerOnly,
    fill: [{ set: set("new"), where: `${differs} AND ${r.newAbsent}` }, ...save],
    save,
    rebuild: [{ set: set("old"), where: differs }],
    decide: {
      oldIsRight: `UPDATE ${quotedTable(table)} AS r SET ${set("new")} WHERE ${differs}`,
      newIsRight: `UPDATE ${quotedTable(table)} AS r SET ${set("old")} WHERE ${differs}`,
    },
  };
}

/**
 * An old release never names a new column. So a row with something in one was written by a new release, and the new
 * columns count; one without was written by an old release, unless it lacks what no old release may leave out.
 */
function twoSidedBody(columns: SyncColumns, bound: { forward: readonly Bound[]; backward: readonly Bound[] }): string {
  const row = new Row("NEW", columns, bound);
  const assign = (side: Side, indent: string): string =>
    row
      .assign(side)
      .map(
        ({ column, value }, index, { length }) =>
          `${indent}NEW.${column} := ${value};${index === length - 1 ? "" : "\n"}`,
      )
      .join("");
  const required = columns.old.filter((column) => column.required).map((column) => `${row.column(column)} IS NOT NULL`);
  return `
  IF TG_OP = 'INSERT' THEN
    IF ${[row.newAbsent, ...required].join(" AND ")} THEN
${assign("new", "      ")}
    ELSIF NOT ${row.inStep} THEN
${assign("old", "      ")}
    END IF;
  ELSIF ${row.inStep} THEN
    NULL;
  ELSIF ${changed(columns.new)} THEN
${assign("old", "    ")}
  ELSE
${assign("new", "    ")}
  END IF;`;
}

/** A row without the column gets the forward's value, whoever writes it. */
function fillNulls(table: SyncTable, names: SyncNames, forward: readonly Bound[], columns: SyncColumns): SyncSql {
  const bound = { forward, backward: [] };
  const r = new Row("r", columns, bound);
  const isNull = (row: string): string =>
    columns.new.map(({ name }) => `${row}.${quoted(name)} IS NOT DISTINCT FROM NULL`).join(" OR ");
  const set = r
    .assign("new")
    .map(({ column, value }) => `${column} = ${value}`)
    .join(", ");
  const body = new Row("NEW", columns, bound)
    .assign("new")
    .map(({ column, value }) => `\n  NEW.${column} := ${value};`)
    .join("");
  return {
    install: [
      createFunction(names, body),
      ...createTriggers(table, names, [
        { name: names.insert, on: "BEFORE INSERT", when: isNull("NEW") },
        { name: names.update, on: "BEFORE UPDATE", when: isNull("NEW") },
      ]),
    ],
    drop: dropAll(table, names),
    differs: isNull("r"),
    oldRequired: false,
    made: r.assign("new").map(({ value }) => value),
    newFollows: r.follows("new"),
    richer: undefined,
    newerOnly: "false",
    fill: [{ set, where: isNull("r") }],
    save: [],
    rebuild: [],
    decide: undefined,
  };
}

const changed = (columns: readonly SyncColumn[]): string => {
  const of = (row: string): string[] => columns.map(({ name }) => `${row}.${quoted(name)}`);
  return `NOT ${same(of("NEW"), of("OLD"))}`;
};

function createFunction(names: SyncNames, body: string): string {
  const tag = ["$sync$", "$sync_1$", "$sync_2$", "$sync_3$"].find((each) => !body.includes(each));
  if (tag === undefined) throw new Error(`an expression of ${names.function} holds "$sync$"; leave it out`);
  return `CREATE OR REPLACE FUNCTION switchyard.${quoted(names.function)}() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER SET search_path = ${SEARCH_PATH} AS ${tag}
BEGIN${body}
  RETURN NEW;
END
${tag}`;
}

/**
 * ENABLE ALWAYS: they also fire for what logical replication and tools under session_replication_role=replica write.
 * A row that is in step stays as it is, so firing twice changes nothing.
 */
function createTriggers(
  table: SyncTable,
  names: SyncNames,
  triggers: readonly { name: string; on: string; when?: string }[],
): string[] {
  return triggers.flatMap(({ name, on, when }) => [
    `CREATE OR REPLACE TRIGGER ${quoted(name)} ${on} ON ${quotedTable(table)} FOR EACH ROW` +
      `${when === undefined ? "" : ` WHEN (${when})`} EXECUTE FUNCTION switchyard.${quoted(names.function)}()`,
    `ALTER TABLE ${quotedTable(table)} ENABLE ALWAYS TRIGGER ${quoted(name)}`,
  ]);
}

const dropAll = (table: SyncTable, names: SyncNames): string[] => [
  `DROP TRIGGER IF EXISTS ${quoted(names.insert)} ON ${quotedTable(table)}`,
  `DROP TRIGGER IF EXISTS ${quoted(names.update)} ON ${quotedTable(table)}`,
  `DROP FUNCTION IF EXISTS switchyard.${quoted(names.function)}()`,
];
