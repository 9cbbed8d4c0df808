import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { roleNames } from "../../infra/database/names";
import { findFree, isFree } from "../../infra/platform/local/process/ports";
import { balancerAddress } from "../support/exported";
import { load } from "../support/load";
import { eventually } from "../support/pages";
import { RevertingClone, type Commit, type Picture } from "../support/reverting";

const pages = "examples/pages/server.ts";
const faulty = "test/support/faulty.cjs";
const roles = roleNames("pages");

const atFirst = {
  platform: "local",
  greenWeight: "0",
  migrateTo: "0007",
  watchAfter: "0s",
  bake: { steps: [50, 100], bake: "100ms", maxBake: "100ms", onInsufficient: "advance" },
  blue: { version: "1.0.0", schema: "0006", entry: pages, count: 1 },
  green: { version: "1.1.0", schema: "0007", entry: pages },
  local: { deleteDataOnDestroy: true },
};

/** Statements that PostgreSQL refuses in a transaction: each is done, or not, by itself. */
const migration = (up: string[], down: string[], head = "phase=expand"): string =>
  [
    `-- switchyard: ${head}`,
    "-- migrate:up transaction:false",
    ...up,
    "-- migrate:down transaction:false",
    ...down,
    "",
  ].join("\n");
const build = (name: string, expression: string) => `CREATE INDEX CONCURRENTLY ${name} ON pages ((${expression}));`;
const drop = (name: string) => `DROP INDEX CONCURRENTLY IF EXISTS ${name};`;

/** Loses nothing when it is taken back, so that nobody's leave is needed. */
const good = migration([build("pages_title_length", "length(title)")], [drop("pages_title_length")]);
/** Seeded rows have version 3: the build ends half way, and leaves an index that is not valid. */
const breaksIn = migration(
  [build("pages_title_length", "length(title)"), build("pages_age", "1 / (version - 3)")],
  [drop("pages_age"), drop("pages_title_length")],
);
const breaks = migration([build("pages_age", "1 / (version - 3)")], [drop("pages_age")]);

/** Weight, release, migration and migrateTo in one commit, and what else is to be in it. */
const whole = (more: Commit = {}): Commit => ({
  config: {
    greenWeight: "100",
    green: { version: "1.2.0", schema: "0008", entry: pages },
    migrateTo: "0008",
    ...more.config,
  },
  migrations: { "0008_title_length.sql": good, ...more.migrations },
});

interface Failure {
  /** Where the `up` of the commit fails. */
  at: string;
  commit: Commit;
  /** Breaks what is to be broken when the `up` begins. @returns what puts it right again. */
  break?: () => (() => unknown) | Promise<() => unknown>;
  says: RegExp;
  /** The live weight then. @default as it is settled */
  leaves?: number;
}

