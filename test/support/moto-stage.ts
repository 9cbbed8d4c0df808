// A load balancer in moto with two target groups and a production listener, its metrics and alarms, for tests of what works on AWS.

import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
  type MetricDatum,
} from "@aws-sdk/client-cloudwatch";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DescribeListenersCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
  type Action,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { balancerDimension, groupDimension, type AwsConnection } from "../../infra/platform/aws/sdk";
import type { AwsTelemetryAddress } from "../../infra/platform/telemetry";
import type { AwsTrafficAddress } from "../../infra/platform/traffic";
import type { Colour, PerColour } from "../../infra/rollout/types";
import { motoOrSkip, type Moto } from "./moto";
import { json, MotoProxy, type Rule } from "./moto-proxy";

const region = "eu-west-1";
const keys = { accessKeyId: "test", secretAccessKey: "test" };

/** Credentials that moto takes, for as long as a suite runs. @returns what puts the environment back. */
export function withCredentials(more: Readonly<Record<string, string>> = {}): () => void {
  const set = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_EC2_METADATA_DISABLED: "true", ...more };
  const cleared = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CREDENTIAL_EXPIRATION"];
  const names = [...new Set([...Object.keys(set), ...cleared])];
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of cleared) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, set);
  return () => {
    for (const [name, value] of before)
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
  };
}

/** Every service at one address. */
export const connectionTo = (url: string): AwsConnection => ({
  region,
  endpoints: Object.fromEntries(["elbv2", "cloudwatch", "s3", "sts"].map((service) => [service, url])),
});

/** Requests of each colour in a minute: those that failed, that nobody answered, and that took a minute instead of `seconds`. */
type Minute = Partial<
  PerColour<{ requests: number; failed?: number; unanswered?: number; seconds?: number; slow?: number }>
>;

let count = 0;

export class MotoStage {
  readonly elb: ElasticLoadBalancingV2Client;
  readonly cloudwatch: CloudWatchClient;
  /** [seconds, requests] of each colour's minutes, by the minute's beginning: what percentile ranks are counted from. */
  readonly #latencies = new Map<string, readonly (readonly [number, number])[]>();

  private constructor(
    readonly connection: AwsConnection,
    readonly traffic: AwsTrafficAddress,
    readonly telemetry: AwsTelemetryAddress,
    /** Of the listener; "" where none was asked for. */
    readonly listener: string,
    private readonly url: string,
  ) {
    this.elb = new ElasticLoadBalancingV2Client({ region, endpoint: url, credentials: keys });
    // moto takes no compressed requests.
    const plain = { disableRequestCompression: true };
    this.cloudwatch = new CloudWatchClient({ region, endpoint: url, credentials: keys, ...plain });
  }

