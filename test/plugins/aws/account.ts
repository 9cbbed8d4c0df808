import { DatabaseSync } from "node:sqlite";
import type { Properties } from "../protocol/values";

/** The number of the account that the stand-in plays, as AWS's documentation uses it. */
export const accountId = "123456789012";

/** Milliseconds that one process waits for another to finish its change. */
const patienceMs = 20_000;

/** A thing in the account: what a resource of the program, a test or AWS itself made. */
export interface Row {
  token: string;
  id: string;
  outs: Properties;
}

/** A call that fails; see faults.ts. */
export interface Fault {
  /** Token of the resource or function, or the action of a runtime API ("ModifyListener"); "*" for any. */
  of: string;
  on: "create" | "read" | "update" | "delete" | "invoke" | "api" | "any";
  /** Only resources whose name in the program is this. */
  name?: string;
  /** AWS's error code. */
  code: string;
  message?: string;
  /** How many matching calls pass before the first that fails. Default 0. */
  after?: number;
  /** How many fail then; null: all. Default 1. */
  times?: number | null;
  /** The work is done all the same, and only the answer is lost. Only for create. */
  done?: boolean;
}

/**
 * An AWS account on disk, one file: shared by every process that plays a part of AWS (plugins, the runtime API) and by the
 * test. Two stacks in one file share its names, as two stacks in one account do. A change is whole or not made, also when
 * its process is killed.
 */
export class Account {
  readonly #db: DatabaseSync;

  constructor(file: string) {
    this.#db = open(file);
    this.#db.exec(`PRAGMA synchronous = OFF;
      CREATE TABLE IF NOT EXISTS resources (token TEXT, id TEXT, outs TEXT NOT NULL, PRIMARY KEY (token, id)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS faults (number INTEGER PRIMARY KEY, fault TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0);
      CREATE TABLE IF NOT EXISTS options (name TEXT PRIMARY KEY, value TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)`);
  }

  /** Works on the account alone: nobody else changes it meanwhile, and nothing is changed when `work` throws. */
  change<T>(work: (rows: Rows) => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work(new Rows(this.#db));
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Lets calls fail from now on. */
  inject(...faults: Fault[]): void {
    for (const fault of faults) this.#db.prepare("INSERT INTO faults (fault) VALUES (?)").run(JSON.stringify(fault));
  }

  /** Ends all injected faults. @returns those that no call has met, which a test should ask for. */
  clearFaults(): Fault[] {
    const unmet = this.#db.prepare("SELECT fault FROM faults WHERE seen = 0").all();
    this.#db.exec("DELETE FROM faults");
    return unmet.map(({ fault }) => JSON.parse(String(fault)) as Fault);
  }

  /** Says something of AWS that no resource does: where databases are, how copies and alarms are. */
  setOption(name: string, value: unknown): void {
    this.change((rows) => rows.setOption(name, value));
  }

  /** Keeps every state that resources of a type are in from now on; `seen` gives them. */
  watch(token: string): void {
    const quoted = `'${token.replaceAll("'", "''")}'`;
    this.#db.exec(`CREATE TABLE IF NOT EXISTS history (number INTEGER PRIMARY KEY, token TEXT, id TEXT, outs TEXT);
      CREATE TRIGGER IF NOT EXISTS "watch ${token.replaceAll('"', "")}" AFTER INSERT ON resources WHEN NEW.token = ${quoted}
      BEGIN INSERT INTO history (token, id, outs) VALUES (NEW.token, NEW.id, NEW.outs); END`);
  }

  /** What was put of a type since it is watched, whoever did it, oldest first. */
  seen(token: string): Row[] {
    const found = this.#db.prepare("SELECT token, id, outs FROM history WHERE token = ? ORDER BY number");
    return found.all(token).map(asRow);
  }

  close(): void {
    this.#db.close();
  }
}

function open(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: patienceMs });
  } catch (error) {
    throw new Error(`can't open the account at ${file}, expected a file in a folder that is there`, { cause: error });
  }
}

/** The account within one change. */
export class Rows {
  constructor(readonly db: DatabaseSync) {}

  get(token: string, id: string): Row | undefined {
    const found = this.db.prepare("SELECT token, id, outs FROM resources WHERE token = ? AND id = ?").get(token, id);
    return found === undefined ? undefined : asRow(found);
  }

  all(token?: string): Row[] {
    const found =
      token === undefined
        ? this.db.prepare("SELECT token, id, outs FROM resources").all()
        : this.db.prepare("SELECT token, id, outs FROM resources WHERE token = ?").all(token);
    return found.map(asRow);
  }

  put({ token, id, outs }: Row): void {
    this.db.prepare("INSERT OR REPLACE INTO resources VALUES (?, ?, ?)").run(token, id, JSON.stringify(outs));
  }

  remove(token: string, id: string): void {
    this.db.prepare("DELETE FROM resources WHERE token = ? AND id = ?").run(token, id);
  }

  option(name: string): unknown {
    const found = this.db.prepare("SELECT value FROM options WHERE name = ?").get(name);
    return found === undefined ? undefined : (JSON.parse(String(found["value"])) as unknown);
  }

  setOption(name: string, value: unknown): void {
    this.db.prepare("INSERT OR REPLACE INTO options VALUES (?, ?)").run(name, JSON.stringify(value));
  }

  /** 1, 2, 3 … for each name: numbers are not used again. */
  next(name: string): number {
    const found = this.db
      .prepare("INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value")
      .get(name);
    return Number(found?.["value"]);
  }
}

const asRow = (found: Record<string, unknown>): Row => ({
  token: String(found["token"]),
  id: String(found["id"]),
  outs: JSON.parse(String(found["outs"])) as Properties,
});
