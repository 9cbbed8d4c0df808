import assert from "node:assert/strict";
import type { Client } from "pg";
import type { Connection } from "../../infra/providers/connection";
import { runBackfill } from "../../infra/providers/schema/backfill";
import type { BackfillFigures, BackfillOptions, BackfillPlace } from "../../infra/providers/schema/backfill";
import type { Run } from "../../infra/providers/schema/run";
import type { Statement } from "../../infra/schema";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { migrationOf } from "../unit/schema/build";

/** A database of an owner who is no superuser and sees no other role's sessions, as the real one. */
export class Shop {
  static readonly password = "owner's own";
  /** What the run said since the test began. */
  lines: string[] = [];
  /** A migration of its own for each test. */
  version = 0;

  private constructor(
    readonly postgres: TestPostgres,
    readonly connection: Connection,
    readonly client: Client,
  ) {}

  static async open(major: 15 | 18): Promise<Shop> {
    const postgres = await startPostgres(major);
    await postgres.asSuperuser(async (admin) => {
      await admin.query(`CREATE ROLE owner LOGIN PASSWORD ${admin.escapeLiteral(Shop.password)}`);
      await admin.query("CREATE DATABASE shop OWNER owner");
    });
    const { port } = postgres;
    const connection = { host: "127.0.0.1", port, database: "shop", user: "owner", sslmode: "disable" } as const;
    const client = await postgres.connect({ user: "owner", password: Shop.password, database: "shop" });
    return new Shop(postgres, connection, client);
  }

  /** Another session of the owner. */
  connect(): Promise<Client> {
    return this.postgres.connect({ user: "owner", password: Shop.password, database: "shop" });
  }

  next(): void {
    this.lines = [];
    this.version += 1;
  }

  run(assertHeld: () => Promise<void> = () => Promise.resolve()): Run {
    const { client, connection } = this;
    const say = (line: string): void => void this.lines.push(line);
    return { client, connection, password: Shop.password, owner: "owner", assertHeld, proof: "SELECT 1", say };
  }

  get at(): BackfillPlace {
    return { version: String(this.version), direction: "up", index: 0 };
  }

  backfill(sql: string, options?: Partial<BackfillOptions>, run = this.run()): Promise<BackfillFigures> {
    // However slow the machine is, batches keep their size unless a test is about it.
    return runBackfill(run, statementOf(sql), this.at, { longBatchMs: Infinity, ...options });
  }

  async rows(sql: string): Promise<unknown[]> {
    return (await this.client.query({ text: sql, rowMode: "array" })).rows;
  }

  async number(sql: string, client = this.client): Promise<number> {
    return Number((await client.query<{ value: string }>(`SELECT (${sql})::text AS value`)).rows[0]?.value);
  }

  /** Batches that are on record for this test's migration. */
  async batches(client = this.client): Promise<number> {
    const { rows } = await client.query<{ there: boolean }>(
      "SELECT to_regclass('switchyard.backfills') IS NOT NULL AS there",
    );
    if (rows[0]?.there !== true) return 0;
    return this.number(
      `SELECT coalesce(sum(batches), 0) FROM switchyard.backfills WHERE version = '${this.version}'`,
      client,
    );
  }
}

export function statementOf(sql: string): Statement {
  const [statement] = migrationOf(sql, { up: "transaction:false" }).up.statements;
  assert.ok(statement);
  return statement;
}

/** Waits for what another session or process brings about; the test's own time limit ends a wait in vain. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
