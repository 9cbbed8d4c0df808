import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loginKinds } from "../../infra/database/names";
import { text } from "../plugins/aws/values";
import { AwsStack } from "../support/aws-stack";
import { passwordsIn, type Exported } from "../support/exported";
import { startServer, stopServer } from "../support/pages.faults";

/**
 * RDS gives its master user another password every week. One stack for all: each test begins where the one before it left
 * the account.
 */
describe("staging on the stand-in for AWS, when RDS changes the master user's password", function () {
  this.timeout(600_000);
  let aws: AwsStack;
  /** Every password that the master user ever had. */
  const passwords: string[] = [];

  before(async () => {
    aws = await AwsStack.start();
    // With what a stack has only where somebody is named for it: the digest.
    await aws.init("staging", { "notify.low.email[0]": "team@example.com" });
    passwords.push(aws.postgres.administrator.password);
    await aws.must("staging", "up", "--yes", "--skip-preview");
    // The first one learns what AWS added to a resource once others came to it.
    await aws.must("staging", "refresh", "--yes", "--skip-preview");
  });
  after(() => (aws as AwsStack | undefined)?.stop());

  async function rotate(): Promise<void> {
    await aws.rotate();
    passwords.push(aws.postgres.administrator.password);
  }

  it("previews, refreshes and brings up without a change", async () => {
    await rotate();
    const { user } = aws.postgres.administrator;
    await assert.rejects(aws.postgres.connect({ user, password: passwords[0] ?? "" }), /authentication failed/);
    await aws.must("staging", "preview", "--expect-no-changes");
    await aws.must("staging", "refresh", "--yes", "--skip-preview", "--expect-no-changes");
    await aws.must("staging", "up", "--yes", "--skip-preview", "--expect-no-changes");
  });

  it("changes roles afterwards, as the administrator, and nothing because of the password", async () => {
    await rotate();
    await aws.set("staging", "database.colourConnectionLimit", "101");
    const output = await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.match(output, /postgresql:index:Role access-blue updated/);
    assert.doesNotMatch(output, /pulumi:providers:|RdsAdministrator/);
    const { rows } = await aws.postgres.asSuperuser((client) =>
      client.query("SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = 'pages_app_blue'"),
    );
    assert.deepEqual(rows, [{ limit: 101 }]);
  });

  it("gives the administrator its password back where it has another one, with the master user's of now", async () => {
    await rotate();
    await aws.postgres.asSuperuser((client) =>
      client.query("ALTER ROLE switchyard_administrator PASSWORD 'of somebody else'"),
    );
    const output = await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.match(output, /RdsAdministrator administrator updated/);
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("keeps no password in plain in state, in what it says, or in the account beside Secrets Manager", async () => {
    const uncovered = await aws.must("staging", "stack", "export", "--show-secrets");
    const ofState = passwordsIn(JSON.parse(uncovered.slice(uncovered.indexOf("{"))) as Exported);
    // An instance of EC2 without Windows has an empty one, which every text includes.
    const all = [...new Set([...passwords, ...ofState])].filter((password) => password !== "");
    assert.ok(all.length > passwords.length + loginKinds.length, `${all.length} passwords`);
    const places = {
      state: await aws.must("staging", "stack", "export"),
      output: await aws.must("staging", "up", "--yes", "--skip-preview", "--show-config", "--show-sames", "--diff"),
      account: aws.account.change((rows) =>
        rows
          .all()
          .filter(({ token }) => token !== "aws:secretsmanager/secretVersion:SecretVersion")
          .map(({ outs }) => JSON.stringify(outs) + Buffer.from(text(outs, "content"), "base64").toString())
          .join("\n"),
      ),
    };
    assert.match(places.account, /"valueFrom\\*":/, "task definitions are looked through");
    for (const [place, held] of Object.entries(places))
      for (const password of all) assert.ok(!held.includes(password), `a password is in plain in ${place}`);
  });

  it("returns traffic while neither the password nor the database can be had", async () => {
    aws.moveWeights(100);
    await aws.set("staging", "greenWeight", "100");
    await aws.must("staging", "up", "--yes", "--skip-preview");
    await rotate();
    aws.account.inject({
      ...{ of: "aws:secretsmanager/getSecretVersion:getSecretVersion", on: "invoke" },
      ...{ code: "AccessDenied", times: null },
    });
    await stopServer(aws.postgres);
    await aws.set("staging", "greenWeight", "0");
    const { code, output } = await aws.up();
    assert.notEqual(code, 0);
    assert.match(output, /returned from greenWeight 100 to 0/);
    assert.match(output, /GetSecretValue, .*AccessDenied/s);
    assert.equal(aws.greenWeight(), 0);
    assert.deepEqual(aws.account.clearFaults(), []);
    await startServer(aws.postgres);
  });

  // The last one: two stacks share this server from here on, and the roles have the passwords of the newer one.
  it("is what another stack is made from, with its rows and without its passwords", async () => {
    await aws.postgres.asSuperuser((client) => client.query("UPDATE pages SET title = 'somebody real'"), "pages");
    const [id, dbInstanceIdentifier] = ["rds:switchyard-staging-2026-01-31", "switchyard-staging"];
    const dbSnapshotArn = `arn:aws:rds:eu-west-1:123456789012:snapshot:${id}`;
    aws.account.change((rows) =>
      rows.put({
        ...{ token: "aws:rds/snapshot:Snapshot", id },
        // More than staging's own storage: production's is, and grows by itself.
        outs: { dbSnapshotIdentifier: id, dbInstanceIdentifier, dbSnapshotArn, allocatedStorage: 200 },
      }),
    );
    // What the new instance's PostgreSQL is made from: all that the old one held, roles too.
    const { port, administrator } = aws.postgres;
    aws.account.setOption("rds", { host: "127.0.0.1", port, password: administrator.password });
    const file = (name: string) => join(aws.clone.folder, name);
    copyFileSync(file("Pulumi.staging.yaml"), file("Pulumi.seeded.yaml"));
    writeFileSync(file("mask.sql"), "UPDATE pages SET title = 'nobody'");
    await aws.must("seeded", "stack", "init");
    await aws.set("seeded", "rds.seedFrom", `latest:${dbInstanceIdentifier}`);
    await aws.set("seeded", "rds.mask", "mask.sql");
    const output = await aws.must("seeded", "up", "--yes", "--skip-preview");
    assert.match(output, /took up pages from the snapshot, masked by mask\.sql/);
    const sizes = aws.account.change((all) =>
      all.all("aws:rds/instance:Instance").map(({ outs }) => outs["allocatedStorage"]),
    );
    assert.deepEqual(sizes.sort(), [100, 200]);
    const { rows } = await aws.postgres.asSuperuser(
      (client) => client.query("SELECT DISTINCT title FROM pages"),
      "pages",
    );
    assert.deepEqual(rows, [{ title: "nobody" }]);
    await aws.must("seeded", "preview", "--expect-no-changes");
    await aws.must("seeded", "config", "rm", "--path", "rds.seedFrom");
    const after = await aws.must("seeded", "up", "--yes", "--skip-preview");
    assert.match(after, /aws:rds:SnapshotCopy database-seed deleted/);
    assert.doesNotMatch(after, /aws:rds:Instance database (replaced|deleted|created)/);
  });
});
