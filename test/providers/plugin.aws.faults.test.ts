import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Account } from "../plugins/aws/account";
import { accountVariable } from "../plugins/aws/config";
import { line, lines, World } from "../plugins/aws/world";
import { PluginProcess } from "../plugins/protocol/client";

const vpc = "aws:ec2/vpc:Vpc";
const targetGroup = "aws:lb/targetGroup:TargetGroup";

describe("faults of the stand-in for aws", function () {
  this.timeout(180_000);
  let folder: string;
  let world: World;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
    world = new World(join(folder, "account.db"));
  });
  afterEach(() => {
    world.account.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const network = (name = "vpc") => world.create(vpc, name, { cidrBlock: "10.0.0.0/16" });
  const count = () => world.account.change((rows) => rows.all(vpc).length);

  it("let the creation of each type fail once, with nothing made, and the next one pass", async () => {
    for (const [token, name, inputs] of lines) {
      world.account.inject({ of: token, on: "create", code: "InternalFailure" });
      const before = world.account.change((rows) => JSON.stringify(rows.all()));
      await assert.rejects(
        async () => world.create(token, name, inputs(world.made)),
        /StatusCode: 500, .*api error InternalFailure: The request processing has failed/,
        token,
      );
      assert.equal(
        world.account.change((rows) => JSON.stringify(rows.all())),
        before,
      );
      await world.create(token, name, inputs(world.made));
    }
    assert.deepEqual(world.account.clearFaults(), []);
  });

  it("are met by the resource that they name, in the call that they name, and as often as they say", async () => {
    world.account.inject(
      {
        of: vpc,
        on: "create",
        name: "second",
        code: "VpcLimitExceeded",
        message: "The maximum number is reached",
        times: 2,
      },
      { of: vpc, on: "delete", code: "DependencyViolation" },
      { of: targetGroup, on: "any", code: "Never" },
    );
    const first = await network();
    await assert.rejects(async () => network("second"), /CreateVpc, .*VpcLimitExceeded: The maximum number is reached/);
    await assert.rejects(async () => network("second"), /VpcLimitExceeded/);
    await network("second");
    await assert.rejects(
      async () => world.kind(vpc).delete(first, world.context("vpc")),
      /DeleteVpc, .*DependencyViolation/,
    );
    await world.kind(vpc).delete(first, world.context("vpc"));
    assert.deepEqual(
      world.account.clearFaults().map(({ of }) => of),
      [targetGroup],
      "the one that nobody met is told",
    );
  });

  it("throttle as AWS does: 25 times nobody notices, as the official plugin tries again; then it fails", async () => {
    world.account.inject({ of: vpc, on: "create", code: "RequestLimitExceeded", times: 25 });
    await network();
    world.account.inject({ of: vpc, on: "create", code: "RequestLimitExceeded", times: 26 });
    await assert.rejects(async () => network("second"), /RequestLimitExceeded/);
    assert.equal(count(), 1);
  });

  it("let credentials expire from one call on, for all calls, until they are renewed", async () => {
    world.account.inject({ of: "*", on: "any", code: "ExpiredToken", after: 2, times: null });
    const first = await network();
    await network("second");
    const expired = /StatusCode: 403, .*ExpiredToken: The security token included in the request is expired/;
    await assert.rejects(async () => network("third"), expired);
    await assert.rejects(async () => world.kind(vpc).read(first.id, first, world.context("vpc")), expired);
    await assert.rejects(async () => world.kind(vpc).delete(first, world.context("vpc")), expired);
    world.account.clearFaults();
    await world.kind(vpc).delete(first, world.context("vpc"));
    assert.equal(count(), 1);
  });

  it("lose an answer: what was asked for is done, and is in the way of the next try", async () => {
    await world.makeAll("vpc");
    world.account.inject({ of: targetGroup, on: "create", code: "RequestTimeout", done: true });
    const create = async () => world.create(targetGroup, "blue", line("blue")[2](world.made));
    await assert.rejects(create, /RequestTimeout/);
    await assert.rejects(create, /DuplicateTargetGroupName/);
  });

  it("meet functions as well", async () => {
    const plugin = await PluginProcess.start("aws", { [accountVariable]: join(folder, "account.db") });
    try {
      await plugin.configure({ region: "eu-west-1" });
      const region = "aws:index/getRegion:getRegion";
      world.account.inject({ of: region, on: "invoke", code: "UnauthorizedOperation" });
      await assert.rejects(plugin.invoke(region), /EC2: DescribeRegions, .*UnauthorizedOperation/);
      assert.equal((await plugin.invoke(region))["name"], "eu-west-1");
    } finally {
      await plugin.stop();
    }
  });

  it("tells live tags from those that the provider is told to ignore, and keeps them at an update", async () => {
    const own = await world.create(vpc, "vpc", { cidrBlock: "10.0.0.0/16", tags: { name: "a" } });
    const tag = (tags: Record<string, string>) =>
      world.account.change((rows) => {
        const row = rows.get(vpc, own.id);
        assert.ok(row !== undefined);
        rows.put({ ...row, outs: { ...row.outs, tagsAll: { ...(row.outs["tagsAll"] as object), ...tags } } });
      });
    tag({ "switchyard:walk": "1" });
    const news = { cidrBlock: "10.0.0.0/16", tags: { name: "b" } };
    const after = await world.kind(vpc).update(own, news, world.context("vpc"));
    assert.deepEqual([after["tags"], after["tagsAll"]], [{ name: "b" }, { team: "test", name: "b" }]);
    const live = () => world.account.change((rows) => rows.get(vpc, own.id)?.outs["tagsAll"]);
    assert.deepEqual(live(), { "switchyard:walk": "1", team: "test", name: "b" });
    tag({ foreign: "x" });
    const read = await world.kind(vpc).read(own.id, after, world.context("vpc"));
    assert.deepEqual(read?.outs["tags"], { name: "b", foreign: "x" });
    assert.deepEqual(world.kind(vpc).diff(read.outs, news).changed.sort(), ["tags", "tagsAll"]);
  });
});

