import assert from "node:assert/strict";
import { declarePlatform, type Registered } from "../support/aws-mocked";
import { evaluate } from "../support/metric-maths";
import { awsRelease, domain } from "./config-support";

const base = "switchyard-scaled";

interface Tracking {
  targetValue: number;
  customizedMetricSpecification: {
    metrics: {
      id: string;
      expression?: string;
      returnData: boolean;
      metricStat?: { stat: string; metric: { metricName: string; dimensions: { name: string; value: string }[] } };
    }[];
  };
}

describe("autoscaling of a colour", () => {
  let policies: Registered[];
  let targets: Registered[];

  before(async function () {
    this.timeout(180_000);
    const { resources } = await declarePlatform("scaled", {
      ...{ platform: "aws", domain, service: { minimum: 1, maximum: 6, targetCpu: 60 } },
      ...{ blue: { ...awsRelease, count: 2 }, green: { ...awsRelease, count: 2 } },
    });
    policies = resources.filter(({ type }) => type === "aws:appautoscaling/policy:Policy");
    targets = resources.filter(({ type }) => type === "aws:appautoscaling/target:Target");
  });

  /** What a colour is scaled by where the services have these averages; undefined for one without copies. */
  function figureOf(colour: string, cpu: Record<string, number | undefined>): number | null {
    const policy = policies.find(({ name }) => name === colour);
    const { metrics } = (policy?.inputs["targetTrackingScalingPolicyConfiguration"] as Tracking)
      .customizedMetricSpecification;
    const series = metrics.flatMap(({ id, metricStat }) => {
      const service = metricStat?.metric.dimensions.find(({ name }) => name === "ServiceName")?.value;
      return metricStat === undefined ? [] : [[id, [cpu[service ?? ""] ?? null]] as const];
    });
    const [asked, ...more] = metrics.filter(({ returnData }) => returnData);
    assert.deepEqual(more, [], "a policy follows one figure");
    return evaluate(asked?.expression ?? "", Object.fromEntries(series))[0] ?? null;
  }
  const cpus = (blue: number | undefined, green: number | undefined) => ({
    [`${base}-blue`]: blue,
    [`${base}-green`]: green,
  });

  // 60 % is the target: above it copies are added, below it they go.
  for (const share of [0, 10, 25, 50, 75, 100])
    it(`holds both colours at the size that all the traffic needs while green has ${share} % of it`, () => {
      const cpu = cpus((60 * (100 - share)) / 100, (60 * share) / 100);
      assert.equal(figureOf("blue", cpu), 60);
      assert.equal(figureOf("green", cpu), 60);
    });

  it("goes by a colour's own CPU where the other is retired", () =>
    assert.equal(figureOf("blue", cpus(42, undefined)), 42));

  it("does nothing about a colour that has no figures", () =>
    assert.equal(figureOf("green", cpus(60, undefined)), null));

  it("never goes below the copies that the release is declared with", () => {
    assert.deepEqual(
      targets.map(({ inputs }) => [inputs["minCapacity"], inputs["maxCapacity"]]),
      [
        [2, 6],
        [2, 6],
      ],
    );
  });
});
