import type { ColumnDef, Constraint } from "libpg-query";
import { DataFacts } from "./data-facts";
import { DeclaredSyncs } from "./declared-syncs";
import type { Sync } from "./directive-kinds";
import { constraintsOf } from "./locks";
import { notNullColumns } from "./not-null";
import { createdBy, treeOf } from "./statement";
import { all, as, dotted, strings, tableOf } from "./tree";
import type { Statement } from "./types";

export interface ColumnFacts {
  readonly since: string;
  /** An INSERT that leaves the column out gets a value. */
  readonly filled: boolean;
}

export interface TableFacts {
  readonly since: string;
  readonly partitioned: boolean;
}

export interface ConstraintFacts {
  readonly kind: Constraint["contype"];
  readonly since: string;
  readonly validated: boolean;
  /** Columns that it proves to hold no NULL. */
  readonly notNull: readonly string[];
}

export interface IndexFacts {
  readonly table: string;
  readonly unique: boolean;
  readonly since: string;
}

/**
 * What is known of the schema from the statements before a given one: not a catalogue, only what rules ask for, and
 * since which migration (or "down") it is so. What the files don't say is unknown, and rules take it for existing.
 */
export class SchemaFacts {
  private readonly tables = new Map<string, TableFacts>();
  private readonly columns = new Map<string, ColumnFacts>();
  private readonly constraints = new Map<string, ConstraintFacts>();
  private readonly indexes = new Map<string, IndexFacts>();
  private readonly objects = new Map<string, string>();

  /** Where data lies. */
  readonly data: DataFacts;

  /** Of the ups before: a down changes nothing of them. */
  readonly syncs: DeclaredSyncs;

  /** @param parent facts that hold unless these say otherwise */
  constructor(private readonly parent?: SchemaFacts) {
    this.data = new DataFacts(parent?.data);
    this.syncs = parent?.syncs ?? new DeclaredSyncs();
  }

  table(name: string): TableFacts | undefined {
    return this.tables.get(name) ?? this.parent?.table(name);
  }

  column(table: string, name: string): ColumnFacts | undefined {
    return this.columns.get(`${table}.${name}`) ?? this.parent?.column(table, name);
  }

  constraint(table: string, name: string): ConstraintFacts | undefined {
    return this.constraints.get(`${table}.${name}`) ?? this.parent?.constraint(table, name);
  }

  index(name: string): IndexFacts | undefined {
    return this.indexes.get(name) ?? this.parent?.index(name);
  }

  /** Since when a "type mood", "function f", "trigger t.x" or "policy t.p" is there. */
  object(name: string): string | undefined {
    return this.objects.get(name) ?? this.parent?.object(name);
  }

  /** Whether a validated constraint proves that the column holds no NULL. */
  provenNotNull(table: string, column: string): boolean {
    for (const [key, facts] of this.constraints) {
      if (key.startsWith(`${table}.`) && facts.validated && facts.notNull.includes(column)) return true;
    }
    return this.parent?.provenNotNull(table, column) ?? false;
  }

  addSync(sync: Sync): void {
    this.syncs.add(sync);
    this.data.addSync(sync);
  }

  /** Takes in what a statement does. */
  apply(statement: Statement, since: string): void {
    const { node } = treeOf(statement);
    this.data.apply(node, since);
    if (this.parent === undefined) this.syncs.apply(node, since);
    for (const name of createdBy(node)) {
      this.tables.set(name, { since, partitioned: as(node, "CreateStmt")?.partspec !== undefined });
    }
    const create = as(node, "CreateStmt");
    if (create !== undefined) {
      const table = tableOf(create.relation);
      for (const column of all(create.tableElts, "ColumnDef")) this.addColumn(table, column, since);
      for (const constraint of all(create.tableElts, "Constraint")) this.addConstraint(table, constraint, since);
    }
    const alter = as(node, "AlterTableStmt");
    if (alter !== undefined) this.alter(statement, since);
    const index = as(node, "IndexStmt");
    if (index?.idxname !== undefined) {
      this.indexes.set(index.idxname, { table: tableOf(index.relation), unique: index.unique === true, since });
    }
    const rename = as(node, "RenameStmt");
    if (rename?.renameType === "OBJECT_TABLE") {
      const renamed = this.table(tableOf(rename.relation));
      if (renamed !== undefined) this.tables.set(rename.newname ?? "", renamed);
    }
    for (const name of this.createdObjects(statement)) this.objects.set(name, since);
  }

