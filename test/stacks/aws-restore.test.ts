import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { momentDigits, utcOf, type Moment } from "../../infra/config/moment";
import { AwsLive } from "../support/aws-live";
import type { AwsStack } from "../support/aws-stack";
import { migrationText } from "../support/commands";
import { passwordsIn, type Exported } from "../support/exported";
import { copyPostgres, type PostgresCopy } from "../support/postgres-copy";
import type { TestPostgres } from "../support/postgres";
import type { Ended } from "../support/stack";

const instanceToken = "aws:rds/instance:Instance";
const minuteMs = 60_000;

/** As somebody writes it who is one hour before UTC. */
const momentAt = (time: number): Moment =>
  `${new Date(time + 60 * minuteMs).toISOString().slice(0, 19)}+01:00` as Moment;

/** One stack, with copies that serve: each test begins where the one before it left the account. */
describe("a restore on the stand-in for AWS", function () {
  this.timeout(600_000);
  let live: AwsLive;
  let aws: AwsStack;
  /** What RDS makes of the moment: a whole server, as it was. */
  let copy: PostgresCopy;
  let own: string;
  const now = Date.now();
  const moment = momentAt(now - 2 * minuteMs);

  type Server = Pick<TestPostgres, "asSuperuser">;
  const ask = <T>(server: Server, sql: string, database = "pages"): Promise<T[]> =>
    server.asSuperuser(async (client) => (await client.query(sql)).rows as T[], database);
  const notes = (server: Server, database?: string) => ask(server, "SELECT id, text FROM notes ORDER BY id", database);
  const instances = (): string[] =>
    aws.account.change((rows) => rows.all(instanceToken).map(({ outs }) => String(outs["identifier"]))).sort();
  const databases = async (): Promise<string[]> =>
    (await ask<{ name: string }>(aws.postgres, "SELECT datname AS name FROM pg_database WHERE datname LIKE 'pages%' ORDER BY 1")).map(({ name }) => name); // prettier-ignore

  /** What a client of the service sees, over the production listener. */
  const url = () => `http://127.0.0.1:${live.balancer.port}/pages`;
  const read = async (slug: string): Promise<number> => (await fetch(`${url()}/by-slug/${slug}`)).status;
  async function write(slug: string): Promise<void> {
    const body = JSON.stringify({ slug, title: slug });
    const answer = await fetch(url(), { method: "POST", headers: { "content-type": "application/json" }, body });
    assert.equal(answer.status, 201, await answer.text());
  }
  /** As `npm run backups -- list --json` says it. */
  async function listed(): Promise<{ backups: { id: string; before: string; schemaVersion: string }[] }> {
    const command = ["--import", "tsx", "infra/commands/backups/main.ts", "list", "--stack", "staging", "--json"];
    const { output } = await aws.clone.run(command, aws.environment);
    return JSON.parse(output) as Awaited<ReturnType<typeof listed>>;
  }

  function failed({ code, output }: Ended, says: RegExp): void {
    assert.notEqual(code, 0, `went through:\n${output}`);
    assert.match(output, says);
    assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/, output);
  }

  before(async () => {
    live = await AwsLive.start({ speed: 1 });
    aws = live.stack;
    await aws.init("staging", { "rehearsal.enabled": "false", watchAfter: "0s" });
    await aws.must("staging", "up", "--yes", "--skip-preview");
    [own = ""] = instances();
    await ask(
      aws.postgres,
      `SET ROLE pages_owner; CREATE TABLE notes (id int PRIMARY KEY, text text);
       INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 500) AS i`,
    );
    copy = await copyPostgres(aws.postgres);
    const { password } = aws.postgres.administrator;
    aws.account.setOption(`rds ${own}-at-${momentDigits(moment)}`, { host: "127.0.0.1", port: copy.port, password });
    aws.account.setOption(`rds window ${own}`, [now - 60 * minuteMs, now - minuteMs]);
    await ask(aws.postgres, "DELETE FROM notes WHERE id > 100; INSERT INTO notes VALUES (1000, 'since')");
    await aws.setAll("staging", { "restore.via.port": String(copy.port), "restore.via.sslmode": "disable" });
  });
  after(async () => {
    await (copy as PostgresCopy | undefined)?.stop();
    await (live as AwsLive | undefined)?.stop();
  });

  it("is refused at preview for a moment to come, and for one that RDS can't go back to", async () => {
    await aws.set("staging", "restore.pointInTime", momentAt(now + 60 * minuteMs));
    failed(await aws.pulumi("staging", "preview"), /restore\.pointInTime is .*in the future/);
    await aws.set("staging", "restore.pointInTime", momentAt(now - 61 * minuteMs));
    failed(await aws.pulumi("staging", "preview"), /RDS can restore switchyard-staging from .*restore\.from/);
    assert.deepEqual(instances(), [own]);
  });

  it("asks of AWS at preview what a pipeline's previewer may ask, and nothing else", async () => {
    const { Statement: statements } = JSON.parse(await aws.must("staging", "stack", "output", "previewerPolicy")) as {
      Statement: { Action: string | string[] }[];
    };
    const may = new Set(statements.flatMap(({ Action }) => Action));
    const before = aws.api.asked.length;
    await aws.set("staging", "restore.pointInTime", moment);
    await aws.must("staging", "preview");
    const asked = new Set(aws.api.asked.slice(before));
    assert.ok(asked.has("rds:DescribeDBInstanceAutomatedBackups"));
    assert.deepEqual([...asked].filter((action) => !may.has(action)), []); // prettier-ignore
  });

  it("asks RDS for no instance where there is no room for what comes back, by the size of what serves", async () => {
    aws.account.setOption(`rds FreeStorageSpace ${own}`, 1_000_000);
    const { rows: [size] } = await aws.postgres.asSuperuser((client) => client.query<{ bytes: string }>("SELECT pg_database_size('pages') AS bytes")); // prettier-ignore
    const refused = await aws.up();
    failed(refused, /1000000 bytes are free on the server, expected \d+ .*estimate.*rds\.storage.*no instance/s);
    const [, expected = ""] = /expected (\d+) /.exec(refused.output) ?? [];
    assert.ok(Math.abs(Number(expected) / Number(size?.bytes) - 1.2) < 0.2, `${expected} for ${size?.bytes ?? ""}`);
    assert.deepEqual([instances(), await databases(), live.stored("backups/")], [[own], ["pages"], []]);
    aws.account.setOption(`rds FreeStorageSpace ${own}`, 10 * 2 ** 30);
  });

  it("brings an instance and a verified backup, and is refused while the loss since is not accepted", async () => {
    const before = await notes(aws.postgres);
    const refused = await aws.up();
    failed(refused, /table public\.notes: 500 in the backup, 101 now/);
    assert.ok(refused.output.includes(`pulumi config set --path restore.acceptLossSince ${moment}`), refused.output);
    assert.match(refused.output, new RegExp(`took the backup \\S+ of pages as it was at ${utcOf(moment)}, verified`));
    assert.deepEqual(await notes(aws.postgres), before);
    const made = `${own}-at-${momentDigits(moment)}`;
    assert.deepEqual(instances(), [own, made]);
    const { outs = {} } = aws.account.change((rows) => rows.all(instanceToken).find(({ outs: each }) => each["identifier"] === made)) ?? {}; // prettier-ignore
    assert.deepEqual([outs["publiclyAccessible"], outs["storageEncrypted"]], [false, true]);
  });

  it("keeps no password in plain in state, where the administrator's is an input of what looks for room and takes the backup", async () => {
    const uncovered = await aws.must("staging", "stack", "export", "--show-secrets");
    const found = passwordsIn(JSON.parse(uncovered.slice(uncovered.indexOf("{"))) as Exported);
    const state = await aws.must("staging", "stack", "export");
    assert.match(state, /:RdsMomentBackup"/);
    for (const password of found.filter((each) => each !== "")) assert.ok(!state.includes(password), "a password is in plain"); // prettier-ignore
  });

  it("makes no second database where CloudWatch says that there is no room for it", async () => {
    await aws.set("staging", "restore.acceptLossSince", moment);
    aws.account.setOption(`rds FreeStorageSpace ${own}`, 1_000_000);
    failed(await aws.up(), /1000000 bytes are free on the server, expected \d+ .*rds\.storage/);
    assert.deepEqual(await databases(), ["pages"]);
    aws.account.setOption(`rds FreeStorageSpace ${own}`, 10 * 2 ** 30);
  });

  it("brings back every row as it was then, once the loss since is accepted, and keeps what it replaces", async () => {
    const { code, output } = await aws.up();
    assert.equal(code, 0, output);
    // What was made before goes on: no second backup of the moment.
    assert.doesNotMatch(output, /as it was at/);
    assert.deepEqual(await notes(aws.postgres), await notes(copy));
    const kept = (await databases()).filter((name) => name.startsWith("pages_kept_"));
    assert.equal(kept.length, 1);
    assert.equal((await notes(aws.postgres, kept[0])).length, 101);
  });

  it("leaves nothing behind but the rows: the instance goes with restore.retire, though it is down, and the section after it", async () => {
    await copy.stop();
    const kept = (await databases()).find((name) => name.startsWith("pages_kept_")) ?? "";
    await aws.set("staging", "restore.retire", kept);
    assert.doesNotMatch(await aws.must("staging", "up", "--yes", "--skip-preview"), /as it was at|into pages_restored/);
    assert.deepEqual(instances(), [own]);
    assert.deepEqual(await databases(), ["pages"]);
    await aws.must("staging", "config", "rm", "restore");
    await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.equal((await notes(aws.postgres)).length, 500);
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("is refused where there is no such backup, to a pipeline's previewer too, who may read none and see which there are", async () => {
    aws.account.inject({ of: "GetObject", on: "api", code: "AccessDenied", times: null });
    await aws.set("staging", "restore.from", "2026-01-31T08-00-00.000Z-1a2b3c4d");
    failed(
      await aws.pulumi("staging", "preview"),
      /there is no backup 2026-01-31T08-00-00\.000Z-1a2b3c4d of pages in s3:/,
    );
    assert.deepEqual(aws.account.clearFaults(), []);
    await aws.must("staging", "config", "rm", "restore");
  });

  it("goes back to the backup that a rollout has taken, and the service answers from what was in it", async () => {
    const file = join(aws.clone.folder, "migrations/0008_notes_kind.sql");
    writeFileSync(
      file,
      migrationText("ALTER TABLE notes ADD COLUMN kind text;", "ALTER TABLE notes DROP COLUMN kind;"),
    );
    await write("before");
    await aws.must("staging", "up", "--yes", "--skip-preview");
    await write("since");
    await ask(aws.postgres, "DELETE FROM notes");
    const { backups } = await listed();
    const of = backups.at(-1);
    assert.deepEqual([of?.before, of?.schemaVersion], ["widen", "0007"]);
    const backup = of?.id ?? "";
    // As it was before the migration: it comes again with the way back.
    await aws.setAll("staging", { "restore.from": backup, "restore.acceptLossSince": backup, migrateTo: "0007" });
    await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.equal((await notes(aws.postgres)).length, 500);
    assert.deepEqual([await read("before"), await read("since")], [200, 404]);
    await aws.must("staging", "preview", "--expect-no-changes");
  });

  it("has what was replaced back once config forgets the backup, and nothing to do after that", async () => {
    for (const key of ["restore", "migrateTo"]) await aws.must("staging", "config", "rm", key);
    await aws.must("staging", "up", "--yes", "--skip-preview");
    assert.deepEqual(await notes(aws.postgres), []);
    assert.deepEqual([await read("before"), await read("since")], [200, 200]);
    await write("afterwards");
    await aws.must("staging", "up", "--yes", "--skip-preview", "--expect-no-changes");
  });
});
