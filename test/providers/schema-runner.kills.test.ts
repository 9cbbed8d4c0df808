import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { intercept, type Fault } from "../support/schema-runner/faults";
import type { ChildTask } from "../support/schema-runner/child";
import { twelve } from "../support/schema-runner/migrations";
import { ordersOf, World } from "../support/schema-runner/world";

/**
 * All queries of the working session, each before, inside and after: some 950 kills and as many stops a major, hours. The
 * default takes a sample of each kind of statement and record.
 */
const full = process.env["SWITCHYARD_KILLS"] === "full";

/** Queries that a fault is laid at: each statement of a kind of its own, and what puts it on record. */
const kinds: readonly RegExp[] = [
  /^SET lock_timeout[^]*BEGIN; SELECT/,
  /^CREATE TABLE people/,
  /^SELECT \(CASE WHEN pg_catalog.pg_try_advisory_xact_lock.*int$/,
  /^INSERT INTO switchyard\.migrations/,
  /^INSERT INTO switchyard\.migration_runs/,
  /^SELECT \(CASE .*; COMMIT$/,
  /^UPDATE switchyard\.migrations SET statement_begun/,
  /^CREATE INDEX CONCURRENTLY people_name_idx/,
  /^UPDATE switchyard\.migrations SET statements_applied/,
  /^CREATE UNIQUE INDEX CONCURRENTLY/,
  /^ALTER TABLE people ADD CONSTRAINT/,
  /^UPDATE people SET given/,
  /^CREATE INDEX CONCURRENTLY people_given_idx/,
  /^DROP INDEX CONCURRENTLY/,
  /^ALTER TYPE mood/,
  /DETACH PARTITION/,
  /^REINDEX/,
  /^UPDATE notes SET body/,
  /^UPDATE switchyard\.migrations SET state = 'applied'/,
];
const moments = ["before", "inside", "after"] as const;

/** How many queries a run may have more or less than another: a backfill looks at others as often as time tells it to. */
const slack = 10;

for (const major of [15, 18] as const) {
  describe(`schema runner, killed and cut off, on PostgreSQL ${major}`, function () {
    this.timeout(full ? 6 * 3_600_000 : 180_000);
    let world: World;
    let folder: string;
    let texts: string[];
    let whole: Awaited<ReturnType<World["everything"]>>;

    before(async () => {
      world = await World.start(major);
      folder = world.write(twelve);
      const target = await world.createDatabase();
      const listening = intercept(() => undefined);
      await world.run(target, ordersOf(folder));
      listening.restore();
      texts = listening.texts;
      whole = await world.everything(target);
    });
    after(() => world.stop());

    /** @param offset so that the sample of the other major, or of the other fault, lies elsewhere */
    function points(offset: number): Fault[] {
      if (full) return texts.flatMap((_, index) => moments.map((when) => ({ at: index + 1, when })));
      return kinds.flatMap((kind, index) => {
        const at = texts.findIndex((each) => kind.test(each)) + 1;
        assert.notEqual(at, 0, `no query is like ${kind.source}`);
        const when = moments[(index + offset) % moments.length] ?? "before";
        return (index + offset) % 2 === 0 ? [{ at, when }] : [];
      });
    }

    const label = ({ at, when }: Fault): string => `${when} query ${at}: ${texts[at - 1] ?? ""}`;

    async function endsAsWhole(target: Awaited<ReturnType<World["createDatabase"]>>, fault: Fault): Promise<void> {
      const { facts } = await world.run(target, ordersOf(folder));
      assert.equal(facts.applied.length, 12, label(fault));
      assert.deepEqual(await world.everything(target), whole, label(fault));
    }

    /** All that go wrong are told, since the next run takes hours again. */
    async function eachOf(faults: readonly Fault[], work: (fault: Fault) => Promise<void>): Promise<void> {
      const failures: string[] = [];
      for (const [index, fault] of faults.entries()) {
        if (full && index % 50 === 0) console.error(`${index} of ${faults.length}, ${failures.length} went wrong`);
        await work(fault).catch((error: unknown) => failures.push(`${label(fault)}: ${(error as Error).message}`));
      }
      assert.deepEqual(failures, []);
    }

    it("ends as an unkilled run does after SIGKILL before, inside and after statements and their records", async () => {
      // The next one gets ready while the one before is looked at.
      let next = startChild();
      try {
        await eachOf(points(major), async (fault) => {
          const child = next;
          next = startChild();
          const target = await world.createDatabase();
          const { signal, errors } = await finish(child, { target, folder, fault });
          if (signal !== "SIGKILL") assert.ok(fault.at > texts.length - slack, `it was not killed: ${errors}`);
          await endsAsWhole(target, fault);
        });
      } finally {
        const gone = once(next, "exit");
        next.kill("SIGKILL");
        await gone;
      }
    });

    it("ends so too after the server was stopped at once", async () => {
      const faults = points(major + 1).filter((_, index) => full || index % 2 === major % 2);
      await eachOf(faults, async (fault) => {
        const target = await world.createDatabase();
        const server = world.postmaster;
        let struck = false;
        const cut = intercept(() => (struck = process.kill(server, "SIGQUIT")), fault);
        const ended = await world.run(target, ordersOf(folder)).then(
          () => true,
          () => false,
        );
        cut.restore();
        // What is cut off at its last word may have ended well; one that was never cut off is no test of it.
        if (ended) assert.ok(fault.at > texts.length - slack, "it ended well");
        const reached = cut.texts.length >= fault.at;
        if (reached) await waitUntil("the strike", () => (struck ? true : undefined), { timeoutMs: 10_000 });
        if (reached) await world.restart(server);
        await endsAsWhole(target, fault);
      });
    });
  });
}

const startChild = (): ChildProcess =>
  spawn(process.execPath, ["--import", "tsx", join(__dirname, "../support/schema-runner/child.ts")], {
    stdio: ["pipe", "ignore", "pipe"],
  });

async function finish(child: ChildProcess, task: ChildTask): Promise<{ signal: string | null; errors: string }> {
  child.stdin?.end(JSON.stringify(task));
  const errors = child.stderr === null ? "" : text(child.stderr);
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  return { signal, errors: await errors };
}
