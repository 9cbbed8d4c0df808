import assert from "node:assert/strict";
import type { Client } from "pg";
import type { WatchInputs } from "../../infra/providers/schema/live-watch";
import type { RunTarget } from "../../infra/providers/schema/session";
import { runStage, StageFailure, type StageOrders } from "../../infra/providers/schema/stage";
import { endWalk } from "../../infra/commands/walk-end";
import { trafficAt } from "../../infra/platform/traffic";
import { systemClock } from "../../infra/providers/traffic/clock";
import { engineAt } from "../../infra/providers/traffic/engine";
import { walkTags } from "../../infra/providers/traffic/tags";
import { token } from "../support/balancer";
import { World } from "../support/schema-runner/world";
import { Scene, type Mode } from "../support/traffic";

const file = (up: string, down: string): string =>
  `-- switchyard: phase=expand\n-- migrate:up\n${up}\n-- migrate:down\n${down}\n`;
const two = {
  "0001_a.sql": file("CREATE TABLE a (id int);", "DROP TABLE a;"),
  "0002_b.sql": file("CREATE TABLE b (id int);", "DROP TABLE b;"),
};

describe("SchemaWiden watches the live colour after each migration", function () {
  this.timeout(180_000);
  let world: World;
  let target: RunTarget;
  let client: Client;
  let scene: Scene;

  before(async () => {
    world = await World.start(18);
  });
  after(async () => {
    await world.stop();
    await Scene.close();
  });
  beforeEach(async () => {
    target = await world.createDatabase();
    client = await world.superuser(target);
  });
  afterEach(async () => {
    await client.end();
    await scene.strike();
  });

  const set = async (weight: number, modes: Partial<Record<"blue" | "green", Mode>> = {}): Promise<void> => {
    scene = await Scene.set(weight, modes);
  };
  /** What an `up` orders that settled while this listener was there. */
  const orders = (more: Partial<WatchInputs> = {}): StageOrders => {
    const { adminPort } = scene.balancer;
    const watch: WatchInputs = {
      after: 1_500,
      traffic: { kind: "local", adminPort, token },
      telemetry: { kind: "local", adminPort },
      limits: { errorRate: 0.001, p95: 1, timesWorse: 2, confidence: 0.99 },
      minRequests: 15,
      ...more,
    };
    return { ...world.orders(two), watch };
  };
  const said: string[] = [];
  const run = (given: StageOrders) => {
    said.length = 0;
    const around = { clock: systemClock, engineAlive: engineAt(scene.engine) };
    return runStage(target, given, { say: (line) => said.push(line), around });
  };
  const failure = async (work: Promise<unknown>): Promise<StageFailure> => {
    const error: unknown = await work.then(
      () => assert.fail("nothing was thrown"),
      (thrown: unknown) => thrown,
    );
    if (error instanceof StageFailure) return error;
    throw error;
  };
  const applied = async (): Promise<string[]> =>
    (
      await client.query<{ version: string }>(
        "SELECT version FROM switchyard.migrations WHERE state = 'applied' ORDER BY 1",
      )
    ).rows.map(({ version }) => version);
  const watched = async () =>
    (
      await client.query<{ watched: { verdict: string; colour: string | null; reasons: string[] } | null }>(
        "SELECT figures->'watched' AS watched FROM switchyard.migration_runs ORDER BY id",
      )
    ).rows.map((row) => row.watched);
  /** Once the run says that a watch has begun. */
  const watching = (): Promise<void> =>
    scene.until("it watches", () => Promise.resolve(said.some((line) => line.includes(": watches "))));

  it("goes on to the next one when nothing is seen that fails a bake, and leaves listener and weights as they were", async () => {
    await set(0);
    const { load } = await scene.under(() => run(orders()));
    assert.equal(load.failed, 0);
    assert.deepEqual(await applied(), ["0001", "0002"]);
    assert.deepEqual(
      (await watched()).map((each) => [each?.verdict, each?.colour, each?.reasons]),
      [
        ["pass", "blue", []],
        ["pass", "blue", []],
      ],
    );
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
    assert.deepEqual(scene.weightsSet(), []);
  });

  it("stops before the next one when the colour with most traffic fails, says what was seen, and doesn't touch traffic", async () => {
    await set(60, { green: "errors" });
    const { result } = await scene.under(() => failure(run(orders({ after: 20_000 }))));
    assert.match(
      result.message,
      /^after 0001_a up, green fails [\d.]+ % of its requests, above errorRate 0\.1 %: nothing further was run, and traffic was not touched\..* goes on with 0002_b up \(watchAfter 0s watches nothing\)$/,
    );
    assert.deepEqual(
      result.facts?.applied.map(({ version }) => version),
      ["0001"],
    );
    assert.deepEqual(await applied(), ["0001"]);
    assert.deepEqual(
      (await watched()).map((each) => [each?.verdict, each?.colour]),
      [["fail", "green"]],
    );
    assert.deepEqual(await scene.live(), { greenWeight: 60, tags: {} });
    await run({ ...orders(), watch: undefined });
    assert.deepEqual(await applied(), ["0001", "0002"], "the next up goes on behind it");
  });

  it("takes too few requests for no failure, says so, and goes on", async () => {
    await set(0);
    await run(orders({ after: 300 }));
    assert.deepEqual(await applied(), ["0001", "0002"]);
    assert.deepEqual(
      (await watched()).map((each) => each?.verdict),
      ["insufficient", "insufficient"],
    );
    assert.ok(
      said.some((line) => /^0001_a up: whether it did harm can't be told \(.*0 requests on blue/.test(line)),
      said.join("\n"),
    );
  });

  it("goes on when the figures or the listener can't be read, but never without a word and a record of it", async () => {
    await set(0);
    const dead = { kind: "local", adminPort: 1 } as const;
    await run(orders({ after: 300, telemetry: dead }));
    assert.deepEqual(await applied(), ["0001", "0002"]);
    for (const each of await watched()) {
      assert.equal(each?.verdict, "insufficient");
      assert.match(each.reasons.join(), /^no figures: /);
    }
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
    target = await world.createDatabase();
    await client.end();
    client = await world.superuser(target);
    await run(orders({ traffic: { ...dead, token } }));
    assert.deepEqual(await applied(), ["0001", "0002"]);
    assert.match((await watched())[0]?.reasons.join() ?? "", /^the live colour can't be told: /);
    assert.ok(said.some((line) => line.includes("whether it did harm can't be told")));
  });

  it("ends at once when somebody aborts it, when its engine is gone, or when the schema lock is lost", async () => {
    await set(0);
    const { adminPort } = scene.balancer;
    const long = () => orders({ after: 3_600_000 });
    const first = failure(run(long()));
    await watching();
    const end = await endWalk(trafficAt({ kind: "local", adminPort, token }), {
      clock: systemClock,
      say: () => undefined,
    });
    assert.deepEqual([end.outcome, end.greenWeight], ["aborted", 0]);
    assert.match(
      (await first).message,
      /^the watch after 0001_a up ended: its end was asked for \(npm run abort\); .* go on with 0002_b up$/,
    );
    assert.deepEqual(await applied(), ["0001"]);

    const second = failure(run(long()));
    await watching();
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard-lock' AND datname = current_database()",
    );
    assert.match((await second).message, /the session that holds the schema lock was ended/);
    assert.deepEqual(await applied(), ["0001", "0002"]);

    const orders3 = { ...world.orders({ ...two, "0003_c.sql": file("CREATE TABLE c (id int);", "DROP TABLE c;") }) };
    const third = failure(run({ ...orders3, watch: long().watch }));
    await watching();
    scene.endEngine();
    assert.match((await third).message, /^the watch after 0003_c up ended: the pulumi that asked for it is gone; /);
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("takes up the mark of a watch that was killed, and leaves that of a walk that was killed on its way", async () => {
    await set(25);
    const { client: balancer, adminPort } = scene.balancer;
    assert.ok(balancer);
    const traffic = trafficAt({ kind: "local", adminPort, token });
    const gone = (from: number, to: number) => ({
      [walkTags.walk]: "somebody@2026-01-01T00:00:00.000Z",
      [walkTags.from]: String(from),
      [walkTags.to]: String(to),
      [walkTags.owner]: "elsewhere/1/1",
      [walkTags.beat]: "2026-01-01T00:00:00.000Z",
    });
    await traffic.change({ tags: gone(25, 25) });
    await run(orders({ after: 300 }));
    assert.deepEqual(await scene.live(), { greenWeight: 25, tags: {} });
    target = await world.createDatabase();
    await traffic.change({ tags: gone(10, 100) });
    await run(orders({ after: 300 }));
    assert.deepEqual(await scene.live(), { greenWeight: 25, tags: gone(10, 100) });
    assert.ok(
      said.some((line) => line.includes("watched blue for")),
      said.join("\n"),
    );
  });
});
