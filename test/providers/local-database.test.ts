import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { provider } from "../../infra/platform/local/database/provider";
import type { LocalDatabaseInputs, LocalDatabaseState } from "../../infra/platform/local/database/resource";
import { withSuperuser } from "../../infra/platform/local/postgres/cluster";
import { findHome } from "../../infra/platform/local/postgres/home";
import { findFree } from "../../infra/platform/local/process/ports";
import { isRunning } from "../../infra/platform/local/process/identity";
import { stop } from "../../infra/platform/local/process/lifecycle";
import { provider as takeOver } from "../../infra/platform/local/take-over/provider";
import { eventually } from "../support/pages";

describe("LocalDatabase", function () {
  this.timeout(300_000);
  let folder: string;
  let workingFolder: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-database-")));
    mkdirSync(join(folder, "infra"));
    workingFolder = process.cwd();
    process.chdir(join(folder, "infra"));
  });
  after(() => {
    process.chdir(workingFolder);
    rmSync(folder, { recursive: true, force: true });
  });

  const password = () => randomBytes(12).toString("hex");
  const declare = (more: Partial<LocalDatabaseInputs> = {}): LocalDatabaseInputs => ({
    folder: `.switchyard/${password()}`,
    name: "pages",
    majorVersion: 15,
    maxConnections: 50,
    deleteDataOnDestroy: true,
    superuserPassword: password(),
    administrator: "switchyard",
    administratorPassword: password(),
    ...more,
  });

  /** What Access does, as far as it matters here: roles, and a database made from what the server's output names. */
  async function access(state: LocalDatabaseState): Promise<void> {
    const client = new Client({
      host: state.host,
      port: state.chosenPort,
      user: state.administrator,
      password: state.administratorPassword,
      database: "postgres",
    });
    await client.connect();
    await client.query("CREATE ROLE pages_owner NOLOGIN; GRANT pages_owner TO switchyard");
    for (const kind of ["migrator", "app_blue", "app_green", "readonly", "monitoring"])
      await client.query(`CREATE ROLE pages_${kind} LOGIN`);
    await client.query(`CREATE DATABASE pages OWNER pages_owner TEMPLATE ${state.template}`);
    await client.end();
    const connectionLimits = { migrator: 5, blue: 10, green: 10, readonly: 5, monitoring: 5 };
    const expected = { database: "pages", administrator: state.administrator, connectionLimits };
    await takeOver.create({ ...state, port: state.chosenPort, owner: "pages_owner", expected });
  }

  it("starts on another port when the one that was free is taken before its server begins", async () => {
    const inputs = declare();
    const port = await findFree(55_432);
    const making = provider.create(inputs);
    const { data } = findHome(join(folder, inputs.folder), 15);
    // The port is chosen before initdb begins, and opened after it has ended.
    await eventually("initdb is at work", () => existsSync(data));
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    const { outs, id } = await making;
    other.close();
    assert.notEqual(outs.chosenPort, port);
    await withSuperuser({ port: outs.chosenPort, ...inputs }, (client) => client.query("SELECT 1"));
    await provider.delete(outs, id);
  });

  it("keeps data on destroy, and the next stack takes it up under its own roles and passwords", async () => {
    const inputs = declare({ deleteDataOnDestroy: false });
    const first = (await provider.create(inputs)).outs;
    await access(first);
    await withSuperuser(
      { port: first.chosenPort, ...inputs },
      (client) =>
        client.query(
          "SET ROLE pages_owner; CREATE TABLE kept (n int); INSERT INTO kept VALUES (42); GRANT SELECT ON kept TO pages_readonly",
        ),
      "pages",
    );
    await withSuperuser({ port: first.chosenPort, ...inputs }, (client) =>
      client.query("CREATE DATABASE somebody_elses"),
    );
    await provider.delete(first, "id");
    assert.ok(!isRunning(first.server));

    const second = (await provider.create({ ...declare(), folder: inputs.folder })).outs;
    try {
      assert.equal(second.template, "pages_kept");
      await access(second);
      const found = await withSuperuser(
        { port: second.chosenPort, superuserPassword: second.superuserPassword },
        async (client) => [
          (await client.query("SELECT n FROM kept")).rows,
          (await client.query("SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'kept'")).rows,
          (await client.query("SELECT datname FROM pg_database WHERE datname ~ 'kept|else'")).rows,
          (await client.query("SELECT rolname FROM pg_roles WHERE rolname ~ 'kept'")).rows,
          (await client.query("SELECT has_table_privilege('pages_app_blue', 'kept', 'SELECT, INSERT') AS may")).rows,
        ],
        "pages",
      );
      assert.deepEqual(found, [
        [{ n: 42 }],
        [{ owner: "pages_owner" }],
        [{ datname: "somebody_elses" }],
        [],
        [{ may: true }],
      ]);
    } finally {
      await provider.delete(second, "id");
    }
    assert.ok(!existsSync(join(folder, inputs.folder, "postgres")));
  });

  it("comes back with all its rows, on its port, after every process was killed", async () => {
    const inputs = declare();
    const { outs } = await provider.create(inputs);
    const server = { port: outs.chosenPort, ...inputs };
    await withSuperuser(server, (client) => client.query("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n"));
    assert.deepEqual(await provider.diff(outs, inputs, "id"), { changes: false });
    await stop(outs.server, { signal: "SIGKILL" });
    assert.deepEqual(await provider.diff(outs, inputs, "id"), { changes: true });
    const back = await provider.update(outs, inputs, "id");
    try {
      assert.equal(back.chosenPort, outs.chosenPort);
      const { rows } = await withSuperuser(server, (client) => client.query("SELECT count(*)::int AS n FROM kept"));
      assert.deepEqual(rows, [{ n: 1000 }]);
    } finally {
      await provider.delete(back, "id");
    }
  });

  it("sets aside, and never deletes, what a create that was killed has left", async () => {
    const inputs = declare();
    const orphan = (await provider.create(inputs)).outs;
    const { outs } = await provider.create({ ...inputs, superuserPassword: password() });
    await provider.delete(outs, "id");
    assert.ok(!isRunning(orphan.server), "the orphan still runs");
  });

  it("changes passwords and settings in place", async () => {
    const inputs = declare();
    const { outs } = await provider.create(inputs);
    const changed = { ...inputs, superuserPassword: password(), maxConnections: 60 };
    const next = await provider.update(outs, changed, "id");
    try {
      const server = { port: next.chosenPort, superuserPassword: changed.superuserPassword };
      const { rows } = await withSuperuser(server, (client) => client.query("SHOW max_connections"));
      assert.deepEqual(rows, [{ max_connections: "60" }]);
      await assert.rejects(
        withSuperuser({ ...server, superuserPassword: inputs.superuserPassword }, () => Promise.resolve()),
      );
    } finally {
      await provider.delete(next, "id");
    }
  });

  it("refuses another major, and another name, for data that is there", async () => {
    const inputs = declare();
    const { outs } = await provider.create(inputs);
    try {
      const problems = (await provider.check?.({ ...inputs, majorVersion: 18 }, outs)) ?? [];
      assert.match(problems.join(), /is of PostgreSQL 15 and can't be opened by 18/);
      const renamed = (await provider.check?.({ ...inputs, name: "sites" }, outs)) ?? [];
      assert.match(renamed.join(), /database\.name is sites, and the database is pages/);
    } finally {
      await provider.delete(outs, "id");
    }
  });
});
