import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  SetAlarmStateCommand,
} from "@aws-sdk/client-cloudwatch";
import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { callAws } from "../../infra/lambda/call";
import { awsTelemetry } from "../../infra/platform/aws/telemetry";
import { awsTraffic } from "../../infra/platform/aws/traffic";
import { heartbeat } from "../../infra/platform/aws/traffic-heartbeat";
import { walkTags } from "../../infra/providers/traffic/tags";
import type { AwsTelemetryAddress } from "../../infra/platform/telemetry";
import type { AwsTrafficAddress } from "../../infra/platform/traffic";
import { AwsBalancer } from "../plugins/aws/api/balancer";
import { linesOption } from "../plugins/aws/api/logs";
import { AwsApi } from "../plugins/aws/api/server";
import { publishedTo } from "../plugins/aws/api/sns";
import { line, World } from "../plugins/aws/world";

const keys = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };

describe("the APIs of the stand-in for aws", function () {
  this.timeout(120_000);
  const before_ = { ...process.env };
  let folder: string;
  let world: World;
  let api: AwsApi;
  /** Time of the figures: a test moves it on by whole minutes. */
  let clock = Date.UTC(2026, 0, 1);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
    world = new World(join(folder, "account.db"));
    await world.makeAll();
    api = await AwsApi.start(world.account, () => clock);
    Object.assign(process.env, keys);
  });
  after(async () => {
    await api.stop();
    world.account.close();
    rmSync(folder, { recursive: true, force: true });
    for (const key of Object.keys(keys))
      if (before_[key] === undefined) Reflect.deleteProperty(process.env, key);
      else process.env[key] = before_[key];
  });
  afterEach(() => assert.deepEqual(world.account.clearFaults(), [], "every injected fault was met"));

  const id = (name: string) => world.made[name]?.id ?? "";
  const connection = () => ({
    region: "eu-west-1",
    endpoints: { elbv2: api.url, cloudwatch: api.url, ecs: api.url, s3: api.url },
  });
  const settings = () => ({
    ...{ region: "eu-west-1", endpoint: api.url, maxAttempts: 1 },
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  const trafficAddress = (): AwsTrafficAddress => ({
    ...{ kind: "aws", connection: connection(), loadBalancer: id("balancer"), port: 443 },
    targetGroups: { blue: id("blue"), green: id("green") },
  });
  const telemetryAddress = (): AwsTelemetryAddress => ({
    ...{ kind: "aws", connection: connection(), loadBalancer: id("balancer") },
    ...{ targetGroups: { blue: id("blue"), green: id("green") }, alarms: { blue: "composite", green: "alarm" } },
  });
  const [listener] = line("listener");
  /** What the plugin's read makes of the listener: changed properties. */
  const drift = async () => {
    const own = world.made["listener"] ?? { id: "" };
    const read = await world.kind(listener).read(own.id, own, world.context("listener"));
    return world.kind(listener).diff(read?.outs ?? {}, line("listener")[2](world.made)).changed;
  };

  it("move the weights that the plugin then reads, by the program's own code, and put them back", async () => {
    const traffic = awsTraffic(trafficAddress());
    assert.deepEqual(await traffic.read(), {
      ...{ greenWeight: 0, tags: { team: "test" } },
      targets: { blue: { registered: 2, healthy: 2, alive: 2 }, green: { registered: 0, healthy: 0, alive: 0 } },
    });
    await traffic.change({ greenWeight: 25, tags: { [walkTags.walk]: "one" } });
    assert.equal((await traffic.read())?.greenWeight, 25);
    assert.deepEqual(await drift(), ["defaultActions"], "the walk's tag is none of the program's business");
    await traffic.change(
      { greenWeight: 0, tags: { [walkTags.walk]: null } },
      { tag: { key: walkTags.walk, value: "one" }, greenWeight: 25 },
    );
    assert.deepEqual(await drift(), []);
    assert.deepEqual(api.figures.putOf(heartbeat.namespace, heartbeat.metric), [1, 0]);
  });

  it("refuse what the plugin refuses, with the same code", async () => {
    const client = new ElasticLoadBalancingV2Client(settings());
    const modify = (arn: string, Weight: number) =>
      client.send(
        new ModifyListenerCommand({
          ListenerArn: arn,
          DefaultActions: [
            { Type: "forward", ForwardConfig: { TargetGroups: [{ TargetGroupArn: id("blue"), Weight }] } },
          ],
        }),
      );
    await assert.rejects(modify(id("listener"), 1000), { name: "ValidationError" });
    await assert.rejects(modify("arn:none", 1), { name: "ListenerNotFoundException" });
    const strange = new DescribeTargetHealthCommand({ TargetGroupArn: "arn:none" });
    await assert.rejects(client.send(strange), { name: "TargetGroupNotFoundException" });
    assert.deepEqual(await drift(), []);
  });

  it("fail as injected: throttled, the program tries again; with expired credentials it says so", async () => {
    const traffic = awsTraffic(trafficAddress());
    world.account.inject({ of: "ModifyListener", on: "api", code: "Throttling", times: 2 });
    await traffic.change({ greenWeight: 10 });
    assert.equal((await traffic.read())?.greenWeight, 10);
    world.account.clearFaults();
    world.account.inject({ of: "*", on: "api", code: "ExpiredToken", times: null });
    await assert.rejects(traffic.change({ greenWeight: 0 }), /ExpiredToken|expired/);
    world.account.clearFaults();
    await traffic.change({ greenWeight: 0 });
    assert.deepEqual(await drift(), []);
  });

  it("have the services that the plugin made, as the test says that they run", async () => {
    const client = new ECSClient(settings());
    const look = async () => {
      const { services = [] } = await client.send(
        new DescribeServicesCommand({ cluster: "cluster", services: ["service"] }),
      );
      return services.map(({ desiredCount, runningCount, deployments }) => [
        desiredCount,
        runningCount,
        deployments?.[0]?.rolloutState,
      ]);
    };
    assert.deepEqual(await look(), [[2, 2, "COMPLETED"]]);
    world.account.setOption("service service", { runningCount: 1, rolloutState: "FAILED" });
    assert.deepEqual(await look(), [[2, 1, "FAILED"]]);
    world.account.setOption("service service", {});
    await client.send(new UpdateServiceCommand({ cluster: "cluster", service: "service", desiredCount: 3 }));
    assert.deepEqual(await look(), [[3, 3, "COMPLETED"]]);
    const none = await client.send(new DescribeServicesCommand({ cluster: "cluster", services: ["none"] }));
    assert.deepEqual(
      none.failures?.map(({ reason }) => reason),
      ["MISSING"],
    );
  });

  it("store objects in the buckets that the plugin made, which then can't be deleted", async () => {
    const client = new S3Client({ ...settings(), forcePathStyle: true });
    const object = { Bucket: "bucket", Key: "records/ü 1.json" };
    await client.send(new PutObjectCommand({ ...object, Body: "hello", IfNoneMatch: "*" }));
    await assert.rejects(client.send(new PutObjectCommand({ ...object, Body: "again", IfNoneMatch: "*" })), {
      name: "PreconditionFailed",
    });
    const { Body } = await client.send(new GetObjectCommand(object));
    assert.equal(await Body?.transformToString(), "hello");
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "bucket", Prefix: "records/" }));
    assert.deepEqual(
      Contents.map(({ Key, Size }) => [Key, Size]),
      [["records/ü 1.json", 5]],
    );
    await client.send(new DeleteObjectCommand(object));
    await assert.rejects(client.send(new GetObjectCommand(object)), { name: "NoSuchKey" });
    await assert.rejects(client.send(new GetObjectCommand({ ...object, Bucket: "none" })), { name: "NoSuchBucket" });
  });

  it("have the alarms that the plugin made, in the state that somebody sets", async () => {
    const client = new CloudWatchClient(settings());
    await client.send(new SetAlarmStateCommand({ AlarmName: "composite", StateValue: "ALARM", StateReason: "test" }));
    const { CompositeAlarms, MetricAlarms } = await client.send(
      new DescribeAlarmsCommand({ AlarmNames: ["composite"] }),
    );
    assert.deepEqual([CompositeAlarms, MetricAlarms], [[], []], "without a word on types, only metric alarms");
    const look = await awsTelemetry(
      telemetryAddress(),
      () => clock,
      () => undefined,
    )
      .watch()
      .look();
    assert.deepEqual(look.firing, { blue: ["composite"], green: [] });
    world.account.setOption("alarm composite", "OK");
    await assert.rejects(
      client.send(new SetAlarmStateCommand({ AlarmName: "none", StateValue: "OK", StateReason: "test" })),
      { name: "ResourceNotFound" },
    );
  });

  it("keep the history of alarms, of those that are gone too, and give it page by page", async () => {
    const client = new CloudWatchClient(settings());
    const set = (StateValue: "ALARM" | "OK") => client.send(new SetAlarmStateCommand({ AlarmName: "alarm", StateValue, StateReason: "test" })); // prettier-ignore
    const from = new Date(Date.now() - 1_000);
    for (const state of ["ALARM", "ALARM", "OK"] as const) await set(state);
    const history = (more: object) => client.send(new DescribeAlarmHistoryCommand({ AlarmName: "alarm", HistoryItemType: "StateUpdate", StartDate: from, ...more })); // prettier-ignore
    const { AlarmHistoryItems: [newest, oldest, ...others] = [] } = await history({});
    assert.deepEqual(
      [newest, oldest].map((item) => item?.HistorySummary),
      ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"],
    );
    assert.deepEqual(others, [], "what didn't change is no line");
    assert.match(oldest?.HistoryData ?? "", /"newState":\{"stateValue":"ALARM"/);
    const first = await history({ MaxRecords: 1, ScanBy: "TimestampAscending" });
    assert.deepEqual(first.AlarmHistoryItems, [oldest]);
    const { AlarmHistoryItems: rest, NextToken } = await history({ MaxRecords: 1, ScanBy: "TimestampAscending", NextToken: first.NextToken }); // prettier-ignore
    assert.deepEqual([rest, NextToken], [[newest], undefined]);
    assert.deepEqual((await history({ EndDate: from })).AlarmHistoryItems, []);
    assert.deepEqual((await history({ AlarmName: "none" })).AlarmHistoryItems, []);
    await assert.rejects(history({ MaxRecords: 101 }), /maxRecords/);
  });

  it("take messages to the topics that the plugin made, and refuse what SNS refuses", async () => {
    const caller = { region: "eu-west-1", accessKeyId: "test", secretAccessKey: "test" };
    const publish = (more: Record<string, string>) =>
      callAws(
        {
          ...{ service: "sns", endpoint: api.url },
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams({ Action: "Publish", TopicArn: id("topic"), Subject: "a", Message: "b", ...more }).toString(), // prettier-ignore
        },
        caller,
      );
    assert.match((await publish({})).text, /<MessageId>/);
    const forms = { default: "all", sms: "short" };
    assert.ok((await publish({ MessageStructure: "json", Message: JSON.stringify(forms) })).ok);
    assert.deepEqual(
      world.account.change((rows) => publishedTo(rows, id("topic"))),
      [
        { subject: "a", forms: { default: "b" } },
        { subject: "a", forms },
      ],
    );
    for (const [refused, why] of [
      [{ TopicArn: "arn:aws:sns:eu-west-1:0:none" }, "Topic does not exist"],
      [{ Subject: "x".repeat(100) }, "Subject"],
      [{ Subject: "\u00e9" }, "Subject"],
      [{ Subject: "two\nlines" }, "Subject"],
      [{ Message: "" }, "Empty message"],
      [{ Message: "x".repeat(262_145) }, "Message too long"],
      [{ MessageStructure: "json", Message: "{" }, "failed to parse"],
      [{ MessageStructure: "json", Message: '{"sms":"short"}' }, "No default entry"],
    ] as const) {
      const { ok, text } = await publish(refused);
      assert.ok(!ok && text.includes(why), text);
    }
  });

  it("filter the lines of the groups that the plugin made, as the test wrote them", async () => {
    const ask = async (more: object) => {
      const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.FilterLogEvents" };
      const body = JSON.stringify({ logGroupName: "/log", filterPattern: '"b c"', ...more });
      const { ok, text } = await callAws({ service: "logs", endpoint: api.url, headers, body }, { region: "eu-west-1", accessKeyId: "test", secretAccessKey: "test" }); // prettier-ignore
      return ok ? (JSON.parse(text) as object) : { refused: text };
    };
    const [old, found] = [
      { timestamp: 1_000, message: "a b c" },
      { timestamp: 2_000, message: "a b c d" },
    ];
    world.account.setOption(linesOption("/log"), [old, { timestamp: 2_000, message: "b" }, found]);
    assert.deepEqual(await ask({}), { events: [], nextToken: "1" });
    assert.deepEqual(await ask({ nextToken: "1" }), { events: [old, found] });
    assert.deepEqual(await ask({ nextToken: "1", startTime: 2_000 }), { events: [found] });
    assert.match(JSON.stringify(await ask({ logGroupName: "/none" })), /refused.*ResourceNotFoundException/);
    assert.match(JSON.stringify(await ask({ filterPattern: "?a ?b" })), /refused.*InvalidParameterException/);
  });

  it("let real requests flow by the live weights, and count them as the program's telemetry reads them", async () => {
    const answers = { blue: 200, green: 500 } as const;
    const servers: Server[] = [];
    const service = async (colour: "blue" | "green") => {
      const server = createServer((_, response) => response.writeHead(answers[colour]).end(colour));
      servers.push(server);
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      const address = server.address();
      assert.ok(typeof address === "object" && address !== null);
      return { host: "127.0.0.1", port: address.port };
    };
    const services = { [id("blue")]: await service("blue"), [id("green")]: await service("green") };
    const place = { loadBalancer: id("balancer"), port: 443, services };
    const balancer = await AwsBalancer.start(world.account, api.figures, place);
    const send = async (headers: Record<string, string> = {}) => {
      const answer = await fetch(`http://127.0.0.1:${balancer.port}/`, { headers });
      await answer.text();
      return answer.status;
    };
    const many = (count: number) => Promise.all(Array.from({ length: count }, () => send()));
    try {
      const watch = awsTelemetry(
        telemetryAddress(),
        () => clock,
        () => undefined,
      ).watch();
      assert.deepEqual((await watch.look()).samples, []);
      assert.deepEqual([...new Set(await many(20))], [200]);
      assert.equal(await send({ "x-colour": "green" }), 500, "the rule of the listener sends it to green");
      clock += 60_000;
      const traffic = awsTraffic(trafficAddress());
      await traffic.change({ greenWeight: 100 });
      assert.deepEqual([...new Set(await many(10))], [500]);
      await traffic.change({ greenWeight: 0 });
      Object.assign(services, { [id("blue")]: undefined });
      assert.equal(await send(), 503);
      clock += 4 * 60_000;
      const { samples } = await watch.look();
      const seen = samples.map(({ colours: { blue, green } }) => [
        blue && [blue.requests, blue.errors, blue.latency.total],
        green && [green.requests, green.errors, green.latency.total],
      ]);
      assert.deepEqual(seen, [
        [
          [20, 0, 20],
          [1, 1, 1],
        ],
        [
          [1, 1, 0],
          [11, 11, 10],
        ],
        [null, null],
      ]);
    } finally {
      await balancer.stop();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    }
  });

  it("fail loudly for what they haven't", async () => {
    const answer = await fetch(api.url, {
      ...{ method: "POST", body: "Action=DeleteLoadBalancer" },
      headers: {
        authorization: "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/elasticloadbalancing/aws4_request",
      },
    });
    assert.equal(answer.status, 501);
    assert.match(await answer.text(), /the stand-in for AWS has no DeleteLoadBalancer of elasticloadbalancing/);
  });
});
