import assert from "node:assert/strict";
import { DEFAULT_EDGES, sampleOf, type FigureName } from "../../infra/platform/aws/telemetry-figures";
import { telemetryAt } from "../../infra/platform/telemetry";
import { judge } from "../../infra/rollout/verdict";
import { bake } from "../unit/rollout/given";
import { json, jsonError } from "../support/moto-proxy";
import { connectionTo, MotoStage, useMoto } from "../support/moto-stage";

const minute = 60_000;
const noon = Date.UTC(2026, 0, 31, 12);

describe("telemetry from CloudWatch", function () {
  this.timeout(120_000);
  const moto = useMoto();
  let stage: MotoStage;
  let now: number;
  let said: string[];
  beforeEach(async () => {
    stage = await MotoStage.set(moto().url, { greenWeight: null });
    moto().on("GetMetricData", stage.ranks);
    now = noon + 10_000;
    said = [];
    for (const colour of ["blue", "green"] as const) await stage.alarm(colour, "OK");
  });
  const watch = () =>
    telemetryAt(
      stage.telemetry,
      () => now,
      (line) => said.push(line),
    ).watch();

  it("counts from the first whole minute on, in complete minutes that are two periods old, each once", async () => {
    for (let i = 0; i < 6; i += 1) await stage.report(noon + i * minute, { blue: { requests: 100 + i } });
    const figures = watch();
    const first = await figures.look();
    assert.deepEqual([first.samples, first.until, first.reset], [[], noon + minute, false]);
    now = noon + 4 * minute - 1;
    assert.deepEqual((await figures.look()).samples, []);
    now = noon + 4 * minute;
    const [only, ...none] = (await figures.look()).samples;
    assert.deepEqual(
      [only?.from, only?.until, only?.colours.blue?.requests, none],
      [noon + minute, noon + 2 * minute, 101, []],
    );
    assert.deepEqual((await figures.look()).samples, []);
    now = noon + 7 * minute;
    const { samples, until } = await figures.look();
    assert.deepEqual(
      samples.map(({ from, colours }) => [(from - noon) / minute, colours.blue?.requests]),
      [
        [2, 102],
        [3, 103],
        [4, 104],
      ],
    );
    assert.equal(until, noon + 5 * minute);
  });

  it("gives requests, errors and latencies of both colours", async () => {
    await stage.report(
      noon + minute,
      { blue: { requests: 900, slow: 9 }, green: { requests: 100, failed: 3, unanswered: 2, seconds: 0.3 } },
      2,
    );
    const figures = watch();
    await figures.look();
    now = noon + 4 * minute;
    const [sample] = (await figures.look()).samples;
    const { blue, green } = sample?.colours ?? {};
    assert.deepEqual([blue?.requests, blue?.errors, blue?.latency.total], [900, 0, 900]);
    assert.deepEqual(Object.fromEntries(blue?.latency.atMost ?? [])[1], 891);
    assert.deepEqual([green?.requests, green?.errors, green?.latency.total], [100, 5, 98]);
    const edges = Object.fromEntries(green?.latency.atMost ?? []);
    assert.deepEqual([edges[0.25], edges[0.5], Object.keys(edges).length], [0, 98, DEFAULT_EDGES.length]);
  });

  it("puts an edge where the address wants one", async () => {
    await stage.report(noon + minute, { green: { requests: 100, seconds: 0.72 } });
    stage.telemetry.edges = [0.7, 0.75];
    const figures = watch();
    await figures.look();
    now = noon + 4 * minute;
    const [sample] = (await figures.look()).samples;
    assert.deepEqual(sample?.colours.green?.latency.atMost, [
      [0.7, 0],
      [0.75, 100],
    ]);
  });

  it("reads every page of figures and of alarms", async () => {
    for (const i of [1, 2])
      await stage.report(noon + i * minute, { blue: { requests: 10 * i }, green: { requests: i } });
    await stage.alarm("green", "ALARM");
    type Answer = { MetricDataResults: { Id: string; Timestamps: number[]; Values: number[]; StatusCode: string }[] };
    moto().on("GetMetricData", async (asked, forward) => {
      const second = asked.body.toString().includes('"NextToken":"2"');
      const { MetricDataResults } = JSON.parse((await stage.ranks(asked, forward)).body.toString()) as Answer;
      const [from, to] = second ? [1, undefined] : [0, 1];
      const results = MetricDataResults.map(({ Id, Timestamps, Values }) => ({
        Id,
        Timestamps: Timestamps.slice(from, to),
        Values: Values.slice(from, to),
        StatusCode: second ? "Complete" : "PartialData",
      }));
      return json({ MetricDataResults: results, ...(second ? {} : { NextToken: "2" }) });
    });
    moto().on("DescribeAlarms", (asked, forward) =>
      asked.body.toString().includes('"NextToken":"b"') ? forward() : json({ CompositeAlarms: [], NextToken: "b" }),
    );
    const figures = watch();
    assert.deepEqual((await figures.look()).firing, { blue: [], green: [stage.telemetry.alarms.green] });
    now = noon + 5 * minute;
    assert.deepEqual(
      (await figures.look()).samples.map(({ colours: { blue, green } }) => [blue?.requests, green?.requests]),
      [
        [10, 1],
        [20, 2],
      ],
    );
  });

  it("says nothing of a minute without any figures, and none of a colour without traffic: neither ever passes", async () => {
    await stage.report(noon + minute, { blue: { requests: 500 } });
    const figures = watch();
    await figures.look();
    now = noon + 5 * minute;
    const { samples } = await figures.look();
    assert.equal(samples[0]?.colours.green?.requests, 0);
    assert.deepEqual(samples[1]?.colours, { blue: null, green: null });
    const window = { from: noon + minute, until: noon + 2 * minute, untilAtMost: noon + 3 * minute, lag: 2 * minute };
    for (const minRequests of [1, 0]) {
      const judged = judge(
        { gaining: "green", share: 10, window, bakes: 1 },
        samples.slice(minRequests === 1 ? 0 : 1),
        [],
        now,
        {
          minRequests,
          limits: bake.limits,
        },
      );
      assert.equal(judged.verdict, "insufficient", JSON.stringify(judged));
    }
  });

  it("tells which colour's composite alarm fires, asks every five seconds, and says which has too little data", async () => {
    const { blue, green } = stage.telemetry.alarms;
    const figures = watch();
    assert.deepEqual((await figures.look()).firing, { blue: [], green: [] });
    await stage.alarm("green", "ALARM");
    now += 4_999;
    assert.deepEqual((await figures.look()).firing.green, []);
    now += 1;
    assert.deepEqual((await figures.look()).firing, { blue: [], green: [green] });
    await stage.alarm("blue", "INSUFFICIENT_DATA");
    for (let i = 0; i < 3; i += 1) {
      now += 5_000;
      assert.deepEqual((await figures.look()).firing.blue, []);
    }
    assert.deepEqual(said, [`not enough data for alarm ${blue} (blue): it doesn't fire`]);
  });

  it("can't be read while an alarm is missing, figures are incomplete or AWS refuses; later the gap is covered", async () => {
    const figures = watch();
    await figures.look();
    for (const i of [1, 2]) await stage.report(noon + i * minute, { blue: { requests: i } });
    now = noon + 4 * minute;
    const fails = (message: RegExp) => assert.rejects(figures.look(), { name: "TelemetryUnreachable", message });
    moto().on("DescribeAlarms", () =>
      json({ CompositeAlarms: [{ AlarmName: stage.telemetry.alarms.blue, StateValue: "OK" }] }),
    );
    await fails(new RegExp(`^there is no alarm ${stage.telemetry.alarms.green} \\(green\\)`));
    moto().on("DescribeAlarms", undefined);
    moto().on("GetMetricData", () =>
      json({ MetricDataResults: [{ Id: "q0", StatusCode: "InternalError", Timestamps: [], Values: [] }] }),
    );
    await fails(/^CloudWatch gives no complete figures: blue RequestCount: InternalError$/);
    const message = "User: ci is not authorized to perform: cloudwatch:GetMetricData because no policy allows it";
    moto().on("GetMetricData", () => jsonError("AccessDeniedException", message, 403));
    await fails(/needs cloudwatch:GetMetricData on AWS\/ApplicationELB$/);
    moto().on("GetMetricData", stage.ranks);
    now = noon + 5 * minute;
    assert.deepEqual(
      (await figures.look()).samples.map(({ colours }) => colours.blue?.requests),
      [1, 2],
    );
    stage.telemetry.connection = connectionTo("http://127.0.0.1:9");
    await assert.rejects(watch().look(), { name: "TelemetryUnreachable", message: /AWS can't be reached/ });
  });

  it("waits for convergence, and for figures, as long as the baseline says", () => {
    const { settling, lag } = telemetryAt(stage.telemetry, () => now);
    assert.deepEqual([settling, lag], [120_000, 120_000]);
  });
});

describe("errors that the load balancer makes", () => {
  const sample = (given: Partial<Record<FigureName, number>>) =>
    sampleOf({ at: (name) => given[name] }, [1], noon).colours;
  const errors = (given: Partial<Record<FigureName, number>>) => {
    const { blue, green } = sample(given);
    return [blue?.errors, green?.errors];
  };

  it("are charged to the colour whose requests no target answered, and in full where it is small", () => {
    const answered = { "blue RequestCount": 9_000, "blue HTTPCode_Target_2XX_Count": 9_000 };
    const found = {
      ...answered,
      "green RequestCount": 1_000,
      "green HTTPCode_Target_2XX_Count": 990,
      "balancer errors": 10,
    };
    assert.deepEqual(errors(found), [0, 10]);
  });

  it("are not more than the load balancer made: clients that hung up don't count", () => {
    const found = { "green RequestCount": 1_000, "green HTTPCode_Target_2XX_Count": 900, "balancer errors": 3 };
    assert.deepEqual(errors(found), [0, 3]);
    assert.deepEqual(errors({ ...found, "balancer errors": 0 }), [0, 0]);
  });

  it("that found no target at all count against both colours, as requests too", () => {
    const { blue, green } = sample({
      "blue RequestCount": 100,
      "blue HTTPCode_Target_2XX_Count": 100,
      "balancer errors": 7,
    });
    assert.deepEqual([blue?.requests, blue?.errors, green?.requests, green?.errors], [107, 7, 7, 7]);
  });

  it("are never more than requests, where answers are counted a minute later", () => {
    const { green } = sample({ "green RequestCount": 2, "green HTTPCode_Target_5XX_Count": 5 });
    assert.deepEqual([green?.requests, green?.errors], [5, 5]);
  });
});
