import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AwsLive } from "../support/aws-live";
import type { Ended } from "../support/stack";
import { eventually } from "../support/pages";

interface Recorded {
  kind: string;
  from: number;
  to: number;
  outcome?: string;
  error?: string;
  steps?: { greenWeight: number; bake?: { verdict: string } }[];
}

/** Longest wait for a step of a walk, in real ms: an `up` comes before it, and the machine may be busy. */
const patience = 600_000;

/** How slow and how small a test may be, which is none of a release's faults: at a tenth of its load a bake sees some forty. */
const lenient = {
  "bake.minRequests": "20",
  "bake.limits.p95": "10s",
  "database.pool.connect": "1m",
  "database.pool.statement": "1m",
};

const expand = (up: string, down: string): string =>
  `-- switchyard: phase=expand\n-- migrate:up\n${up}\n-- migrate:down\n${down}\n`;

/** The real program and engine, with copies that answer and figures of what they answered; the tests follow one another. */
describe("a rollout of staging on the stand-in for AWS", function () {
  this.timeout(900_000);
  let aws: AwsLive;

  before(async () => {
    aws = await AwsLive.start();
    await aws.stack.init("staging", lenient);
    ended(await aws.up("staging"));
  });
  // Where it could not be started there is nothing to stop.
  after(() => (aws as AwsLive | undefined)?.stop());

  const set = (values: Record<string, string>) => aws.stack.setAll("staging", values);
  const release = (colour: string, image: string, version: string, schema: string) => ({
    [`${colour}.version`]: version,
    [`${colour}.schema`]: schema,
    [`${colour}.image`]: `registry.example.com/${image}:${version}`,
  });
  const faultFile = () => join(aws.stack.clone.folder, "fault");

  function ended({ code, output }: Ended): string {
    assert.equal(code, 0, output);
    return output;
  }
  /** An `up` that must fail, and say it as to a person. */
  function failed({ code, output }: Ended, says: RegExp): void {
    assert.notEqual(code, 0, `went through:\n${output}`);
    assert.match(output, says);
    assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/, output);
  }
  const settled = async () => {
    const output = await aws.stack.must("staging", "stack", "output", "--json", "--show-secrets");
    const { settled: facts } = JSON.parse(output) as { settled: { plan: { weight: number } } };
    return facts.plan.weight;
  };
  /** Waits until green has that weight, in the middle of an `up`. */
  const reaches = (greenWeight: number, up: Promise<Ended>) => {
    let over: Ended | undefined;
    void up.then((result) => (over = result));
    return eventually(
      `greenWeight is ${greenWeight}`,
      () => {
        if (over !== undefined)
          throw new Error(`the up was over before greenWeight was ${greenWeight}:\n${over.output}`);
        return aws.stack.greenWeight() === greenWeight;
      },
      patience,
    );
  };
  const newest = <T>(from: readonly T[]): T => {
    const last = from.at(-1);
    assert.ok(last, "there is none");
    return last;
  };

  it("walks a new release from 0 to 100 by its steps under load, after its migration and a backup, and loses no request", async () => {
    writeFileSync(
      join(aws.stack.clone.folder, "migrations/0008_page_note.sql"),
      expand("ALTER TABLE pages ADD COLUMN note text;", "ALTER TABLE pages DROP COLUMN note;"),
    );
    await set({ ...release("green", "pages", "1.2.0", "0008"), greenWeight: "100" });
    // What it has by the traffic of the day, more than it is declared with.
    aws.scale("blue", 3);
    const [from, counted, backups] = [aws.moment(), aws.desired("blue").length, aws.stored("backups/").length];
    const { result, load } = await aws.underLoad(() => aws.up("staging"));
    const output = ended(result);
    assert.deepEqual([load.failed, Object.keys(load.byStatus)], [0, ["200"]], JSON.stringify(load));
    assert.deepEqual(aws.greens(from), [10, 25, 50, 100], output);
    const { kind, outcome, steps = [] } = newest(aws.records<Recorded>());
    assert.deepEqual([kind, outcome], ["advance", "arrived"]);
    assert.deepEqual(
      steps.map(({ bake }) => bake?.verdict),
      ["pass", "pass", "pass", "pass"],
      output,
    );
    assert.ok(aws.stored("backups/").length > backups, "there is no backup of before the migration");
    const { rows } = await aws.stack.postgres.asSuperuser(
      (client) => client.query("SELECT state FROM switchyard.migrations WHERE version = '0008'"),
      "pages",
    );
    assert.deepEqual(rows, [{ state: "applied" }]);
    assert.equal(await settled(), 100);
    // Green came to blue's size before it had traffic, and nobody took a copy from either.
    assert.equal(newest(aws.desired("green")), 3);
    assert.ok(
      aws.desired("blue").every((count, at) => at < counted || count === 3),
      `blue had ${aws.desired("blue").join(", ")} copies`,
    );
  });

  it("has nothing to do after that, and a refresh finds no drift", async () => {
    await aws.stack.must("staging", "up", "--yes", "--skip-preview", "--expect-no-changes");
    await aws.stack.must("staging", "refresh", "--yes", "--skip-preview");
    await aws.stack.must("staging", "refresh", "--yes", "--skip-preview", "--expect-no-changes");
  });

  it("returns at once when the weight is reverted, with the database out of reach, and loses no request that needs none", async () => {
    await set({ greenWeight: "0" });
    const from = aws.moment();
    aws.relay.cut();
    const { load } = await aws.underLoad(() => aws.up("staging"), "/health/live");
    assert.equal(load.failed, 0);
    assert.deepEqual(aws.greens(from), [0]);
    assert.equal(newest(aws.records<Recorded>()).kind, "return");
    aws.relay.mend();
    ended(await aws.up("staging"));
    assert.equal(await settled(), 0);
  });

  it("returns when green fails at 25 %, and says why in one line", async () => {
    await set({ ...release("green", "faulty", "1.3.0", "0008"), "green.env.FAULT": "told", "green.env.FAULT_FILE": faultFile(), greenWeight: "100" }); // prettier-ignore
    const from = aws.moment();
    const { result } = await aws.underLoad(async () => {
      const up = aws.up("staging");
      await reaches(25, up);
      writeFileSync(faultFile(), "broken");
      return up;
    });
    failed(
      result,
      /the walk from greenWeight 0 to 100 ended: step 2 of 4, greenWeight 25: fail after .*: green fails .*; greenWeight is back at 0$/m,
    );
    assert.deepEqual(aws.greens(from), [10, 25, 0]);
    assert.equal(newest(aws.records<Recorded>()).outcome, "returned");
    assert.equal(await settled(), 0);
  });

  it("returns when green's alarm fires in the middle", async () => {
    writeFileSync(faultFile(), "none");
    const from = aws.moment();
    const { result, load } = await aws.underLoad(async () => {
      const up = aws.up("staging");
      await reaches(10, up);
      aws.alarm("staging", "green", "ALARM");
      return up;
    });
    aws.alarm("staging", "green", "OK");
    failed(result, /alarm switchyard-staging-green is firing; greenWeight is back at 0$/m);
    assert.deepEqual([aws.greens(from), load.failed], [[10, 0], 0]);
  });

  it("goes on through throttling, says what to do when its credentials expire on the way, and is taken up by the next `up`", async () => {
    await set({ greenWeight: "25" });
    const from = aws.moment();
    const { result } = await aws.underLoad(async () => {
      aws.stack.account.inject({ of: "ModifyListener", on: "api", code: "Throttling", times: 3 });
      const up = aws.up("staging");
      await reaches(10, up);
      aws.stack.account.inject({ of: "*", on: "api", code: "ExpiredToken", times: null });
      return up;
    });
    failed(
      result,
      /credentials of AWS have expired .*: log in again .*; greenWeight could not be put back to 0: .*npm run abort/,
    );
    assert.deepEqual(aws.stack.account.clearFaults(), []);
    assert.deepEqual(aws.greens(from), [10]);
    // The walk arrives, and then AWS does not take what the listener is declared with.
    aws.stack.account.inject({ of: listener, on: "update", code: "ServiceUnavailable" });
    const { result: refused } = await aws.underLoad(() => aws.up("staging"));
    failed(refused, /ServiceUnavailable/);
    assert.match(refused.output, /was left behind at greenWeight 10/);
    assert.deepEqual(aws.stack.account.clearFaults(), []);
    assert.deepEqual(aws.greens(from), [10, 25]);
    ended(await aws.up("staging"));
    assert.deepEqual(aws.greens(from), [10, 25]);
    assert.equal(await settled(), 25);
  });
});