  private createdObjects(statement: Statement): string[] {
    const { node } = treeOf(statement);
    const trigger = as(node, "CreateTrigStmt");
    if (trigger !== undefined) return [`trigger ${tableOf(trigger.relation)}.${trigger.trigname ?? ""}`];
    const policy = as(node, "CreatePolicyStmt");
    if (policy !== undefined) return [`policy ${tableOf(policy.table)}.${policy.policy_name ?? ""}`];
    const schema = as(node, "CreateSchemaStmt");
    if (schema !== undefined) return [`schema ${schema.schemaname ?? ""}`];
    const replaced = as(node, "CreateFunctionStmt")?.replace === true;
    const composite = as(node, "CompositeTypeStmt");
    if (composite !== undefined) return [`type ${tableOf(composite.typevar)}`];
    return statement.kind.startsWith("CREATE") && !replaced ? statement.objects.filter((name) => name !== "*") : [];
  }

  private alter(statement: Statement, since: string): void {
    const alter = as(treeOf(statement).node, "AlterTableStmt");
    const table = tableOf(alter?.relation);
    for (const command of all(alter?.cmds, "AlterTableCmd")) {
      const column = as(command.def, "ColumnDef");
      const constraint = as(command.def, "Constraint");
      if (command.subtype === "AT_AddColumn" && column !== undefined) this.addColumn(table, column, since);
      if (command.subtype === "AT_AddConstraint" && constraint !== undefined)
        this.addConstraint(table, constraint, since);
      if (command.subtype === "AT_ValidateConstraint") {
        const known = this.constraint(table, command.name ?? "");
        if (known !== undefined) this.constraints.set(`${table}.${command.name ?? ""}`, { ...known, validated: true });
      }
      if (command.subtype === "AT_DropConstraint") {
        const known = this.constraint(table, command.name ?? "");
        if (known !== undefined)
          this.constraints.set(`${table}.${command.name ?? ""}`, { ...known, validated: false, notNull: [] });
      }
      if (command.subtype === "AT_ColumnDefault") {
        const known = this.column(table, command.name ?? "");
        if (known !== undefined)
          this.columns.set(`${table}.${command.name ?? ""}`, { ...known, filled: command.def !== undefined });
      }
    }
  }

  private addColumn(table: string, column: ColumnDef, since: string): void {
    const name = column.colname ?? "";
    this.columns.set(`${table}.${name}`, { since, filled: fillsItself(column) });
    for (const constraint of constraintsOf(column)) {
      if (constraint.contype === "CONSTR_NOTNULL" || constraint.contype === "CONSTR_PRIMARY") {
        this.constraints.set(`${table}.${name}`, { kind: "CONSTR_NOTNULL", since, validated: true, notNull: [name] });
      }
    }
  }

  private addConstraint(table: string, constraint: Constraint, since: string): void {
    if (constraint.conname === undefined) return;
    this.constraints.set(`${table}.${constraint.conname}`, {
      kind: constraint.contype,
      since,
      validated: constraint.skip_validation !== true,
      notNull: notNullColumns(constraint),
    });
  }
}

/** Whether an INSERT that leaves the column out still gives it a value. */
export function fillsItself(column: ColumnDef): boolean {
  return (
    isSerial(column) ||
    constraintsOf(column).some((c) =>
      ["CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"].includes(c.contype ?? ""),
    )
  );
}

export function isSerial(column: ColumnDef): boolean {
  return /^(?:small|big)?serial[248]?$/.test(dotted(strings(column.typeName?.names)));
}
