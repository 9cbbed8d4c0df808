import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { engineHome } from "../../tools/project.cjs";
import { version } from "pulumi/package.json";
import { Account, type Rows } from "../plugins/aws/account";
import { accountIn, standInEnvironment } from "../plugins/aws/environment";

const checkout = resolve(__dirname, "../..");
const listenerToken = "aws:lb/listener:Listener";

/** A load balancer with two target groups and a database, as a program. */
const program = (weight: number, protect: boolean) => `
const pulumi = require("@pulumi/pulumi");
const ec2 = require("@pulumi/aws/ec2"), lb = require("@pulumi/aws/lb"), rds = require("@pulumi/aws/rds");
const { getAvailabilityZonesOutput } = require("@pulumi/aws/getAvailabilityZones");
const zones = getAvailabilityZonesOutput({ state: "available" }).names;
const vpc = new ec2.Vpc("vpc", { cidrBlock: "10.0.0.0/16" });
const subnetIds = [0, 1].map((at) => new ec2.Subnet("subnet-" + at, {
  vpcId: vpc.id, cidrBlock: "10.0." + at + ".0/24", availabilityZone: zones[at],
}).id);
const gateway = new ec2.InternetGateway("gateway", { vpcId: vpc.id });
const balancer = new lb.LoadBalancer("balancer", { name: "balancer", subnets: subnetIds }, { dependsOn: gateway });
const [blue, green] = ["blue", "green"].map((name) => new lb.TargetGroup(name, {
  name, vpcId: vpc.id, port: 8080, protocol: "HTTP", targetType: "ip",
}));
new lb.Listener("listener", { loadBalancerArn: balancer.arn, port: 80, defaultActions: [{
  type: "forward",
  forward: { targetGroups: [{ arn: blue.arn, weight: ${100 - weight} }, { arn: green.arn, weight: ${weight} }] },
}] });
const subnets = new rds.SubnetGroup("subnets", { subnetIds });
const database = new rds.Instance("database", {
  identifier: "database", engine: "postgres", engineVersion: "18", instanceClass: "db.t4g.medium", allocatedStorage: 20,
  username: "somebody", password: pulumi.secret("hidden-password"), dbSubnetGroupName: subnets.name,
  finalSnapshotIdentifier: "final", deletionProtection: ${String(protect)},
});
exports.address = database.address;
exports.url = pulumi.interpolate\`http://\${balancer.dnsName}\`;
`;

describe("the stand-in for aws under the engine", function () {
  this.timeout(300_000);
  const engine = join(engineHome(), "versions", version, "bin", "pulumi");
  let folder: string;
  let account: Account;
  let standIns: NodeJS.ProcessEnv;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-engine-"));
    for (const name of ["backend", "program"]) mkdirSync(join(folder, name));
    standIns = standInEnvironment(folder);
    symlinkSync(join(checkout, "node_modules"), join(folder, "program", "node_modules"));
    writeFileSync(
      join(folder, "program", "Pulumi.yaml"),
      "name: balancer\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: main.cjs\n",
    );
    writeFileSync(join(folder, "program", "Pulumi.test.yaml"), "config:\n  aws:region: eu-west-1\n");
    write(0, true);
    account = new Account(accountIn(folder));
    account.setOption("rds", { host: "127.0.0.1", port: 6543 });
    await must("stack", "init", "test");
  });
  after(() => {
    account.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (...args: Parameters<typeof program>) =>
    writeFileSync(join(folder, "program", "main.cjs"), program(...args));

  function pulumi(...args: string[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(engine, [...args, "--non-interactive"], {
      cwd: join(folder, "program"),
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: `${join(engine, "..")}:${join(checkout, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`,
        ...standIns,
        PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += stripVTControlCharacters(text)));
    return new Promise((done, failed) => {
      child.once("error", failed);
      child.once("close", (code) => done({ code, output }));
    });
  }

  async function must(...args: string[]): Promise<string> {
    const { code, output } = await pulumi(...args);
    assert.equal(code, 0, `pulumi ${args.join(" ")}:\n${output}`);
    return output;
  }
  const up = (...args: string[]) => must("up", "--yes", "--skip-preview", ...args);

  const listener = (rows: Rows) => {
    const [row] = rows.all(listenerToken);
    assert.ok(row !== undefined);
    return row;
  };
  const weights = () =>
    account.change((rows) => {
      const [{ forward }] = listener(rows).outs["defaultActions"] as [
        { forward: { targetGroups: { weight: number }[] } },
      ];
      return forward.targetGroups.map(({ weight }) => weight);
    });

  it("previews without making anything, makes all, and finds nothing to change then", async () => {
    await must("preview");
    assert.deepEqual(
      account.change((rows) => rows.all()),
      [],
    );
    await up();
    await up("--expect-no-changes");
    const outputs = JSON.parse(await must("stack", "output", "--json")) as Record<string, string>;
    assert.equal(outputs["address"], "127.0.0.1");
    assert.match(outputs["url"] ?? "", /^http:\/\/balancer-\d+\.eu-west-1\.elb\.amazonaws\.com$/);
    assert.doesNotMatch(await must("stack", "export"), /hidden-password/);
  });

  it("has no drift in a refresh, sees what was changed behind the program, and puts it right", async () => {
    await must("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    account.change((rows) => {
      const row = listener(rows);
      const moved = JSON.stringify(row.outs["defaultActions"]).replace('"weight":100', '"weight":60');
      rows.put({ ...row, outs: { ...row.outs, defaultActions: JSON.parse(moved) as unknown } });
    });
    assert.match(await must("preview", "--refresh", "--diff"), /weight\s*: 60 => 100/);
    await up("--refresh");
    assert.deepEqual(weights(), [100, 0]);
  });

  it("changes weights in place; fails as a whole when a call does, and the next up goes on from there", async () => {
    write(25, true);
    account.inject({ of: listenerToken, on: "update", code: "ServiceUnavailable" });
    const { code, output } = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /ModifyListener, .*ServiceUnavailable/);
    assert.deepEqual(weights(), [100, 0]);
    await up();
    assert.deepEqual(weights(), [75, 25]);
  });

  it("replaces a target group for another port, which AWS refuses while it is in use", async () => {
    const other = program(25, true).replace("port: 8080", "port: 9090");
    writeFileSync(join(folder, "program", "main.cjs"), other);
    const { code, output } = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /DeleteTargetGroup, .*ResourceInUse/);
    write(25, true);
    await up("--expect-no-changes");
  });

  it("keeps a protected database from a destroy, and takes a last snapshot of one that may go", async () => {
    const { code, output } = await pulumi("destroy", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /DeleteDBInstance, .*InvalidParameterCombination: Cannot delete protected DB Instance/);
    write(25, false);
    await up();
    await must("destroy", "--yes", "--skip-preview");
    assert.deepEqual(
      account.change((rows) => rows.all().map(({ token, id }) => `${token} ${id}`)),
      ["aws:rds/snapshot:Snapshot final"],
    );
  });
});
