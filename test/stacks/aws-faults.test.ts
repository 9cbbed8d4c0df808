import assert from "node:assert/strict";
import type { Properties } from "../plugins/protocol/values";
import { AwsStack } from "../support/aws-stack";
import type { Ended } from "../support/stack";

/** What `preview --json` says of one resource. */
interface Step {
  readonly op: string;
  readonly newState?: { readonly type: string };
}

const otherCertificate = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-90ab-cdef-1234-567890abcdef";

/** As the engine shows a type: `aws:rds:Instance` of `aws:rds/instance:Instance`. */
const shown = (token: string): string => token.replace(/\/\w+:/, ":");

/** What AWS says here when it refuses to make or change something of a type. */
const reasonOf = (token: string): string => `no ${shown(token)} today`;

/** An `up` goes on with what doesn't need what failed; so one of them meets several. */
const up = (aws: AwsStack): Promise<Ended> =>
  aws.pulumi("staging", "up", "--yes", "--skip-preview", "--continue-on-error");

/** Types of AWS that a preview foresees one to be made of. */
async function foreseen(aws: AwsStack): Promise<string[]> {
  const output = await aws.must("staging", "preview", "--json");
  const { steps } = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as { steps: Step[] };
  const types = steps.filter(({ op }) => op === "create").map(({ newState }) => newState?.type ?? "");
  return [...new Set(types.filter((type) => type.startsWith("aws:")))];
}

/** Makes AWS refuse that of a type once. @param name of the resource that it is met by. Default: the first one */
const refused = (of: string, on: "create" | "update", name?: string) => ({
  ...{ of, on, code: "ServiceUnavailable", message: reasonOf(of), ...(name !== undefined && { name }) },
});

/** Runs `up` until it goes through. @returns what each one that failed has said */
async function untilThrough(aws: AwsStack, atMost: number): Promise<string[]> {
  const said: string[] = [];
  for (let ended = await up(aws); ended.code !== 0; ended = await up(aws)) {
    said.push(ended.output);
    assert.ok(said.length <= atMost, `nothing comes of it:\n${ended.output}`);
  }
  return said;
}

/**
 * The engine names type and resource, and below them what AWS answered, and nothing of our own code. (What the SDK adds of its
 * own, below the stack's name, is there because the `up` goes on.)
 */
function isClear(type: string, said: readonly string[]): void {
  const heading = new RegExp(
    `^ {2}${shown(type).replaceAll(/[.:/]/g, "\\$&")} \\([\\w-]+\\):\\n((?: {4}.*\\n)+)`,
    "gm",
  );
  const blocks = said.flatMap((output) => [...output.matchAll(heading)].map(([, block = ""]) => block));
  const block = blocks.find((each) => each.includes(reasonOf(type)));
  assert.ok(block !== undefined, `no \`up\` has told under its name why there was no ${shown(type)}`);
  assert.match(block, /error: .*api error ServiceUnavailable/);
  assert.doesNotMatch(block, /\bat .+\.(ts|js|cjs):\d+|undefined/);
}

/** A new release, and of what it stands on whatever can be changed in place. */
const changes = {
  "green.version": "1.2.0",
  "green.image": "registry.example.com/pages:1.2.0",
  "service.maximum": "5",
  "service.targetCpu": "55",
  "service.deregistrationDelay": "20s",
  "service.logDays": "400",
  "domain.certificate": otherCertificate,
  "domain.accessFrom[0]": "198.51.100.0/24",
  "database.maxConnections": "240",
  "rds.storage": "110",
  "alarms.cpu.high": "65",
};

/**
 * What of these matters in a rollout, or to what it stands on, and which of the resources is refused. They are chosen so that few
 * wait for one another: blue's service is changed in the `up` in which green's revision is refused.
 */
const inARollout: Record<string, string | undefined> = {
  "aws:appautoscaling/policy:Policy": "blue",
  "aws:appautoscaling/target:Target": "green",
  "aws:cloudwatch/logGroup:LogGroup": "network-flow",
  "aws:cloudwatch/metricAlarm:MetricAlarm": undefined,
  "aws:ecs/service:Service": "blue",
  "aws:lb/listener:Listener": undefined,
  "aws:lb/targetGroup:TargetGroup": "green",
  "aws:rds/instance:Instance": undefined,
  "aws:rds/parameterGroup:ParameterGroup": undefined,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": undefined,
};

const revision = "aws:ecs/taskDefinition:TaskDefinition";
const listener = "aws:lb/listener:Listener";

/** Blue's and green's, which a listener's action has in this order. */
function weightsIn(outs: Properties): unknown[] {
  const [action] = outs["defaultActions"] as { forward: { targetGroups: { weight: number }[] } }[];
  return action?.forward.targetGroups.map(({ weight }) => weight) ?? [];
}

/** One stack for both: the second changes what the first has brought up. */
describe("staging on an AWS that refuses each type of resource once", function () {
  this.timeout(600_000);
  let aws: AwsStack;

  before(async () => {
    aws = await AwsStack.start();
    await aws.init("staging", { "notify.low.email[0]": "team@example.com" });
  });
  after(() => (aws as AwsStack | undefined)?.stop());

  it("names resource and reason each time one can't be made, and the next `up` goes on until all is there", async () => {
    const types = await foreseen(aws);
    assert.ok(types.length > 40, types.join(", "));
    aws.account.inject(...types.map((of) => refused(of, "create")));
    const said = await untilThrough(aws, types.length);
    assert.deepEqual(aws.account.clearFaults(), []);
    for (const type of types) isClear(type, said);
    assert.equal(aws.greenWeight(), 0);
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("names resource and reason each time one can't be changed, and the next `up` goes on; both colours are never without traffic", async () => {
    const token = "aws:acm/certificate:Certificate";
    aws.account.change((rows) => rows.put({ token, id: otherCertificate, outs: { arn: otherCertificate } }));
    await aws.setAll("staging", changes);
    aws.account.watch(listener);
    aws.account.inject(
      refused(revision, "create", "green"),
      ...Object.entries(inARollout).map(([of, name]) => refused(of, "update", name)),
    );
    const said = await untilThrough(aws, Object.keys(inARollout).length);
    assert.deepEqual(aws.account.clearFaults(), []);
    for (const type of [revision, ...Object.keys(inARollout)]) isClear(type, said);
    const weights = aws.account.seen(listener).flatMap(({ outs }) => (outs["port"] === 443 ? [weightsIn(outs)] : []));
    assert.ok(weights.length > 0);
    for (const each of weights) assert.deepEqual(each, [100, 0]);
    await aws.must("staging", "preview", "--expect-no-changes");
  });
});