const listener = "aws:lb/listener:Listener";

describe("a rollout of production on the stand-in for AWS", function () {
  this.timeout(900_000);
  let aws: AwsLive;

  before(async () => {
    aws = await AwsLive.start();
    const files = readdirSync(join(aws.stack.clone.folder, "migrations")).filter((name) => name.endsWith(".sql"));
    // There is no staging beside it to have rehearsed them.
    const accepted = files.map((name, at) => [`rehearsal.acceptUnrehearsed[${at}]`, name.slice(0, 4)] as const);
    await aws.stack.init("production", { ...lenient, "bake.bake": "5m", ...Object.fromEntries(accepted) });
  });
  after(() => (aws as AwsLive | undefined)?.stop());

  it("is brought up, and walks to green by its own steps under load, each as its preview was approved", async () => {
    const made = await aws.stack.approved("production");
    assert.equal(made.code, 0, made.output);
    await aws.stack.setAll("production", { greenWeight: "100" });
    const from = aws.moment();
    const { result, load } = await aws.underLoad(() => aws.stack.approved("production"));
    assert.match(result.preview, /TrafficAdvance traffic-advance update/);
    assert.equal(result.code, 0, result.output);
    assert.deepEqual([aws.greens(from), load.failed], [[10, 25, 50, 100], 0]);
  });
});
