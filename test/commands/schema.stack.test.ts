import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findHome } from "../../infra/platform/local/postgres/home";
import { Checkout, migrationText } from "../support/commands";
import { eventually } from "../support/pages";

interface Report {
  stack: string;
  database: { answered: boolean; database: string } | null;
  migrations: { version: string; standing: string; why?: string }[];
  pending: { version: string; waits: boolean }[];
  problems: { rule: string }[];
  exitCode: number;
}

/** The engine's passphrase is the clone's own, as for whoever works in it. */
describe("npm run schema -- of a local stack", function () {
  this.timeout(900_000);
  let checkout: Checkout;
  let secrets: string[];

  before(async () => {
    checkout = new Checkout();
    const { code, output } = await checkout.npmStart();
    assert.equal(code, 0, output);
    const state = await checkout.must("stack", "export", "--show-secrets");
    secrets = [...state.matchAll(/"plaintext": "\\"([^\\]{12,})\\""/g)].map(([, secret = ""]) => secret);
    assert.ok(secrets.length > 3, "the state holds passwords");
  });
  after(() => checkout.dispose());

  async function report(...args: string[]): Promise<Report> {
    const { code, value } = await checkout.json(["status", ...args]);
    const found = value as Report;
    assert.equal(found.exitCode, code);
    return found;
  }
  const standing = ({ migrations }: Report, version: string) =>
    migrations.find((one) => one.version === version)?.standing;

  async function quietly(args: string[]): Promise<{ code: number | null; output: string }> {
    const { code, output } = await checkout.schema(args);
    for (const secret of secrets) assert.ok(!output.includes(secret), "no secret is printed");
    assert.doesNotMatch(output, /undefined|\n\s+at /);
    return { code, output };
  }

  it("status finds the database of the selected stack, or of the one that is named", async () => {
    const { code, output } = await quietly(["status"]);
    assert.equal(code, 0, output);
    assert.match(output, /^stack local: pages at 127\.0\.0\.1:\d+ as pages_migrator\n/);
    assert.match(output, /\n0007 {5}page_summary +expand {2}applied .* pages_migrator\n/);
    const named = await report("--stack", "local");
    assert.deepEqual([named.stack, named.database?.answered, named.exitCode], ["local", true, 0]);
    const absent = await quietly(["status", "--stack", "absent"]);
    assert.equal(absent.code, 1);
    assert.match(absent.output, /^pulumi .* failed: no stack named 'absent' found/);
  });

  it("status and rehearse have what is pending, and a contract waits for the release that it breaks", async () => {
    checkout.write(
      "migrations/0800_notes.sql",
      migrationText("CREATE TABLE notes (id bigint PRIMARY KEY);", "DROP TABLE notes;"),
    );
    const { code, output } = await quietly(["rehearse"]);
    assert.equal(code, 0, output);
    assert.match(output, /rehearsing 0800_notes on a copy of the structure: up, down and up\n/);
    assert.match(output, /\nPassed on a copy of the structure: 0800\.\n$/);
    const contract = migrationText(
      "ALTER TABLE pages DROP COLUMN summary;",
      "ALTER TABLE pages ADD COLUMN summary text;",
      "contract",
    );
    checkout.write("migrations/0801_drop_summary.sql", contract);
    const found = await report();
    assert.deepEqual([standing(found, "0800"), standing(found, "0801"), found.exitCode], ["pending", "waiting", 3]);
    assert.match(
      found.migrations.find(({ version }) => version === "0801")?.why ?? "",
      /^blue's release 1\.0\.0 \(count 1\).* can't serve after it; retire blue/,
    );
    assert.deepEqual(
      found.pending.map(({ version, waits }) => [version, waits]),
      [
        ["0800", false],
        ["0801", true],
      ],
    );
  });

  it("rehearse fails with the migration that does, and leaves the database as it is", async () => {
    checkout.write(
      "migrations/0800_notes.sql",
      migrationText(
        "CREATE TABLE notes (id bigint PRIMARY KEY);\nINSERT INTO notes VALUES (1), (1);",
        "DROP TABLE notes;",
      ),
    );
    const { code, output } = await quietly(["rehearse"]);
    assert.equal(code, 1, output);
    assert.match(output, /migrations\/0800_notes\.sql fails its rehearsal on a copy of the structure/);
    assert.equal(standing(await report(), "0800"), "pending");
    const absent = await quietly(["rehearse", "--from", "absent.dump"]);
    assert.match(absent.output, /^--from names .*absent\.dump, which does not exist/);
    assert.equal(absent.code, 1);
  });

  it("accept takes an edited file into the stack's config, with its reason, once", async () => {
    for (const file of ["0800_notes.sql", "0801_drop_summary.sql"]) checkout.unlink(`migrations/${file}`);
    const nothing = await quietly(["accept", "0003", "--reason", "nothing was done to it"]);
    assert.equal(nothing.code, 1);
    assert.match(
      nothing.output,
      /^0003_page_plugins is as it was applied \([0-9a-f]{12}…\): there is nothing to accept\n$/,
    );
    checkout.edit("migrations/0003_page_plugins.sql", (text) => text.replace("Safe beside", "It is safe beside"));
    const edited = await report();
    assert.deepEqual([standing(edited, "0003"), edited.exitCode], ["edited", 1]);

    const vague = await quietly(["accept", "0003", "--reason", "-"]);
    assert.match(vague.output, /^the reason "-" says nothing/);
    const { code, output } = await quietly(["accept", "3", "--reason", 'only a "comment" was $reworded']);
    assert.equal(code, 0, output);
    assert.match(
      output,
      /^0003_page_plugins: its file was [0-9a-f]{12}… when it was applied, and is [0-9a-f]{12}… now\.\n/,
    );
    assert.match(
      output,
      /\nNext: git commit -m "Accept 0003: only a \\"comment\\" was \\\$reworded" Pulumi\.local\.yaml\n {6}npx pulumi up --stack local\n/,
    );
    const config = readFileSync(join(checkout.folder, "Pulumi.local.yaml"), "utf8");
    assert.match(config, /\n {2}switchyard:acceptEdited:\n {4}- "0003" # only a "comment" was \$reworded\n/);
    const accepted = await report();
    assert.deepEqual([standing(accepted, "0003"), accepted.problems, accepted.exitCode], ["edited", [], 0]);

    const again = await quietly(["accept", "0003", "--reason", "said once more"]);
    assert.equal(again.code, 0);
    assert.match(
      again.output,
      /\nIt is accepted in Pulumi\.local\.yaml already \(acceptEdited\); nothing was changed\.\n/,
    );
    assert.equal(readFileSync(join(checkout.folder, "Pulumi.local.yaml"), "utf8"), config);
  });

  it("accept takes a deleted file too, and refuses what is not applied", async () => {
    checkout.unlink("migrations/0002_page_revisions.sql");
    const { code, output } = await quietly(["accept", "0002", "--reason", "it was merged into another file"]);
    assert.equal(code, 0, output);
    assert.match(output, /^0002_page_revisions: its file is gone; it was /);
    const config = readFileSync(join(checkout.folder, "Pulumi.local.yaml"), "utf8");
    assert.match(config, /- "0003" # only.*\n {4}- "0002" # it was merged into another file\n/);
    for (const version of ["0999", "latest", "-1"]) {
      const refused = await quietly(["accept", "--reason", "there is none of it", "--", version]);
      assert.equal(refused.code, 1);
      assert.match(
        refused.output,
        /is not the version of a migration that stack local has applied \(applied are 0001 to 0007\)/,
      );
    }
  });

  it("status says what state knows when the database is down, with code 1", async () => {
    const { database } = await report();
    assert.equal(database?.answered, true);
    const { data } = findHome(join(checkout.folder, ".switchyard/local"), 15);
    const [pid = ""] = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    process.kill(Number(pid), "SIGQUIT");
    await eventually("the server is gone", () => !existsSync(join(data, "postmaster.pid")));
    const { code, output } = await quietly(["status"]);
    assert.equal(code, 1, output);
    assert.match(
      output,
      /\nThe database can't be asked: can't connect as pages_migrator .*\nThis is what the state of the last npx pulumi up says; it may be out of date\.\n/,
    );
    assert.match(output, /\n0007 {5}page_summary +expand {2}applied/);
    assert.match(
      output,
      /\nNext: start the database \(npx pulumi up --stack local does, where it is the stack's own\), then ask again\.\n$/,
    );
  });
});
