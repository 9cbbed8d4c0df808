import type { Client } from "pg";
import { DatabaseError } from "pg";
import type { Build, Column, Field, File, Script } from "./files";
import type { Event } from "./trace";

/** A write that a release had confirmed: what it wrote, by field, as it must be read back. */
interface Acknowledged {
  readonly values: Map<Field, string>;
  /** Fields whose loss was asked for. */
  readonly forgiven: Set<Field>;
  /** It was copied to another database, which is not kept up to date after that. */
  copied: boolean;
}

type Row = Record<string, string | null> & { id: string };

const columnName = (field: Field, column: Column): string => `f${field}_c${column}`;
const fieldName = (field: Field): string => `f${field}`;
const fieldOf = (name: string): Field => Number(/^f(\d+)/.exec(name)?.[1]);

/**
 * What the simulated databases stand for, done: a table in PostgreSQL that migrations change by DDL, triggers that keep the
 * columns of a field in step, and each release's own queries. It knows what was acknowledged, and finds out the rest by
 * asking PostgreSQL.
 */
export class RealDatabases {
  private readonly acknowledged = new Map<string, Acknowledged>();
  private lastId = 0;
  private lastValue = 0;

  private constructor(private readonly client: Client) {}

  /** Empty databases in a schema of their own. */
  static async create(client: Client, schema: string): Promise<RealDatabases> {
    await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; SET synchronous_commit = off;
      CREATE TABLE notes (id bigint PRIMARY KEY); CREATE TABLE other_notes (id bigint PRIMARY KEY)`);
    return new RealDatabases(client);
  }

  /** Does what an event says. @returns what a release or migration stumbled over, or a down destroyed, if so. */
  async play(event: Event): Promise<string | undefined> {
    switch (event.kind) {
      case "up":
        return this.attempt(async () => this.run(upOf(event.file.script, await this.columns())));
      case "down":
        return this.takeBack(event.file);
      case "breakOff": {
        const statements = event.direction === "up" ? upOf : downOf;
        return this.attempt(async () => this.run(statements(event.file.script, await this.columns()).slice(0, 1)));
      }
      case "start":
        return this.attempt(() => this.select(event.build, "LIMIT 0"));
      case "read":
        return this.read(event.build);
      case "write":
        return this.attempt(() => this.write(event.build));
      case "forgive":
        return this.forgive(event.fields);
      case "restore":
        return this.restore();
      case "catchUp":
        return this.catchUp(event.database);
    }
  }

  private async attempt(work: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (error instanceof DatabaseError) return `${error.message} (${String(error.code)})`;
      throw error;
    }
  }

  private async columns(): Promise<string[]> {
    const { rows } = await this.client.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'`,
    );
    return rows.map(({ name }) => name);
  }

  private async run(statements: readonly string[]): Promise<void> {
    await this.client.query(statements.join(";\n"));
  }

  private async takeBack({ script }: File): Promise<string | undefined> {
    const field = script.kind === "add" || script.kind === "rename" ? script.field : undefined;
    const before = field === undefined ? new Set<string>() : await this.held(field);
    const failed = await this.attempt(async () => this.run(downOf(script, await this.columns())));
    if (failed !== undefined || field === undefined) return failed;
    const after = await this.held(field);
    const lost = [...before].some((id) => !after.has(id) && this.acknowledged.get(id)?.forgiven.has(field) === false);
    return lost ? `field ${field} is lost` : undefined;
  }

  /** The acknowledged writes whose value of a field is still in some column of the main database. */
  private async held(field: Field): Promise<Set<string>> {
    const columns = (await this.columns()).filter((name) => fieldOf(name) === field);
    if (columns.length === 0) return new Set();
    const { rows } = await this.client.query<Row>(`SELECT id, ${columns.join(", ")} FROM notes`);
    const isHeld = (row: Row): boolean => {
      const value = this.acknowledged.get(row.id)?.values.get(field);
      return value !== undefined && columns.some((name) => row[name] === value);
    };
    return new Set(rows.filter(isHeld).map(({ id }) => id));
  }

  /** The release's own query. */
  private async select({ release, uses }: Build, more = ""): Promise<Row[]> {
    const inMain = release.database === "main";
    const names = [...uses].map(([field, column]) => (inMain ? columnName(field, column) : fieldName(field)));
    if (!inMain) await this.addOthers([...uses.keys()]);
    const { rows } = await this.client.query<Row>(
      `SELECT ${["id", ...names].join(", ")} FROM ${inMain ? "notes" : "other_notes"} ${more}`,
    );
    return rows;
  }

  private async read(build: Build): Promise<string | undefined> {
    let rows: Row[] = [];
    const failed = await this.attempt(async () => (rows = await this.select(build)));
    if (failed !== undefined) return failed;
    const found = new Map(rows.map((row) => [row.id, row]));
    const inMain = build.release.database === "main";
    for (const [id, { values, forgiven }] of this.acknowledged) {
      for (const [field, column] of build.uses) {
        const value = values.get(field);
        if (value === undefined || forgiven.has(field)) continue;
        const there = found.get(id)?.[inMain ? columnName(field, column) : fieldName(field)];
        if (there !== value) return `field ${field} of acknowledged write ${id} reads ${String(there)}, not ${value}`;
      }
    }
    return undefined;
  }

  /** A new row, and in the main database a change of an older one too. */
  private async write({ release, uses }: Build): Promise<void> {
    const inMain = release.database === "main";
    const values = (): Map<Field, string> => new Map([...uses.keys()].map((field) => [field, `v${++this.lastValue}`]));
    const name = (field: Field): string => (inMain ? columnName(field, uses.get(field) ?? -1) : fieldName(field));
    const id = String(++this.lastId);
    const first = values();
    const names = ["id", ...[...first.keys()].map(name)];
    const insert = `INSERT INTO ${inMain ? "notes" : "other_notes"} (${names.join(", ")}) VALUES (${[id, ...[...first.values()].map((value) => `'${value}'`)].join(", ")})`;
    const older = [...this.acknowledged].filter(([, { copied }]) => inMain && !copied).at(-2);
    const second = values();
    const update =
      older === undefined || second.size === 0
        ? []
        : [`UPDATE notes SET ${[...second].map(([field, value]) => `${name(field)} = '${value}'`).join(", ")} WHERE id = ${older[0]}`]; // prettier-ignore
    await this.client.query([insert, ...update].join(";\n"));
    this.acknowledged.set(id, { values: first, forgiven: new Set(), copied: !inMain });
    if (update.length === 0) return;
    for (const [field, value] of second) {
      older?.[1].values.set(field, value);
      older?.[1].forgiven.delete(field);
    }
  }

  private async forgive(fields: readonly Field[]): Promise<undefined> {
    for (const field of fields) {
      const held = await this.held(field);
      for (const [id, { values, forgiven }] of this.acknowledged)
        if (values.has(field) && !held.has(id)) forgiven.add(field);
    }
  }

  /** A backup takes the place of everything, by request. */
  private async restore(): Promise<undefined> {
    this.acknowledged.clear();
    await this.client.query("DELETE FROM notes; DELETE FROM other_notes");
  }

  /** With writes frozen, each database gets the rows that it lacks. */
  private async catchUp(database: string): Promise<undefined> {
    const columns = await this.columns();
    const fields = [...new Set(columns.map(fieldOf))];
    await this.addOthers(fields);
    if (database === "main") {
      const from = columns.map((name) => fieldName(fieldOf(name)));
      await this.client.query(
        `INSERT INTO notes (${["id", ...columns].join(", ")}) SELECT ${["id", ...from].join(", ")} FROM other_notes ON CONFLICT DO NOTHING`,
      );
    } else {
      const from = fields.map((field) => `coalesce(${columns.filter((name) => fieldOf(name) === field).join(", ")})`);
      await this.client.query(
        `INSERT INTO other_notes (${["id", ...fields.map(fieldName)].join(", ")}) SELECT ${["id", ...from].join(", ")} FROM notes ON CONFLICT DO NOTHING`,
      );
    }
    for (const write of this.acknowledged.values()) write.copied = true;
  }

  /** The other database has no migrations here: whoever moves to it makes it fit. */
  private async addOthers(fields: readonly Field[]): Promise<void> {
    if (fields.length === 0) return;
    const adds = fields.map((field) => `ADD COLUMN IF NOT EXISTS ${fieldName(field)} text`);
    await this.client.query(`ALTER TABLE other_notes ${adds.join(", ")}`);
  }
}