describe("an account of the stand-in for aws, of several processes", function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("loses nothing of what many ask for at once, and gives the same name to one of them only", async () => {
    const file = join(folder, "many.db");
    const plugins = await Promise.all([1, 2, 3].map(() => PluginProcess.start("aws", { [accountVariable]: file })));
    try {
      for (const plugin of plugins) await plugin.configure({ region: "eu-west-1" });
      const asked = plugins.flatMap((plugin, process) =>
        Array.from({ length: 40 }, (_, number) =>
          plugin.create("aws:cloudwatch/logGroup:LogGroup", {
            name: number < 20 ? `shared ${number}` : `${process} ${number}`,
          }),
        ),
      );
      const outcomes = await Promise.allSettled(asked);
      const refused = outcomes.filter(({ status }) => status === "rejected");
      assert.equal(refused.length, 40, "two of three lose each shared name");
      for (const outcome of refused)
        assert.match(String((outcome as PromiseRejectedResult).reason), /ResourceAlreadyExistsException/);
      const account = new Account(file);
      assert.equal(
        account.change((rows) => rows.all().length),
        20 + 60,
      );
      account.close();
    } finally {
      await Promise.all(plugins.map((plugin) => plugin.stop()));
    }
  });

  it("is whole after its process is killed in the middle of a change", async () => {
    const file = join(folder, "killed.db");
    const code = `
      const { Account } = require(${JSON.stringify(require.resolve("../plugins/aws/account"))});
      const account = new Account(${JSON.stringify(file)});
      account.change((rows) => rows.put({ token: "t", id: "kept", outs: {} }));
      account.change((rows) => {
        rows.put({ token: "t", id: "lost", outs: {} });
        rows.remove("t", "kept");
        process.kill(process.pid, "SIGKILL");
      });`;
    await assert.rejects(promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "-e", code]), {
      signal: "SIGKILL",
    });
    const account = new Account(file);
    assert.deepEqual(
      account.change((rows) => rows.all()),
      [{ token: "t", id: "kept", outs: {} }],
    );
    account.close();
  });
});
