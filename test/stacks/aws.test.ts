import assert from "node:assert/strict";
import { passwordsIn, type Exported } from "../support/exported";
import { AwsStack } from "../support/aws-stack";
import type { Ended } from "../support/stack";
import { waysBack, type Depending } from "../support/ways-back";

/** One stack for all: each test begins where the one before it left the account. */
describe("staging on the stand-in for AWS", function () {
  this.timeout(480_000);
  let aws: AwsStack;

  before(async () => {
    aws = await AwsStack.start();
    // With what a stack has only where somebody is named for it: the digest.
    await aws.init("staging", { "notify.low.email[0]": "team@example.com" });
  });
  // Where it could not be started there is nothing to stop.
  after(() => (aws as AwsStack | undefined)?.stop());

  /** An `up` that must fail, and say it as to a person. */
  function failed({ code, output }: Ended, says: RegExp): void {
    assert.notEqual(code, 0, `went through:\n${output}`);
    assert.match(output, says);
    assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/, output);
  }

  /** What is in state. */
  async function resources() {
    const { deployment } = JSON.parse(await aws.must("staging", "stack", "export")) as {
      deployment: { resources: (Depending & { type: string })[] };
    };
    return deployment.resources;
  }

  it("is previewed before there is anything, and makes nothing by that", async () => {
    const output = await aws.must("staging", "preview");
    assert.match(output, /aws:rds:Instance database create/);
    assert.deepEqual(aws.tokens(), ["aws:acm/certificate:Certificate"]);
  });

  it("ends with AWS's reason where AWS refuses a resource, and where nobody reaches the database yet, and goes on from there with the next `up`", async () => {
    // As in a first deployment from outside: the tunnel is opened once the bastion and the instance are there.
    const nobody = 1;
    await aws.set("staging", "database.via.port", String(nobody));
    const codes = ["InsufficientDBInstanceCapacity", "TooManyTargetGroups", "ServiceUnavailable"];
    const [instance = "", groups = "", service = ""] = codes;
    aws.account.inject(
      { of: "aws:rds/instance:Instance", on: "create", code: instance },
      { of: "aws:lb/targetGroup:TargetGroup", on: "create", code: groups },
      { of: "aws:ecs/service:Service", on: "create", code: service },
      // What plugin and SDK repeat by themselves is no failure.
      { of: "aws:kms/key:Key", on: "create", code: "ThrottlingException", times: 3 },
      { of: "DescribeServices", on: "api", code: "ThrottlingException", times: 2 },
    );
    const unreached = `can't connect as switchyard to postgres at 127.0.0.1:${nobody}`;
    const reasons = [...codes, unreached];
    const seen = new Set<string>();
    let ended = await aws.up();
    for (let left = reasons.length; ended.code !== 0 && left > 0; left -= 1) {
      failed(ended, new RegExp(reasons.join("|")));
      for (const reason of reasons) if (ended.output.includes(reason)) seen.add(reason);
      if (seen.has(unreached)) {
        const there = aws.tokens();
        for (const end of ["aws:ec2/instance:Instance", "aws:rds/instance:Instance"])
          assert.ok(there.includes(end), end);
        await aws.set("staging", "database.via.port", String(aws.databasePort));
      }
      ended = await aws.up();
    }
    assert.equal(ended.code, 0, ended.output);
    assert.deepEqual([...seen].sort(), [...reasons].sort());
    assert.deepEqual(aws.account.clearFaults(), []);
    assert.equal(aws.greenWeight(), 0);
  });

  it("is not changed by a second `up`, and a refresh finds no drift", async () => {
    await aws.must("staging", "up", "--yes", "--skip-preview", "--expect-no-changes");
    // The first one learns what AWS added to a resource once others came to it.
    await aws.must("staging", "refresh", "--yes", "--skip-preview");
    await aws.must("staging", "refresh", "--yes", "--skip-preview", "--expect-no-changes");
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("leaves few enough ways from what is declared last to what is declared first for the engine to go them all", async () => {
    const most = Math.max(...waysBack(await resources()).values());
    assert.ok(most > 1_000 && most < 10_000_000, `${most} ways: a deletion that is refused would hang the engine`);
  });

  it("keeps no password in plain, in state or in a task definition", async () => {
    const uncovered = await aws.must("staging", "stack", "export", "--show-secrets");
    // An instance of EC2 without Windows has an empty one, which every text includes.
    const found = passwordsIn(JSON.parse(uncovered.slice(uncovered.indexOf("{"))) as Exported);
    const ofState = found.filter((password) => password !== "");
    const ofCopies = aws.copiesPasswords();
    assert.equal(ofCopies.length, 2, "those of both colours");
    for (const password of ofCopies) assert.ok(ofState.includes(password), "state does not know a colour's password");
    const passwords = [...ofState, aws.postgres.administrator.password];
    const state = await aws.must("staging", "stack", "export");
    const tasks = aws.account.change((rows) => JSON.stringify(rows.all("aws:ecs/taskDefinition:TaskDefinition")));
    assert.match(tasks, /valueFrom/);
    for (const password of passwords) {
      assert.ok(!state.includes(password), "a password is in plain in state");
      assert.ok(!tasks.includes(password), "a password is in plain in a task definition");
    }
  });

  it("shows weights that somebody moved, says when AWS refuses to move them back, and then does", async () => {
    aws.moveWeights(30);
    assert.match(await aws.must("staging", "preview"), /TrafficReturn traffic-return update/);
    aws.account.inject({ of: "ModifyListener", on: "api", code: "AccessDenied" });
    failed(await aws.up(), /ModifyListener/);
    assert.equal(aws.greenWeight(), 30);
    // State now says what is real, so that the listener's own update has something to do too.
    await aws.must("staging", "refresh", "--yes", "--skip-preview");
    aws.account.inject({ of: "aws:lb/listener:Listener", on: "update", code: "ServiceUnavailable" });
    const refused = await aws.up();
    failed(refused, /ServiceUnavailable/);
    assert.match(refused.output, /returned from greenWeight 30 to 0/);
    assert.equal(aws.greenWeight(), 0, "the return is made before what failed");
    assert.deepEqual(aws.account.clearFaults(), []);
    await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.equal(aws.greenWeight(), 0);
  });

  it("returns at once when an advance that settled is reverted", async () => {
    // Where weights are as declared there is nothing to walk: a bake on AWS takes five minutes at the least.
    aws.moveWeights(100);
    await aws.set("staging", "greenWeight", "100");
    await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.equal(aws.greenWeight(), 100);
    await aws.set("staging", "greenWeight", "0");
    assert.match(await aws.must("staging", "up", "--yes", "--skip-preview"), /returned from greenWeight 100 to 0/);
    assert.equal(aws.greenWeight(), 0);
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("never replaces the instance, whoever asks for it; that is taken back, and all is as it was", async () => {
    const urn = (await resources()).find(({ type }) => type === "aws:rds/instance:Instance")?.urn ?? "";
    const instances = () => aws.account.change((rows) => rows.all("aws:rds/instance:Instance").map(({ id }) => id));
    const before = instances();
    failed(await aws.pulumi("staging", "up", "--yes", "--skip-preview", "--replace", urn), /protect/);
    await aws.must("staging", "state", "taint", urn, "--yes");
    failed(await aws.pulumi("staging", "preview"), /protect/);
    failed(await aws.up(), /protect/);
    assert.deepEqual(instances(), before);
    await aws.must("staging", "state", "untaint", urn, "--yes");
    await aws.must("staging", "up", "--yes", "--skip-preview");
    await aws.must("staging", "preview", "--expect-no-changes");
    assert.deepEqual(instances(), before);
  });

  it("refuses to begin a destroy while it holds data", async () => {
    const before = aws.tokens();
    failed(await aws.pulumi("staging", "destroy", "--yes"), /protect/);
    assert.deepEqual(aws.tokens(), before);
  });

  // Without a preview the engine deletes what stands in front of what is protected, and only then finds out.
  it("keeps all that serves and all that holds data in a destroy that nobody previewed", async () => {
    const kept =
      /^aws:(vpc\/\w+|lb\/(loadBalancer|listener|listenerRule|targetGroup)|ec2\/(vpc|subnet|route\w*|natGateway|eip|internetGateway|vpcEndpoint)|ecs\/(cluster|service|taskDefinition)|appautoscaling\/\w+|rds\/instance|kms\/key|s3\/bucket):/;
    const all = () => [...aws.tokens().filter((token) => kept.test(token)), ...aws.copiesPasswords()];
    const before = all();
    failed(await aws.pulumi("staging", "destroy", "--yes", "--skip-preview"), /protect/);
    assert.deepEqual(all(), before);
    assert.equal(aws.greenWeight(), 0);
    const { rows } = await aws.postgres.asSuperuser(
      (client) => client.query("SELECT to_regclass('public.pages') IS NOT NULL AS there"),
      "pages",
    );
    assert.deepEqual(rows, [{ there: true }]);
    await aws.must("staging", "up", "--yes", "--skip-preview");
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("of production shows the digest of what it would change, and asks staging whether its migrations were rehearsed", async () => {
    await aws.init("production");
    const output = await aws.must("production", "preview");
    assert.match(output, /greenWeight from none to 0/);
    const [, digest = ""] = /SWITCHYARD_CONFIRM=([0-9a-f]{16}) pulumi up/.exec(output) ?? [];
    const unconfirmed = await aws.pulumi("production", "up", "--yes", "--skip-preview");
    failed(unconfirmed, new RegExp(`SWITCHYARD_CONFIRM: found nothing; expected ${digest}`));
    await aws.set("production", "rehearsal.requiredFrom", "organization/switchyard/nobody");
    failed(await aws.pulumi("production", "preview"), /may not run here yet: .*\/nobody, which can't be read/);
    await aws.set("production", "rehearsal.requiredFrom", "organization/switchyard/staging");
  });

  it("of production refuses an image that can be moved, and takes the one of its stack file", async () => {
    await aws.must("production", "preview");
    await aws.set("production", "green.image", "registry.example.com/pages:latest");
    failed(await aws.pulumi("production", "preview"), /switchyard:green\.image.*latest/s);
  });

  it("goes as docs/aws.md says, when it is really to end, and leaves what holds data", async () => {
    await aws.must("staging", "state", "unprotect", "--all", "--yes");
    aws.account.change((rows) => {
      for (const row of rows.all("aws:lb/loadBalancer:LoadBalancer"))
        rows.put({ ...row, outs: { ...row.outs, enableDeletionProtection: false } });
    });
    failed(await aws.pulumi("staging", "destroy", "--yes", "--skip-preview"), /is currently in use by Instance/);
    const left = new Set(aws.tokens());
    for (const token of ["aws:rds/instance:Instance", "aws:kms/key:Key", "aws:s3/bucket:Bucket"])
      assert.ok(left.has(token), `${token} is gone`);
    for (const token of ["aws:lb/loadBalancer:LoadBalancer", "aws:ecs/service:Service"])
      assert.ok(!left.has(token), `${token} is left`);
    aws.account.change((rows) => {
      for (const { token, id } of rows.all("aws:rds/instance:Instance")) rows.remove(token, id);
    });
    await aws.must("staging", "destroy", "--yes", "--skip-preview");
    // Deleted secrets can be had back for a week; the master user's is the instance's, and nobody's who made it go.
    const stays = /^deleted:secret$|^aws:(kms\/key|s3\/bucket\w*|acm\/certificate|secretsmanager\/\w+):/;
    assert.deepEqual(
      aws.tokens().filter((token) => !stays.test(token)),
      [],
    );
  });
});