/**
 * The up of a migration file, as somebody writes it who sees the table as it is. It can be run again after its first
 * statement alone: a backfill overwrites, since what an earlier try left may be out of step by now.
 */
function upOf(script: Script, columns: readonly string[]): string[] {
  if (script.kind === "index") return ["CREATE INDEX IF NOT EXISTS notes_id ON notes (id)"];
  const name = columnName(script.field, script.column);
  if (script.kind === "drop") return dropColumn(name, columns);
  const add = `ALTER TABLE notes ADD COLUMN IF NOT EXISTS ${name} text`;
  const source = script.kind === "rename" ? script.from : script.reads;
  if (source === undefined) return [add, keptInStep([...columns, name])];
  const from = columns.find((other) => other.endsWith(`_c${source}`)) ?? `gone_c${source}`;
  return [add, `UPDATE notes SET ${name} = ${from}`, keptInStep([...columns, name])];
}

function downOf(script: Script, columns: readonly string[]): string[] {
  if (script.kind === "index") return ["DROP INDEX IF EXISTS notes_id"];
  const name = columnName(script.field, script.column);
  if (script.kind !== "drop") return dropColumn(name, columns);
  const siblings = columns.filter((other) => fieldOf(other) === script.field && other !== name);
  const fill = siblings.length === 0 ? [] : [`UPDATE notes SET ${name} = coalesce(${siblings.join(", ")})`]; // prettier-ignore
  return [`ALTER TABLE notes ADD COLUMN IF NOT EXISTS ${name} text`, ...fill, keptInStep([...columns, name])];
}

