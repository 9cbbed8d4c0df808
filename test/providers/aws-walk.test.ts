import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock, type Clock } from "../../infra/providers/traffic/clock";
import { endWalk } from "../../infra/commands/walk-end";
import { listenerIn } from "../../infra/commands/walk-listener";
import { trafficAt } from "../../infra/platform/traffic";
import { engineAt } from "../../infra/providers/traffic/engine";
import { markIn } from "../../infra/providers/traffic/mark";
import { advance, type Outcome } from "../../infra/providers/traffic-advance/advance";
import { provider as trafficReturn } from "../../infra/providers/traffic-return/provider";
import type { Declared } from "../../infra/rollout/types";
import { queryError, xml, type Rule } from "../support/moto-proxy";
import { MotoStage, useMoto, withCredentials } from "../support/moto-stage";
import { declaring } from "../support/traffic";
import { Stack } from "../unit/rollout/given";

const minute = 60_000;
/** A minute of CloudWatch passes in a third of a second: bakes are as long as they are on AWS, and the listener is as slow. */
const speed = 180;

class QuickClock implements Clock {
  readonly #began = systemClock.now();
  now(): number {
    return this.#began + (systemClock.now() - this.#began) * speed;
  }
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(milliseconds / speed, signal);
  }
}

/** Each minute of the two hours from then: more than any walk here takes. */
const hoursFrom = (from: number): number[] => Array.from({ length: 120 }, (_, i) => from + i * minute);

/** The shortest bake that config allows on aws. */
const plan = { bake: 5 * minute, maxBake: 10 * minute, minRequests: 1_000, steps: [50, 100] };

