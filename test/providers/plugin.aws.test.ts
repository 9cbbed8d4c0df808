import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accountVariable } from "../plugins/aws/config";
import { definitions } from "../plugins/aws/kinds";
import { line, lines, World } from "../plugins/aws/world";
import { PluginProcess } from "../plugins/protocol/client";
import { unknown, type Properties } from "../plugins/protocol/values";

const targetGroup = "aws:lb/targetGroup:TargetGroup";
const vpc = "aws:ec2/vpc:Vpc";

describe("the stand-in for aws", function () {
  this.timeout(120_000);
  let folder: string;
  let plugin: PluginProcess;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
    plugin = await PluginProcess.start("aws", { [accountVariable]: join(folder, "account.db") });
    await plugin.configure({ region: "eu-west-1", defaultTags: JSON.stringify({ tags: { team: "pages" } }) });
  });
  after(async () => {
    await plugin.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("says in one line that it is a stand-in", () => {
    assert.equal(plugin.said(), "pulumi-resource-aws: a stand-in for tests and local use, not the official plugin\n");
  });

  it("refuses a type and a function that it has not, and names those that it has", async () => {
    await assert.rejects(
      plugin.check("aws:ec2/carrierGateway:CarrierGateway", {}),
      /CarrierGateway is not offered by the stand-in for aws, which has aws:ec2\/vpc:Vpc, .*test\/plugins\/aws/,
    );
    await assert.rejects(
      plugin.invoke("aws:ec2/getAmi:getAmi"),
      /getAmi is not offered by the stand-in for aws, which has aws:index\/getRegion:getRegion, /,
    );
  });

  it("refuses inputs that are missing, strange or of another type, at any depth", async () => {
    const failures = await plugin.check("aws:lb/listener:Listener", {
      ports: 1,
      port: "443",
      defaultActions: [{ type: "forward", forward: { targetGroups: [{ arn: "x", weight: "1" }], sticky: true } }, {}],
    });
    assert.deepEqual(
      failures.map((failure) => failure.replace(/; there are .*/, "; …")),
      [
        "ports: there is no such property; …",
        "defaultActions[0].forward.sticky: there is no such property; …",
        'defaultActions[0].forward.targetGroups[0].weight: found "1", expected a number',
        "defaultActions[1].type: found nothing, expected a string: it is required",
        "loadBalancerArn: found nothing, expected a string: it is required",
        'port: found "443", expected a number',
      ],
    );
    assert.deepEqual(await plugin.check(vpc, { cidrBlock: unknown, tags: unknown }), []);
  });

  it("refuses what the official plugin refuses before it asks AWS", async () => {
    const cases: [token: string, inputs: Properties, reason: string][] = [
      [targetGroup, { name: "a".repeat(33) }, `name: found ${"a".repeat(33)} of 33 characters, expected at most 32`],
      ["aws:lb/loadBalancer:LoadBalancer", { name: "a".repeat(33) }, "expected at most 32"],
      ["aws:lb/loadBalancer:LoadBalancer", { name: "a_b" }, "expected to match"],
      [
        targetGroup,
        { deregistrationDelay: 3601 },
        "deregistrationDelay: found 3601, expected an integer from 0 to 3600",
      ],
      ["aws:kms/key:Key", { deletionWindowInDays: 6 }, "expected an integer from 7 to 30"],
      ["aws:secretsmanager/secret:Secret", { recoveryWindowInDays: 3 }, "expected an integer from 7 to 30"],
      [
        "aws:cloudwatch/logGroup:LogGroup",
        { retentionInDays: 31 },
        "retentionInDays: found 31, expected one of 0, 1, 3",
      ],
      [
        "aws:rds/instance:Instance",
        { instanceClass: "db.t4g.micro", backupRetentionPeriod: 36, skipFinalSnapshot: true },
        "backupRetentionPeriod: found 36, expected an integer from 0 to 35",
      ],
      [
        "aws:rds/instance:Instance",
        { instanceClass: "db.t4g.micro" },
        "finalSnapshotIdentifier: found nothing, expected a name: skipFinalSnapshot is not true",
      ],
      ["aws:s3/bucket:Bucket", { bucket: "Upper" }, "bucket: found Upper, expected to match"],
    ];
    for (const weight of [-1, 1000, 0.5])
      cases.push([
        "aws:lb/listener:Listener",
        {
          loadBalancerArn: "x",
          defaultActions: [{ type: "forward", forward: { targetGroups: [{ arn: "x", weight }] } }],
        },
        `defaultActions.forward.targetGroups.weight: found ${weight}, expected an integer from 0 to 999`,
      ]);
    for (const [token, inputs, reason] of cases) {
      const failures = await plugin.check(token, inputs);
      assert.equal(failures.length, 1, `${token} ${JSON.stringify(inputs)}: ${failures.join("; ")}`);
      assert.ok(failures[0]?.includes(reason), failures[0]);
    }
  });

  it("makes up a name once, within AWS's length, and never two alike", async () => {
    const first = await plugin.checked(targetGroup, {}, undefined, "blue");
    assert.match(String(first.inputs["name"]), /^blue-[0-9a-f]{7}$/);
    const again = await plugin.checked(targetGroup, {}, first.inputs, "blue");
    assert.equal(again.inputs["name"], first.inputs["name"]);
    const other = await plugin.checked(targetGroup, {}, undefined, "blue");
    assert.notEqual(other.inputs["name"], first.inputs["name"]);
    await assert.rejects(
      plugin.checked(targetGroup, {}, undefined, "b".repeat(25)),
      /plus 7 random chars is longer than maximum length 32; set name/,
    );
  });

  it("gives each resource the tags of the provider, and its own before them", async () => {
    const { outs } = await plugin.create(vpc, { cidrBlock: "10.0.0.0/16", tags: { name: "vpc" } });
    assert.deepEqual(outs["tagsAll"], { team: "pages", name: "vpc" });
    const { outs: own } = await plugin.create(vpc, { cidrBlock: "10.1.0.0/16", tags: { team: "own" } });
    assert.deepEqual(own["tagsAll"], { team: "own" });
  });

  it("plans what is known before, and leaves open what AWS says later", async () => {
    const { outs } = await plugin.create(targetGroup, { name: "blue", port: 80 }, { preview: true });
    assert.deepEqual(
      [outs["name"], outs["deregistrationDelay"], outs["arn"], outs["protocolVersion"]],
      ["blue", 300, unknown, unknown],
    );
    assert.equal(await plugin.read(targetGroup, "blue"), undefined, "a preview makes nothing");
  });

  it("imports what is there, and says nothing is there where it isn't", async () => {
    const { id } = await plugin.create(vpc, { cidrBlock: "10.2.0.0/16", enableDnsHostnames: true });
    const found = await plugin.read(vpc, id);
    assert.equal(found?.inputs["cidrBlock"], undefined, "AWS would have chosen one from a pool");
    assert.equal(found?.outs["cidrBlock"], "10.2.0.0/16");
    assert.equal(await plugin.read(vpc, "vpc-none"), undefined);
  });

  it("gives what its functions are asked for", async () => {
    const zones = async (filters: Properties[] = []) =>
      (await plugin.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", { state: "available", filters }))["names"]; // prettier-ignore
    const whole = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
    assert.deepEqual(await zones(), ["eu-west-1-abc-1a", ...whole]);
    assert.deepEqual(await zones([{ name: "zone-type", values: ["availability-zone"] }]), whole);
    assert.equal((await plugin.invoke("aws:index/getRegion:getRegion"))["region"], "eu-west-1");
    assert.equal((await plugin.invoke("aws:index/getCallerIdentity:getCallerIdentity"))["accountId"], "123456789012");
    const document = await plugin.invoke("aws:iam/getPolicyDocument:getPolicyDocument", {
      statements: [
        {
          ...{ sid: "Read", actions: ["s3:GetObject"], resources: ["*"] },
          principals: [{ type: "AWS", identifiers: ["arn:1"] }],
          conditions: [{ test: "Bool", variable: "aws:SecureTransport", values: ["true"] }],
        },
      ],
    });
    assert.deepEqual(JSON.parse(String(document["json"])), {
      Version: "2012-10-17",
      Statement: [
        {
          ...{ Sid: "Read", Effect: "Allow", Action: "s3:GetObject", Resource: "*", Principal: { AWS: "arn:1" } },
          Condition: { Bool: { "aws:SecureTransport": "true" } },
        },
      ],
    });
    await assert.rejects(plugin.invoke("aws:index/getRegion:getRegion", { regoin: "x" }), /regoin: there is no such/);
    await assert.rejects(
      plugin.invoke("aws:secretsmanager/getSecretVersion:getSecretVersion", { secretId: "none" }),
      /Secrets Manager: GetSecretValue, .*ResourceNotFoundException/,
    );
  });

  it("judges its configuration, and works on no account that nobody named", async () => {
    assert.deepEqual(
      (await plugin.checkConfig({ regoin: "x", region: "eu-west-1" })).map((failure) => failure.split(";")[0]),
      ["regoin: there is no such property"],
    );
    const other = await PluginProcess.start("aws", { [accountVariable]: "", AWS_REGION: "", AWS_DEFAULT_REGION: "" });
    try {
      await assert.rejects(other.configure({}), /found no region, expected one: set aws:region/);
      await assert.rejects(other.configure({ region: "eu-west-1" }), /set SWITCHYARD_AWS_ACCOUNT to its path/);
    } finally {
      await other.stop();
    }
    const third = await PluginProcess.start("aws", { [accountVariable]: join(folder, "account.db") });
    try {
      const args = { region: "eu-west-1", allowedAccountIds: JSON.stringify(["000000000001"]) };
      await assert.rejects(third.configure(args), /123456789012 is none of 000000000001/);
    } finally {
      await third.stop();
    }
  });
});

describe("each type of resource of the stand-in for aws", function () {
  this.timeout(120_000);
  let folder: string;
  let world: World;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
    world = new World(join(folder, "account.db"));
  });
  after(() => {
    world.account.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const inputsOf = (name: string) => line(name)[2](world.made);

  it("is in the world that these tests make", () => {
    const used = new Set(lines.map(([token]) => token));
    assert.deepEqual(
      Object.keys(definitions).filter((token) => !used.has(token)),
      [],
    );
  });

  it("is made with every output that the SDK declares", () => world.makeAll());

  it("is not different from what the program says, after it is made and after it is read", async () => {
    for (const [token, name] of lines) {
      const own = world.made[name];
      assert.ok(own !== undefined);
      assert.deepEqual(world.kind(token).diff(own, inputsOf(name)).changed, [], name);
      const read = await world.kind(token).read(own.id, own, world.context(name));
      assert.equal(read?.id, own.id, name);
      assert.deepEqual(world.kind(token).diff(read.outs, inputsOf(name)).changed, [], `${name} after a refresh`);
    }
  });

  const replaced: [name: string, change: Properties][] = [
    ["vpc", { cidrBlock: "10.9.0.0/16" }],
    ["subnet a", { availabilityZone: "eu-west-1c" }],
    ["subnet a", { cidrBlock: "10.0.9.0/24" }],
    ["group", { description: "another" }],
    ["role", { name: "other" }],
    ["log", { name: "/other" }],
    ["secret", { name: "other" }],
    ["alarm", { name: "other" }],
    ["bucket", { bucket: "other" }],
    ["topic", { name: "other" }],
    ["subscription", { endpoint: "other@example.com" }],
    ["subnets", { name: "other" }],
    ["parameters", { family: "postgres17" }],
    ["database", { engine: "mysql" }],
    ["database", { storageEncrypted: false }],
    ["database", { dbName: "pages" }],
    ["database", { username: "other" }],
    ["balancer", { name: "other" }],
    ["balancer", { internal: true }],
    ["blue", { name: "other" }],
    ["blue", { port: 9090 }],
    ["blue", { protocol: "HTTPS" }],
    ["blue", { vpcId: "vpc-other" }],
    ["blue", { targetType: "instance" }],
    ["listener", { loadBalancerArn: "other" }],
    ["rule", { listenerArn: "other" }],
    ["task", { cpu: "512" }],
    ["task", { containerDefinitions: '[{"name":"web","image":"example.com/web:2"}]' }],
    ["service", { name: "other" }],
    ["service", { launchType: "EC2" }],
    ["service", { cluster: "other" }],
    ["scalable", { resourceId: "service/cluster/other" }],
    ["function", { name: "other" }],
    ["vpc", { region: "eu-central-1" }],
  ];
  const changed: [name: string, change: Properties][] = [
    ["vpc", { enableDnsHostnames: true }],
    ["vpc", { tags: { name: "x" } }],
    ["log", { retentionInDays: 60 }],
    ["database", { instanceClass: "db.m7g.large" }],
    ["database", { multiAz: true }],
    ["database", { deletionProtection: true }],
    ["database", { parameterGroupName: "default.postgres18" }],
    ["database", { identifier: "renamed" }],
    ["balancer", { idleTimeout: 30 }],
    ["balancer", { subnets: ["other"] }],
    ["blue", { deregistrationDelay: 30 }],
    ["blue", { healthCheck: { path: "/other", interval: 10, timeout: 5 } }],
    ["listener", { port: 8443 }],
    ["listener", { sslPolicy: "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" }],
    ["rule", { priority: 5 }],
    ["service", { taskDefinition: "other" }],
    ["service", { desiredCount: 3 }],
    ["service", { loadBalancers: [] }],
    ["scalable", { maxCapacity: 9 }],
    ["alarm", { threshold: 90 }],
  ];

  for (const [name, change] of replaced)
    it(`is replaced as by AWS: ${name}, for another ${Object.keys(change).join()}`, () => {
      const { changed: all, replaces } = world
        .kind(line(name)[0])
        .diff(world.made[name] ?? {}, { ...inputsOf(name), ...change });
      assert.deepEqual([all, replaces], [Object.keys(change), Object.keys(change)]);
    });

  for (const [name, change] of changed)
    it(`is changed in place as by AWS: ${name}, for another ${Object.keys(change).join()}`, () => {
      const difference = world.kind(line(name)[0]).diff(world.made[name] ?? {}, { ...inputsOf(name), ...change });
      assert.deepEqual(
        difference.changed.filter((key) => key !== "tagsAll"),
        Object.keys(change),
      );
      assert.deepEqual(difference.replaces, []);
    });

  it("goes first when it is replaced under a name that the program chose, and last when the name is made up", () => {
    const kind = world.kind("aws:lb/targetGroup:TargetGroup");
    const chosen = kind.diff(world.made["blue"] ?? {}, { ...inputsOf("blue"), port: 1 });
    const madeUp = kind.diff(world.made["blue"] ?? {}, { ...inputsOf("blue"), port: 1, __defaults: ["name"] });
    assert.deepEqual([chosen.deleteBeforeReplace, madeUp.deleteBeforeReplace], [true, false]);
  });

  it("differs neither by the order of a set, nor by how JSON is written, nor by what says nothing", () => {
    const same: [name: string, change: Properties][] = [
      ["subnets", { subnetIds: (inputsOf("subnets")["subnetIds"] as string[]).toReversed() }],
      ["task", { containerDefinitions: '[ {"image": "example.com/web:1", "name": "web"} ]' }],
      ["log", { skipDestroy: false }],
      ["blue", { slowStart: 0, deregistrationDelay: 300 }],
    ];
    for (const [name, change] of same)
      assert.deepEqual(
        world.kind(line(name)[0]).diff(world.made[name] ?? {}, { ...inputsOf(name), ...change }).changed,
        [],
        name,
      );
  });

  it("tells weights of 0 and of 1 apart, and takes one that is left out for 1", () => {
    const [token] = line("listener");
    const withWeight = (weight: number | undefined) => ({
      ...inputsOf("listener"),
      defaultActions: [
        {
          type: "forward",
          forward: {
            targetGroups: [
              { arn: world.made["blue"]?.id, weight: 100 },
              { arn: world.made["green"]?.id, ...(weight !== undefined && { weight }) },
            ],
          },
        },
      ],
    });
    const differs = (weight: number | undefined) =>
      world.kind(token).diff(world.made["listener"] ?? {}, withWeight(weight)).changed;
    assert.deepEqual([differs(0), differs(1), differs(undefined)], [[], ["defaultActions"], ["defaultActions"]]);
  });

  it("keeps at an update what somebody else has changed, and what the program leaves to others", async () => {
    const [token, name] = line("listener");
    const own = world.made[name];
    assert.ok(own !== undefined);
    const moved = [{ type: "forward", forward: { targetGroups: [{ arn: world.made["blue"]?.id, weight: 1 }] } }];
    world.account.change((rows) => {
      const row = rows.get(token, own.id);
      assert.ok(row !== undefined);
      rows.put({ ...row, outs: { ...row.outs, defaultActions: moved } });
    });
    const outs = await world.kind(token).update(own, { ...inputsOf(name), tags: { a: "b" } }, world.context(name));
    assert.deepEqual(outs["defaultActions"], moved);
    assert.deepEqual(outs["tagsAll"], { team: "test", a: "b" });

    const [service] = line("service");
    const before = world.made["service"] ?? {};
    const news = { ...inputsOf("service"), desiredCount: 9, enableExecuteCommand: true };
    const after = await world.kind(service).update(before, news, world.context("service", ["desiredCount"]));
    assert.deepEqual([after["desiredCount"], after["enableExecuteCommand"]], [2, true]);
  });

  it("has the revisions of a task definition, each with an ARN of its own, and deletes no newer one", async () => {
    const [token] = line("task");
    const first: Properties = world.made["task"] ?? {};
    const second = await world.create(token, "second task", inputsOf("task"));
    assert.deepEqual([first["revision"], second["revision"]], [1, 2]);
    assert.equal(second["arn"], `${String(second["arnWithoutRevision"])}:2`);
    await world.kind(token).delete(second, world.context("second task"));
    assert.ok((await world.kind(token).read("task", first, world.context("task"))) !== undefined);
    assert.equal(await world.kind(token).read("task", second, world.context("second task")), undefined);
  });

  it("goes in the opposite order, and leaves what AWS keeps: the last snapshot, and the name of a deleted secret", async () => {
    for (const [token, name] of lines.toReversed())
      await world.kind(token).delete(world.made[name] ?? {}, world.context(name));
    assert.deepEqual(
      world.account.change((rows) => rows.all().map(({ token, id }) => `${token} ${id}`)),
      [
        "aws:rds/snapshot:Snapshot final",
        "aws:wafv2/webAcl:WebAcl arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/given/12345678-90ab-cdef-1234-567890abcdef",
        "deleted:secret secret",
      ],
    );
  });
});
