/** Runs one backfill in a process of its own, for tests that kill it. Its argument is JSON, its password in the environment. */
import { runBackfill } from "../../infra/providers/schema/backfill";
import type { Run } from "../../infra/providers/schema/run";
import { withConnection, type Connection } from "../../infra/providers/connection";
import { migrationOf } from "../unit/schema/build";

export interface ChildTask {
  readonly connection: Connection;
  readonly version: string;
  /** With its directive. */
  readonly sql: string;
}

async function main(): Promise<void> {
  const { connection, version, sql } = JSON.parse(process.argv[2] ?? "") as ChildTask;
  const password = process.env["BACKFILL_PASSWORD"] ?? "";
  const [statement] = migrationOf(sql, { up: "transaction:false" }).up.statements;
  if (statement === undefined) throw new Error("there is no statement");
  await withConnection(connection, password, "backfill that will be killed", async (client) => {
    const run: Run = {
      ...{ client, connection, password, owner: connection.user },
      assertHeld: () => Promise.resolve(),
      proof: "SELECT 1",
      say: (line) => console.log(line),
    };
    await runBackfill(run, statement, { version, direction: "up", index: 0 });
  });
}

void main();