  /** @param actions of the listener, before those that forward; undefined for no listener. */
  static async set(
    url: string,
    {
      greenWeight = 0,
      before = [],
      stickiness,
    }: { greenWeight?: number | null; before?: Action[]; stickiness?: number } = {},
  ): Promise<MotoStage> {
    const elb = new ElasticLoadBalancingV2Client({ region, endpoint: url, credentials: keys });
    const name = `stage-${process.pid}-${++count}`;
    const vpc = await ec2(url, "CreateVpc", { CidrBlock: "10.0.0.0/16" }, "vpcId");
    const subnets = await Promise.all(
      ["a", "b"].map((zone, i) =>
        ec2(
          url,
          "CreateSubnet",
          { VpcId: vpc, CidrBlock: `10.0.${i}.0/24`, AvailabilityZone: `${region}${zone}` },
          "subnetId",
        ),
      ),
    );
    const { LoadBalancers } = await elb.send(new CreateLoadBalancerCommand({ Name: name, Subnets: subnets }));
    const loadBalancer = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
    const group = async (colour: Colour): Promise<string> => {
      const { TargetGroups } = await elb.send(
        new CreateTargetGroupCommand({
          Name: `${name}-${colour}`,
          VpcId: vpc,
          Port: 80,
          Protocol: "HTTP",
          TargetType: "ip",
        }),
      );
      const arn = TargetGroups?.[0]?.TargetGroupArn ?? "";
      const Id = colour === "blue" ? "10.0.0.10" : "10.0.1.10";
      await elb.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id }] }));
      return arn;
    };
    const targetGroups = { blue: await group("blue"), green: await group("green") };
    const forward: Action = {
      Type: "forward",
      ForwardConfig: {
        TargetGroups: [
          { TargetGroupArn: targetGroups.blue, Weight: 100 - (greenWeight ?? 0) },
          { TargetGroupArn: targetGroups.green, Weight: greenWeight ?? 0 },
        ],
        ...(stickiness === undefined
          ? {}
          : { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: stickiness } }),
      },
    };
    let listener = "";
    if (greenWeight !== null) {
      const DefaultActions = [...before, forward].map((action, i) => ({ ...action, Order: i + 1 }));
      const made = await elb.send(
        new CreateListenerCommand({ LoadBalancerArn: loadBalancer, Port: 80, Protocol: "HTTP", DefaultActions }),
      );
      listener = made.Listeners?.[0]?.ListenerArn ?? "";
    }
    const connection = connectionTo(url);
    const alarms = { blue: `${name}-blue`, green: `${name}-green` };
    const traffic = { kind: "aws" as const, connection, loadBalancer, port: 80, targetGroups };
    return new MotoStage(
      connection,
      traffic,
      { kind: "aws", connection, loadBalancer, targetGroups, alarms },
      listener,
      url,
    );
  }

  /** As AWS has them, not as the code under test reads them. */
  async actions(): Promise<Action[]> {
    const { Listeners } = await this.elb.send(new DescribeListenersCommand({ ListenerArns: [this.listener] }));
    return Listeners?.[0]?.DefaultActions ?? [];
  }

  async weights(): Promise<PerColour<number>> {
    const groups = (await this.actions()).at(-1)?.ForwardConfig?.TargetGroups ?? [];
    const of = (colour: Colour) =>
      groups.find(({ TargetGroupArn }) => TargetGroupArn === this.traffic.targetGroups[colour])?.Weight ?? 0;
    return { blue: of("blue"), green: of("green") };
  }

  /** What the load balancer would have reported of a minute. What is left out is not reported, as AWS does with zeros. */
  report(minute: number, colours: Minute, balancerErrors?: number): Promise<void> {
    return this.reportAll([minute], colours, balancerErrors);
  }

  /** The same of each of these minutes. */
  async reportAll(minutes: readonly number[], colours: Minute, balancerErrors = 0): Promise<void> {
    const data = minutes.flatMap((minute) => this.#dataOf(minute, colours, balancerErrors));
    await this.cloudwatch.send(new PutMetricDataCommand({ Namespace: "AWS/ApplicationELB", MetricData: data }));
  }

  #dataOf(minute: number, colours: Minute, balancerErrors: number): MetricDatum[] {
    const balancer = { Name: "LoadBalancer", Value: balancerDimension(this.traffic.loadBalancer) };
    const Timestamp = new Date(minute);
    const data: MetricDatum[] = [];
    const put = (MetricName: string, Dimensions: MetricDatum["Dimensions"], Value: number) => {
      if (Value > 0) data.push({ MetricName, Dimensions, Value, Timestamp });
    };
    let all = 0;
    for (const colour of ["blue", "green"] as const) {
      const { requests = 0, failed = 0, unanswered = 0, seconds = 0.05, slow = 0 } = colours[colour] ?? {};
      const group = groupDimension(this.traffic.targetGroups[colour]);
      const Dimensions = [{ Name: "TargetGroup", Value: group }, balancer];
      const answered = requests - unanswered;
      all += requests;
      put("RequestCount", Dimensions, requests);
      put("HTTPCode_Target_5XX_Count", Dimensions, failed);
      put("HTTPCode_Target_2XX_Count", Dimensions, answered - failed);
      if (answered === 0) continue;
      this.#latencies.set(`${group} ${minute}`, [
        [seconds, answered - slow],
        [60, slow],
      ]);
      const sums = { SampleCount: answered, Sum: answered * seconds, Minimum: seconds, Maximum: seconds };
      data.push({ MetricName: "TargetResponseTime", Dimensions, Timestamp, StatisticValues: sums });
    }
    put("RequestCount", [balancer], all);
    put("HTTPCode_ELB_5XX_Count", [balancer], balancerErrors);
    return data;
  }

  /** Brings a colour's composite alarm into a state; it is made where it is not there yet. */
  async alarm(colour: Colour, StateValue: "OK" | "ALARM" | "INSUFFICIENT_DATA"): Promise<void> {
    const AlarmName = this.telemetry.alarms[colour];
    const { CompositeAlarms = [] } = await this.cloudwatch.send(
      new DescribeAlarmsCommand({ AlarmNames: [AlarmName], AlarmTypes: ["CompositeAlarm"] }),
    );
    if (CompositeAlarms.length === 0) await this.#putComposite(AlarmName);
    await this.cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue, StateReason: "test" }));
  }

  /** moto has composite alarms, and no PutCompositeAlarm: it makes one of a metric alarm that has a rule. */
  async #putComposite(AlarmName: string): Promise<void> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "GraniteServiceVersion20100801.PutMetricAlarm",
        authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/monitoring/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify({ AlarmName, AlarmRule: "FALSE" }),
    });
    if (!response.ok) throw new Error(`moto made no composite alarm: ${await response.text()}`);
  }

  /** moto fails at PR(:x): this rule asks it for the rest, and counts ranks from what was reported. */
  readonly ranks: Rule = async (asked, forward) => {
    const question = JSON.parse(asked.body.toString()) as {
      StartTime: number;
      EndTime: number;
      MetricDataQueries: {
        Id: string;
        MetricStat: { Stat: string; Metric: { Dimensions: { Name: string; Value: string }[] } };
      }[];
    };
    const isRank = ({ MetricStat }: (typeof question.MetricDataQueries)[number]) => MetricStat.Stat.startsWith("PR(:");
    const rest = question.MetricDataQueries.filter((query) => !isRank(query));
    const reply = await forward({ body: Buffer.from(JSON.stringify({ ...question, MetricDataQueries: rest })) });
    const answer = JSON.parse(reply.body.toString()) as { MetricDataResults: object[] };
    const ranks = question.MetricDataQueries.filter(isRank).map(({ Id, MetricStat: { Stat, Metric } }) => {
      const edge = Number(/^PR\(:([\d.]+)\)$/.exec(Stat)?.[1]);
      const group = Metric.Dimensions.find(({ Name }) => Name === "TargetGroup")?.Value ?? "";
      const found: { at: number; percent: number }[] = [];
      for (let at = question.StartTime; at < question.EndTime; at += 60) {
        const values = this.#latencies.get(`${group} ${at * 1000}`) ?? [];
        const total = values.reduce((sum, [, requests]) => sum + requests, 0);
        const within = values.reduce((sum, [seconds, requests]) => sum + (seconds <= edge ? requests : 0), 0);
        if (total > 0) found.push({ at, percent: (100 * within) / total });
      }
      const [Timestamps, Values] = [found.map(({ at }) => at), found.map(({ percent }) => percent)];
      return { Id, Label: Stat, Timestamps, Values, StatusCode: "Complete" };
    });
    return json({ ...answer, MetricDataResults: [...answer.MetricDataResults, ...ranks] });
  };
}