describe("a walk on AWS", function () {
  this.timeout(180_000);
  const moto = useMoto();
  let folder: string;
  let engine: Server;
  let stage: MotoStage;
  let clock: Clock;
  let said: string[];
  /** Every pair of weights that AWS was asked to set. */
  let set: { blue: number; green: number }[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "aws-walk-"));
    engine = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(engine, "listening");
    stage = await MotoStage.set(moto().url);
    clock = new QuickClock();
    said = [];
    set = [];
    for (const colour of ["blue", "green"] as const) await stage.alarm(colour, "OK");
    moto().on("GetMetricData", stage.ranks);
    moto().on("ModifyListener", modified());
    const from = Math.floor(clock.now() / minute) * minute;
    await stage.reportAll(hoursFrom(from), { blue: { requests: 900 }, green: { requests: 600 } });
  });
  afterEach(async () => {
    engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Notes the weights that are asked for; then `instead` may answer. */
  const modified =
    (instead?: Rule): Rule =>
    (asked, forward) => {
      const form = [...new URLSearchParams(asked.body.toString())];
      const weights = form.filter(([key]) => key.endsWith(".Weight")).map(([, value]) => Number(value));
      set.push({ blue: weights[0] ?? NaN, green: weights[1] ?? NaN });
      return instead === undefined ? forward() : instead(asked, forward);
    };
  const greens = () => set.map(({ green }) => green);
  const neverNobody = () => {
    for (const { blue, green } of set) assert.equal(blue + green, 100);
  };

  const inputs = (declared: Declared) => {
    const { settled, attempts } = Stack.settledOn(declaring(0, plan)).fail(declared).memory;
    return {
      attempt: attempts.at(-1)?.id ?? "",
      greenWeight: declared.weight,
      declared,
      ...(settled && { settled }),
      attempts: [...attempts],
      traffic: stage.traffic,
      telemetry: stage.telemetry,
      store: { kind: "local" as const, folder: join(folder, "store") },
      hold: [],
    };
  };
  const walk = (more: { patience?: number } = {}): Promise<Outcome> =>
    advance(inputs(declaring(100, plan)), {
      clock,
      engineAlive: engineAt(`127.0.0.1:${(engine.address() as AddressInfo).port}`),
      say: (line) => said.push(line),
      ...more,
    });
  const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
    const end = Date.now() + 20_000;
    while (!(await holds())) {
      assert.ok(Date.now() < end, `${what}, within 20 s; ${said.join("\n")}`);
      await delay(20);
    }
  };
  const baking = () => until("the first step bakes", () => said.some((line) => /^step 1 of 2.*: baked/.test(line)));
  const live = async () => {
    const { greenWeight, tags = {} } = (await trafficAt(stage.traffic).read()) ?? {};
    return { greenWeight, walk: markIn(tags)?.id };
  };

  it("goes from 0 to 100 by its steps, on figures of CloudWatch that came late, and leaves no tags", async () => {
    const { greenWeight, failure, lastWalk } = await walk();
    assert.deepEqual([failure, greenWeight, greens()], [undefined, 100, [50, 100]]);
    assert.deepEqual(
      lastWalk?.steps.map(({ verdict }) => verdict),
      ["pass", "pass"],
    );
    neverNobody();
    assert.deepEqual(await live(), { greenWeight: 100, walk: undefined });
    assert.deepEqual((await trafficAt(stage.traffic).read())?.tags, {});
  });

  it("returns when the gaining colour's composite alarm fires in the middle", async () => {
    const walking = walk();
    await baking();
    await stage.alarm("green", "ALARM");
    const { failure } = await walking;
    assert.match(
      failure ?? "",
      /step 1 of 2.*: fail after .*: alarm stage-.*-green is firing; greenWeight is back at 0$/,
    );
    assert.deepEqual([greens(), await live()], [[50, 0], { greenWeight: 0, walk: undefined }]);
  });

  it("returns when the load balancer answers 502 for a part of green's few requests", async () => {
    const from = (Math.floor(clock.now() / minute) + 1) * minute;
    await stage.reportAll(hoursFrom(from), { green: { requests: 300, unanswered: 6 } }, 6);
    const { failure } = await walk();
    assert.match(
      failure ?? "",
      /green fails [\d.]+ % of its requests, above errorRate 0.1 %; greenWeight is back at 0$/,
    );
  });

  it("goes back, and says why, when AWS throttles the next step for too long; nobody's weights are ever both 0", async () => {
    let refused = 0;
    moto().on(
      "ModifyListener",
      modified((_, forward) =>
        greens().includes(100) && refused++ < 5 ? queryError("Throttling", "Rate exceeded") : forward(),
      ),
    );
    const { failure, greenWeight } = await walk();
    assert.match(
      failure ?? "",
      /could not be reached or changed for 30 s: AWS takes no more requests for now .*; greenWeight is back at 0$/,
    );
    assert.deepEqual([greenWeight, greens()], [0, [50, 100, 100, 100, 100, 100, 0]]);
    neverNobody();
  });

  it("says what to do when the credentials expire in the middle, and leaves its mark for who does it", async () => {
    const walking = walk();
    await baking();
    const expired = () => queryError("ExpiredToken", "The security token included in the request is expired", 403);
    for (const action of [
      "DescribeListeners",
      "DescribeTags",
      "ModifyListener",
      "AddTags",
      "RemoveTags",
      "DescribeTargetHealth",
    ])
      moto().on(action, expired);
    const { failure } = await walking;
    assert.match(
      failure ?? "",
      /credentials of AWS have expired .*: log in again .*; greenWeight could not be put back to 0: .*npm run abort/,
    );
    moto().clear();
    const { greenWeight, walk: id } = await live();
    assert.deepEqual([greenWeight, typeof id], [50, "string"]);
    assert.deepEqual(await stage.weights(), { blue: 50, green: 50 });
  });

  it("goes on once somebody has logged in again", async () => {
    // As long as it takes on a busy machine, of which a minute is a third of a second here.
    const walking = walk({ patience: 60 * minute });
    await baking();
    let expired = 0;
    moto().on("DescribeTags", (asked, forward) => {
      const isOld = asked.headers.authorization?.includes("Credential=test/") === true;
      if (!isOld) return forward();
      expired += 1;
      process.env.AWS_ACCESS_KEY_ID = "renewed";
      return queryError("ExpiredToken", "The security token included in the request is expired", 403);
    });
    const restore = withCredentials();
    try {
      const { failure } = await walking;
      assert.equal(failure, undefined);
      assert.ok(expired > 0);
    } finally {
      restore();
    }
  });

  it("does not begin a step that its credentials would not outlast", async () => {
    const ends = new Date(Date.now() + 10 * minute).toISOString();
    const restore = withCredentials({ AWS_SESSION_TOKEN: "token", AWS_CREDENTIAL_EXPIRATION: ends });
    try {
      const { failure } = await walk();
      assert.match(
        failure ?? "",
        /step 1 of 2, greenWeight 50: not begun, as the credentials of AWS end at .*; greenWeight is back at 0$/,
      );
      assert.deepEqual(
        greens().filter((green) => green > 0),
        [],
      );
    } finally {
      restore();
    }
  });

  it("ends and touches nothing when a return takes the weights", async () => {
    const walking = walk();
    await baking();
    const { outs } = await trafficReturn.create(returning());
    assert.equal(outs.greenWeight, 0);
    const { failure } = await walking;
    assert.match(
      failure ?? "",
      /the weights were left alone: somebody else took over the weights: greenWeight is \d+ and no walk/,
    );
    assert.deepEqual([greens(), await live()], [[50, 0], { greenWeight: 0, walk: undefined }]);
  });

  /** An answer of DescribeTargetHealth in which every target is in that state. */
  const health = (state: string, reason: string) =>
    xml(
      "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions><member><Target><Id>10.0.0.10</Id></Target>" +
        `<TargetHealth><State>${state}</State><Reason>${reason}</Reason></TargetHealth></member></TargetHealthDescriptions>` +
        "</DescribeTargetHealthResult></DescribeTargetHealthResponse>",
    );
  const returning = () => {
    const { declared, settled, attempts, traffic, store } = inputs(declaring(0, plan));
    return { declared, settled, attempts, traffic, store, hold: [] };
  };

  it("comes back with PostgreSQL away, when nothing is ready and everything answers; and not onto what is dead", async () => {
    await trafficAt(stage.traffic).change({ greenWeight: 50 });
    moto().on("DescribeTargetHealth", () => health("unhealthy", "Target.Timeout"));
    assert.equal((await trafficReturn.create(returning())).outs.greenWeight, 50);
    moto().on("DescribeTargetHealth", () => health("unhealthy", "Target.ResponseCodeMismatch"));
    assert.equal((await trafficReturn.create(returning())).outs.greenWeight, 0);
    assert.deepEqual(await stage.weights(), { blue: 100, green: 0 });
  });

  it("is taken back by npm run abort where it was killed, and by itself when its engine is gone", async () => {
    const news = inputs(declaring(100, plan));
    for (const end of ["killed", "engine gone"] as const) {
      const address = `127.0.0.1:${(engine.address() as AddressInfo).port}`;
      const walker = spawn(process.execPath, ["--import", "tsx", join(__dirname, "../support/walker.ts"), address], {
        cwd: resolve(__dirname, "../../infra"),
        stdio: ["pipe", "pipe", "ignore"],
      });
      const closed = once(walker, "close");
      try {
        walker.stdin.end(JSON.stringify({ olds: { ...news, greenWeight: 0, lastWalk: null }, news }));
        await until("the first step is set", async () => (await live()).greenWeight === 50);
        if (end === "engine gone") engine.close();
        else {
          walker.kill("SIGKILL");
          await closed;
          const ended = await endWalk(trafficAt(stage.traffic), { clock: systemClock, say: (line) => said.push(line) });
          assert.deepEqual([ended.outcome, ended.greenWeight], ["put back", 0]);
        }
        await until("the weights are back", async () => {
          const { greenWeight, walk: id } = await live();
          return greenWeight === 0 && id === undefined;
        });
      } finally {
        walker.kill("SIGKILL");
        await closed;
      }
    }
  });

  it("is found from the state by npm run abort, and ended", async () => {
    const type = "pulumi-nodejs:dynamic/switchyard:TrafficAdvance";
    const outputs = JSON.parse(JSON.stringify({ traffic: stage.traffic })) as Record<string, unknown>;
    const listener = listenerIn([{ urn: "", type, inputs: {}, outputs }], "staging");
    assert.ok(listener?.mayRun);
    const walking = walk();
    await baking();
    const { outcome, greenWeight } = await endWalk(listener.traffic, {
      clock: systemClock,
      say: (line) => said.push(line),
    });
    assert.deepEqual([outcome, greenWeight], ["aborted", 0]);
    assert.match((await walking).failure ?? "", /its end was asked for \(npm run abort\); greenWeight is back at 0$/);
  });
});

describe("the listener in a stack's state", () => {
  const traffic = {
    kind: "aws",
    connection: { region: "eu-west-1" },
    loadBalancer: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1",
    port: 443,
    targetGroups: { blue: "b", green: "g" },
  };
  const stack = (settled: unknown) => [{ urn: "", type: "pulumi:pulumi:Stack", inputs: {}, outputs: { settled } }];

  it("is what settled says before there was a walk, and none before there was a listener", () => {
    assert.ok(listenerIn(stack({ traffic }), "staging")?.mayRun);
    assert.equal(listenerIn(stack(undefined), "staging"), undefined);
    assert.equal(listenerIn([], "staging"), undefined);
  });

  it("that can't be understood is said", () => {
    assert.throws(
      () => listenerIn(stack({ traffic: { ...traffic, port: "443" } }), "staging"),
      /the state of stack staging says nothing/,
    );
  });
});
