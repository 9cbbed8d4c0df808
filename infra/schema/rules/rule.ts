import type { AlterTableCmd, Constraint, DropStmt, Node, ObjectType } from "libpg-query";
import { ownerOf } from "../classify";
import type { SchemaFacts } from "../facts";
import { constraintsOf } from "../locks";
import { all, as, dotted, strings, tableOf } from "../tree";
import type { Tag } from "../tree";
import type { Migration, Phase, Section, Statement } from "../types";

/** One statement under judgement, with what stands around it. */
export interface Subject {
  readonly statement: Statement;
  readonly node: Node;
  readonly migration: Migration;
  readonly section: Section;
  readonly earlier: readonly Statement[];
  readonly later: readonly Statement[];
  /**
   * What must hold for running code: `expand` where the section widens (the up of an expand, the down of a contract),
   * `contract` where it narrows.
   */
  readonly phase: Phase;
  /** What the statements before this one made. */
  readonly facts: SchemaFacts;
  /** Whether something that is there since that version is new: made by this migration or by one that is pending too. */
  readonly isNew: (since: string | undefined) => boolean;
}

/** One place where a rule applies. */
export interface Hit {
  /** What was found. */
  readonly message: string;
  /** Byte location in the parse tree, or a word of the statement; its first character where left out. */
  readonly at?: number | string;
  /** Harmless because what it touches is new; kept, so that a waiver for it is not called idle. */
  readonly exempt?: boolean;
  /** In place of the rule's own. */
  readonly safeWay?: string;
}

export interface Rule {
  /** As waivers and messages name it. */
  readonly id: string;
  /**
   * `expand`: old code would not survive, so it applies where a section widens. `contract`: it applies where one
   * narrows. `both`: it is wrong anywhere.
   */
  readonly concerns: Phase | "both";
  /** It refuses nothing: its hits are a fact that others read, and what a waiver of it can be for. Default false. */
  readonly silent?: true;
  /** The statements it looks at. Default all. */
  readonly on?: readonly Tag[];
  /** True, or why no waiver is taken. */
  readonly waivable: true | string;
  /** What to do instead, in a sentence. */
  readonly safeWay: string;
  check(subject: Subject): readonly Hit[];
}

/** A subcommand of ALTER TABLE, with its table. */
export interface Alteration {
  readonly table: string;
  readonly command: AlterTableCmd;
  readonly newTable: boolean;
}

/** A dozen rules ask for the subcommands of one statement. */
const known = new WeakMap<Subject, Alteration[]>();

/** The subcommands of an ALTER TABLE (or ALTER TYPE, for composite types); none for other statements. */
export function alterations(subject: Subject): Alteration[] {
  const found = known.get(subject) ?? readAlterations(subject);
  known.set(subject, found);
  return found;
}

function readAlterations({ node, facts, isNew }: Subject): Alteration[] {
  const alter = as(node, "AlterTableStmt");
  if (alter === undefined) return [];
  const table = tableOf(alter.relation);
  const newTable = isNew(facts.table(table)?.since);
  return all(alter.cmds, "AlterTableCmd").map((command) => ({ table, command, newTable }));
}

/** Only those subcommands. */
export function altering(subject: Subject, ...subtypes: AlterTableCmd["subtype"][]): Alteration[] {
  return alterations(subject).filter(({ command }) => subtypes.includes(command.subtype));
}

/** A constraint that comes to a table that is there already. */
export interface AddedConstraint extends Alteration {
  readonly constraint: Constraint;
  /** Columns it concerns. */
  readonly columns: readonly string[];
  /** The column that is added along with it. */
  readonly withColumn?: string;
}

/** Constraints that an ALTER TABLE adds, as such or on a new column. */
export function addedConstraints(subject: Subject): AddedConstraint[] {
  return alterations(subject).flatMap((alteration) => {
    const { command } = alteration;
    const constraint = as(command.def, "Constraint");
    if (command.subtype === "AT_AddConstraint" && constraint !== undefined) {
      return { ...alteration, constraint, columns: constraintColumns(constraint) };
    }
    const column = as(command.def, "ColumnDef");
    if (command.subtype !== "AT_AddColumn" || column === undefined) return [];
    const withColumn = column.colname ?? "";
    return constraintsOf(column).map((added) => ({
      ...alteration,
      constraint: added,
      columns: [withColumn],
      withColumn,
    }));
  });
}

function constraintColumns(constraint: Constraint): string[] {
  if (constraint.contype === "CONSTR_FOREIGN") return strings(constraint.fk_attrs);
  if (constraint.keys !== undefined) return strings(constraint.keys);
  return columnNames(constraint.raw_expr ?? constraint.exclusions);
}

/** Distinct columns that an expression names. */
export function columnNames(value: unknown): string[] {
  const found = new Set<string>();
  const visit = (item: unknown): void => {
    if (Array.isArray(item)) item.forEach(visit);
    else if (typeof item === "object" && item !== null) {
      const { ColumnRef: ref, IndexElem: element } = item as {
        ColumnRef?: { fields?: Node[] };
        IndexElem?: { name?: string };
      };
      if (ref !== undefined) found.add(strings(ref.fields).at(-1) ?? "");
      if (element?.name !== undefined) found.add(element.name);
      Object.values(item).forEach(visit);
    }
  };
  visit(value);
  return [...found];
}

/** Whether a table, or each of these columns of it, is new. */
export function allNew(subject: Subject, table: string, columns: readonly string[]): boolean {
  const { facts, isNew } = subject;
  if (isNew(facts.table(table)?.since)) return true;
  return columns.length > 0 && columns.every((column) => isNew(facts.column(table, column)?.since));
}

/** "title" or "first_name, last_name", for messages. */
export function list(names: readonly string[]): string {
  return names.join(", ");
}

/** The name of a type as written, without `pg_catalog`. */
export function typeName(names: readonly Node[] | undefined): string {
  return dotted(strings(names));
}

/** The things of a type that a DROP names; triggers, policies and rules with their table. */
export function dropped({ node }: Subject, type: ObjectType): { drop: DropStmt; table: string; name: string }[] {
  const drop = as(node, "DropStmt");
  if (drop?.removeType !== type) return [];
  return (drop.objects ?? []).map((object) => ({
    drop,
    table: ownerOf(object),
    name: strings(as(object, "List")?.items).at(-1) ?? "",
  }));
}