/** Commits whose `up` fails, at each step, on one stack; each is reverted as a whole, and everything is as it was. */
describe("a commit that is reverted after its up failed", function () {
  this.timeout(600_000);
  let clone: RevertingClone;
  let settled: Picture;
  /** Somebody else listens there. */
  let port: number;
  let stranger: Server | undefined;

  before(async () => {
    clone = new RevertingClone();
    await clone.begin(atFirst);
    settled = await clone.picture();
    stranger = createServer().listen(await findFree(20_000), "127.0.0.1");
    await once(stranger, "listening");
    ({ port } = stranger.address() as AddressInfo);
  });
  after(async () => {
    stranger?.close();
    await clone.dispose();
  });

  async function fails({ commit, break: breakIt, says, leaves }: Failure): Promise<void> {
    clone.commit(commit);
    const mend = await breakIt?.();
    try {
      const { code, output } = await clone.tryUp();
      assert.notEqual(code, 0, output);
      assert.match(output, says);
      assert.equal((await clone.production()).weights.green, leaves ?? settled.greenWeight, output);
    } finally {
      await mend?.();
    }
  }

  async function isAsBefore(): Promise<void> {
    const output = await clone.up();
    assert.deepEqual(await clone.picture(), settled, output);
    await clone.must("preview", "--expect-no-changes");
  }

  const reverts = (failures: Failure[]) => async () => {
    for (const failure of failures) await fails(failure);
    clone.revert(failures.length);
    await isAsBefore();
  };

  const failsAt = {
    database: {
      at: "the database",
      commit: whole(),
      break: () => {
        clone.killPostgres();
        const [control, aside] = [clone.postgresFile("global/pg_control"), clone.postgresFile("pg_control")];
        renameSync(control, aside);
        return () => renameSync(aside, control);
      },
      says: /pg_control/,
    },
    access: {
      at: "access",
      commit: whole({ config: { database: { colourConnectionLimit: 90 } } }),
      break: async () => {
        await clone.asSuperuser("ALTER ROLE switchyard NOCREATEROLE");
        return () => clone.asSuperuser("ALTER ROLE switchyard CREATEROLE");
      },
      says: /permission denied/,
    },
    rehearsal: {
      at: "the rehearsal",
      commit: whole({
        config: { rehearsal: { enabled: true } },
        migrations: {
          "0008_title_length.sql": migration([build("pages_title_length", "length(title)")], ["SELECT 1;"]),
        },
      }),
      says: /rehears/,
    },
    beforeWiden: {
      at: "SchemaWiden, before the first migration",
      commit: whole(),
      break: async () => {
        await clone.asSuperuser(`ALTER ROLE ${roles.migrator} NOLOGIN`);
        return () => clone.asSuperuser(`ALTER ROLE ${roles.migrator} LOGIN`);
      },
      says: /not permitted to log in/,
    },
    inMigration: {
      at: "SchemaWiden, in the middle of a migration",
      commit: whole({ migrations: { "0008_title_length.sql": breaksIn } }),
      says: /division by zero/,
    },
    betweenMigrations: {
      at: "SchemaWiden, after one of two migrations",
      commit: whole({ config: { migrateTo: "0009" }, migrations: { "0009_age.sql": breaks } }),
      says: /division by zero/,
    },
    afterWiden: {
      at: "the check of access, after SchemaWiden",
      commit: whole(),
      break: async () => {
        await clone.asSuperuser("CREATE TABLE somebody_elses (id int)");
        return () => clone.asSuperuser("DROP TABLE somebody_elses");
      },
      says: /somebody_elses/,
    },
    colour: {
      at: "the colour, which never gets healthy",
      commit: whole({
        config: {
          green: { version: "1.2.0", schema: "0008", entry: faulty, env: { FAULT: "unready" } },
          smoke: { healthWait: "3s" },
        },
      }),
      says: /not ready within/,
    },
    smoke: {
      at: "the smoke test",
      commit: whole({ config: { smoke: { requests: [{ method: "GET", path: "/health", expect: { status: 418 } }] } } }),
      says: /failed a smoke test/,
    },
    advance: {
      at: "the advance, in the middle of its walk",
      commit: whole({
        config: {
          green: { version: "1.2.0", schema: "0008", entry: faulty, env: { FAULT: "dies" } },
          bake: { steps: [10, 100], bake: "20s", maxBake: "20s", minRequests: 20 },
        },
      }),
      break: async () => {
        const over = new AbortController();
        const { url } = await clone.outputs();
        const loaded = load({ url, rate: 300, durationMs: 60_000, signal: over.signal });
        return () => {
          over.abort();
          return loaded;
        };
      },
      says: /greenWeight is back at 0/,
    },
    listener: {
      at: "the listener, with all traffic moved",
      get commit() {
        return whole({ config: { local: { deleteDataOnDestroy: true, port } } });
      },
      says: /port that another process of this machine listens on/,
      leaves: 100,
    },
  } satisfies Record<string, Failure>;

  for (const failure of Object.values(failsAt)) it(`at ${failure.at}`, reverts([failure]));

  it(
    "and two in a row: in the middle of a migration, and once that is mended at the smoke test",
    reverts([
      failsAt.inMigration,
      {
        ...failsAt.smoke,
        commit: { ...failsAt.smoke.commit, config: { ...failsAt.smoke.commit.config, acceptEdited: ["0008"] } },
      },
    ]),
  );

  it(
    "and two in a row: at the listener, with all traffic moved, and then at access",
    reverts([failsAt.listener, { ...failsAt.access, leaves: 100 }]),
  );

  describe("once the second release has all the traffic", () => {
    /** A down that would lose what the second release wrote. */
    const lossy = migration(
      [build("pages_title_length", "length(title)"), "ALTER TABLE pages ADD COLUMN note text;"],
      [drop("pages_title_length"), "ALTER TABLE pages DROP COLUMN note;"],
    );

    let atFirstCommit: string;

    before(async () => {
      atFirstCommit = clone.head();
      clone.commit(whole({ migrations: { "0008_title_length.sql": lossy } }));
      await clone.up();
      settled = await clone.picture();
    });

    it(
      "at the return: the balancer can't write down what it is told",
      reverts([
        {
          at: "",
          commit: {
            config: { greenWeight: "0", migrateTo: "0009" },
            migrations: {
              "0009_title.sql": migration([build("pages_title_lower", "lower(title)")], [drop("pages_title_lower")]),
            },
          },
          break: () => {
            const folder = join(clone.folder, ".switchyard/local/balancer/balancer.json.new");
            mkdirSync(folder);
            return () => rmSync(folder, { recursive: true });
          },
          says: /could not be written/,
        },
      ]),
    );

    it(
      "at SchemaNarrow, in the middle of a contract",
      reverts([
        {
          at: "",
          commit: {
            config: { blue: { ...atFirst.blue, count: 0 }, migrateTo: "0009" },
            migrations: {
              "0009_title.sql": migration(
                [drop("pages_title_length"), build("pages_age", "1 / (version - 3)")],
                [drop("pages_age"), build("IF NOT EXISTS pages_title_length", "length(title)")],
                "phase=contract breaks-below=0008",
              ),
            },
          },
          says: /division by zero/,
        },
      ]),
    );

    it("comes back though the balancer was killed, and another program has got its port", async () => {
      clone.commit({ config: { greenWeight: "0" } });
      const { adminPort } = await balancerAddress(clone);
      process.kill((await clone.balancer().health()).pid, "SIGKILL");
      const other = createHttpServer((_, response) => response.writeHead(404).end("not yours"));
      await eventually("its port is free", () => isFree(adminPort));
      await once(other.listen(adminPort, "127.0.0.1"), "listening");
      try {
        assert.match(await clone.up(), /returned from greenWeight 100 to 0/);
      } finally {
        other.close();
      }
      await clone.meetBalancer();
      assert.equal((await clone.production()).weights.green, 0);
      clone.revert();
      await isAsBefore();
    });

    it("returns with the object store unwritable; then a down that loses data is refused, and its way out goes through", async () => {
      clone.revertTo(atFirstCommit);
      const store = join(clone.folder, ".switchyard/local/store");
      renameSync(store, `${store}.aside`);
      writeFileSync(store, "");
      const { code, output } = await clone.tryUp();
      rmSync(store);
      renameSync(`${store}.aside`, store);
      assert.notEqual(code, 0, output);
      for (const each of [
        /returned from greenWeight 100 to 0/,
        /can't be stored/,
        /drops what release 1\.2\.0 may have written/,
      ])
        assert.match(output, each);
      assert.equal((await clone.production()).weights.green, 0);
      const file = { "0008_title_length.sql": lossy };
      clone.commit({ config: { migrateTo: "0008" }, migrations: file });
      await clone.up();
      const { greenWeight, running, applied } = await clone.picture();
      assert.deepEqual([greenWeight, applied.at(-1)], [0, "0008"]);
      assert.deepEqual(running, { blue: ["1.0.0 200"], green: ["1.1.0 200"] });
      await clone.must("preview", "--expect-no-changes");
    });
  });
});
