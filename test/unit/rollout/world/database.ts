import { needs, type Build, type Column, type Field, type File } from "./files";

/** Rows that are alike in everything that matters here. */
interface Row {
  /** Fields that it was written with, as bits. */
  readonly fields: number;
  /** Columns of the main database that hold its value, as bits. */
  readonly held: number;
  readonly inMain: boolean;
  readonly inOther: boolean;
  /** Fields whose loss was asked for, as bits. */
  readonly forgiven: number;
}

// Fields and columns are numbered from 0 to 30.
const has = (mask: number, index: number): boolean => (mask & (1 << index)) !== 0;
const add = (mask: number, index: number): number => mask | (1 << index);
const drop = (mask: number, index: number): number => mask & ~(1 << index);

/**
 * The main database, which migrations change, and another that only a cutover connects with it. Remembers every
 * acknowledged write, field by field, and in which columns it can still be found.
 */
export class Database {
  readonly columns = new Map<Column, Field>();
  private rows = new Map<string, Row>();

  /** The first thing that queries of this release would stumble over. */
  missingFor({ release, uses }: Build): string | undefined {
    if (release.database !== "main") return undefined;
    for (const column of uses.values()) if (!this.columns.has(column)) return `column ${column} does not exist`;
    return undefined;
  }

  /** An acknowledged write that this release doesn't find again. */
  unreadableBy({ release, uses }: Build): string | undefined {
    for (const row of this.rows.values()) {
      for (const [field, column] of uses) {
        if (!has(row.fields, field) || has(row.forgiven, field)) continue;
        const found = release.database === "main" ? row.inMain && has(row.held, column) : row.inOther;
        if (!found) return `field ${field} of an acknowledged write`;
      }
    }
    return undefined;
  }

  write({ release, uses }: Build): void {
    let fields = 0;
    for (const field of uses.keys()) fields = add(fields, field);
    const inMain = release.database === "main";
    this.keep({ fields, held: inMain ? this.columnsOf(fields) : 0, inMain, inOther: !inMain, forgiven: 0 });
  }

  /** Runs a file's up. Safe to repeat. @throws Error when a column that it needs is gone. */
  up({ version, script }: File): void {
    if (script.kind === "index") return;
    const done = script.kind === "drop" ? !this.columns.has(script.column) : this.columns.has(script.column);
    if (done) return;
    const missing = needs(script).find((column) => !this.columns.has(column));
    if (missing !== undefined) throw new Error(`migration ${version} needs column ${missing}, which is gone`);
    if (script.kind === "drop") this.remove(script.column);
    else this.create(script.column, script.field);
  }

  /** Runs a file's down. Safe to repeat. @returns the field whose values it destroyed, if it did. */
  down({ script }: File): Field | undefined {
    if (script.kind === "index") return undefined;
    if (script.kind === "drop") {
      if (!this.columns.has(script.column)) this.create(script.column, script.field);
      return undefined;
    }
    return this.remove(script.column) ? script.field : undefined;
  }

  /**
   * A migration outside a transaction ends after some of its statements. Here a migration is one statement, of which
   * nothing is left; a real one leaves a half that no release may depend on.
   */
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- only the record of it needs to know
  breakOff(_file: File, _direction: "up" | "down"): void {
    return;
  }

  /** Somebody accepted that what these files drop, or dropped, is lost. */
  forgive(fields: readonly Field[]): void {
    this.change((row) => {
      const lost = fields.filter((field) => has(row.fields, field) && !this.isHeld(row, field));
      return { ...row, forgiven: lost.reduce(add, row.forgiven) };
    });
  }

  /** A backup takes the place of everything, by request. */
  restore(): void {
    this.rows = new Map();
  }

  /** With writes frozen, what one database lacks is copied to it. */
  catchUp(database: string): void {
    this.change((row) =>
      database === "main"
        ? { ...row, inMain: true, held: row.inMain ? row.held : this.columnsOf(row.fields) }
        : { ...row, inOther: true },
    );
  }

  private isHeld({ held }: Row, field: Field): boolean {
    for (const [column, stored] of this.columns) if (stored === field && has(held, column)) return true;
    return false;
  }

  private columnsOf(fields: number): number {
    let held = 0;
    for (const [column, field] of this.columns) if (has(fields, field)) held = add(held, column);
    return held;
  }

  private create(column: Column, field: Field): void {
    this.change((row) => (this.isHeld(row, field) ? { ...row, held: add(row.held, column) } : row));
    this.columns.set(column, field);
  }

  /** @returns whether a value was lost that nobody has forgiven. */
  private remove(column: Column): boolean {
    const field = this.columns.get(column);
    if (field === undefined) return false;
    this.columns.delete(column);
    let lost = false;
    this.change((row) => {
      if (!has(row.held, column)) return row;
      const rest = { ...row, held: drop(row.held, column) };
      lost ||= !has(row.forgiven, field) && !this.isHeld(rest, field);
      return rest;
    });
    return lost;
  }

  private change(change: (row: Row) => Row): void {
    const rows = [...this.rows.values()];
    this.rows = new Map();
    for (const row of rows) this.keep(change(row));
  }

  private keep(row: Row): void {
    this.rows.set(`${row.fields}/${row.held}/${Number(row.inMain)}/${Number(row.inOther)}/${row.forgiven}`, row);
  }
}