const dropColumn = (name: string, columns: readonly string[]): string[] => [
  keptInStep(columns.filter((other) => other !== name)),
  `ALTER TABLE notes DROP COLUMN IF EXISTS ${name}`,
];

/** Triggers that carry what is written to one column of a field to its others. */
function keptInStep(columns: readonly string[]): string {
  const names = [...new Set(columns)];
  const fields = [...new Set(names.map(fieldOf))].map((field) => names.filter((name) => fieldOf(name) === field));
  const shared = fields.filter((siblings) => siblings.length > 1);
  const drop = "DROP TRIGGER IF EXISTS in_step ON notes";
  if (shared.length === 0) return drop;
  const all = (siblings: readonly string[], value: string): string =>
    siblings.map((name) => `NEW.${name} := ${value};`).join(" ");
  const inserted = shared.map((siblings) => all(siblings, `coalesce(${siblings.map((name) => `NEW.${name}`).join(", ")})`)); // prettier-ignore
  const updated = shared.map((siblings) => {
    const whens = siblings.map((name) => `NEW.${name} IS DISTINCT FROM OLD.${name} THEN ${all(siblings, `NEW.${name}`)}`); // prettier-ignore
    return `IF ${whens.join(" ELSIF ")} END IF;`;
  });
  return `CREATE OR REPLACE FUNCTION in_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN ${inserted.join(" ")} ELSE ${updated.join(" ")} END IF; RETURN NEW; END $$;
    ${drop};
    CREATE TRIGGER in_step BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION in_step()`;
}