/** EC2 has no client here: what a load balancer stands on is made by two plain requests. */
async function ec2(url: string, action: string, more: Record<string, string>, element: string): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/ec2/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: new URLSearchParams({ Action: action, Version: "2016-11-15", ...more }),
  });
  const text = await response.text();
  const id = new RegExp(`<${element}>([^<]+)</${element}>`).exec(text)?.[1];
  if (id === undefined) throw new Error(`moto did not ${action}: ${text}`);
  return id;
}

/**
 * moto for a suite, behind a proxy, and credentials that it takes; everything is ended after it, and rules after each test.
 * @returns the proxy, once the suite has begun.
 */
export function useMoto(): () => MotoProxy {
  const started: { moto?: Moto; proxy?: MotoProxy; restore?: () => void } = {};
  const proxy = (): MotoProxy => {
    if (started.proxy === undefined) throw new Error("moto is started by the suite's before hook");
    return started.proxy;
  };
  before(async function () {
    started.moto = await motoOrSkip(this);
    started.proxy = await MotoProxy.start(started.moto.url);
    started.restore = withCredentials();
  });
  afterEach(() => {
    proxy().clear();
  });
  after(async () => {
    started.restore?.();
    await started.proxy?.stop();
    await started.moto?.stop();
  });
  return proxy;
}
