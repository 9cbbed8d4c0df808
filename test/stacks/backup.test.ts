import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listBackups } from "../../infra/providers/backup/archive";
import { storeAt } from "../../infra/providers/store/store";
import { Checkout, migrationText } from "../support/commands";
import { connectAsSuperuser, connectBalancer } from "../support/exported";

/** What an operator sees of backups: one stack, and each test goes on from where the one before it left it. */
describe("backups of a stack", function () {
  this.timeout(600_000);
  let clone: Checkout;

  before(async () => {
    clone = new Checkout();
    clone.edit("Pulumi.local.yaml", (text) =>
      text.replace("bake: 5s", "bake: 1s").replace("maxBake: 5s", "maxBake: 1s"),
    );
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
    assert.match(output, /pages holds nothing yet, so there is nothing to back up/);
  });
  after(() => clone.dispose());

  const folder = () => join(clone.folder, ".switchyard/local/store");
  const backups = async () => (await listBackups(storeAt({ kind: "local", folder: folder() }))).backups;
  const liveWeight = async () => (await (await connectBalancer(clone)).state()).production?.weights.green;
  async function recorded(version: string) {
    const client = await connectAsSuperuser(clone);
    try {
      const { rows } = await client.query<{ state: string; backup: string | null }>(
        "SELECT state, backup FROM switchyard.migrations WHERE version = $1",
        [version],
      );
      return rows[0];
    } finally {
      await client.end();
    }
  }

  it("are none before the first migration, one before the next, and none for an up that changes nothing", async () => {
    assert.deepEqual(await backups(), []);
    clone.write("migrations/9001_notes.sql", migrationText("CREATE TABLE notes (id int);", "DROP TABLE notes;"));
    assert.match(await clone.up(), /took the backup \S+ of pages \(\d+ bytes\), verified/);
    const [backup, ...more] = await backups();
    assert.ok(backup?.verification);
    assert.deepEqual(more, []);
    assert.equal(backup.manifest.schemaVersion, "0007");
    assert.deepEqual(await recorded("9001"), { state: "applied", backup: backup.manifest.id });
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
    assert.equal((await backups()).length, 1);
    clone.write("migrations/9002_more.sql", migrationText("CREATE TABLE more (id int);", "DROP TABLE more;"));
    assert.match(await clone.up(), new RegExp(`uses the backup ${backup.manifest.id} of pages`));
    assert.deepEqual(await recorded("9002"), { state: "applied", backup: backup.manifest.id });
  });

  it("can't be taken while the store refuses them: then traffic returns, and the down is left out", async () => {
    await clone.setGreenWeight(100);
    const kept = await backups();
    const blocked = join(folder(), "backups/pages");
    const aside = `${blocked}-aside`;
    renameSync(blocked, aside);
    writeFileSync(blocked, "");
    await clone.must("config", "set", "greenWeight", "0");
    await clone.must("config", "set", "migrateTo", "0007", "--type", "string");
    const { code, output } = await clone.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0, output);
    assert.match(output, /returned from greenWeight 100 to 0/);
    assert.match(
      output,
      /the backup of pages failed at the step "store".*still to run: 9002_more down, 9001_notes down/s,
    );
    assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/);
    assert.equal(await liveWeight(), 0);
    assert.equal((await recorded("9001"))?.state, "applied");
    rmSync(blocked);
    renameSync(aside, blocked);
    assert.match(await clone.up(), /took the backup \S+ of pages \(\d+ bytes\), verified by a drill/);
    assert.equal((await recorded("9001"))?.state, "taken back");
    const [drilled] = (await backups()).slice(kept.length);
    assert.ok(drilled?.verification?.drill, "no drill on record");
  });

  /** `npm run backups -- …`, which has to end with this code. */
  async function command(code: number, ...args: string[]): Promise<string> {
    const ended = await clone.run(["--import", "tsx", "infra/commands/backups/main.ts", ...args]);
    assert.equal(ended.code, code, ended.output);
    assert.doesNotMatch(ended.output, /undefined|\n {4}at /);
    return ended.output;
  }

  it("are taken, read back, drilled and listed by command, and those go that may", async () => {
    await clone.must("config", "set", "--path", "backup.keep.last", "2");
    await clone.must("config", "set", "--path", "backup.keep.days", "0");
    await clone.up();
    const [, id = ""] = /^(\S+) is taken \(\d+ bytes\), read back and decoded/m.exec(await command(0, "take")) ?? [];
    assert.match(await command(0, "verify"), new RegExp(`^${id} is what was written`, "m"));
    assert.match(await command(0, "drill", id), new RegExp(`^${id} restores `, "m"));
    assert.match(await command(0, "take", "--drill"), /deleted the backup .*read back and decoded, and restores/s);
    const kept = (await backups()).map(({ manifest }) => manifest.id);
    assert.deepEqual([kept.length, kept[0]], [2, id]);
    const listed = await command(0, "list");
    for (const each of kept) assert.match(listed, new RegExp(`^${each} +pages `, "m"));
    assert.match(await command(0, "take", "--schema", "public"), /is taken .* and restores/);
    assert.match(await command(0, "list", "--schema", "public"), /^\S+ +pages /m);
  });

  it("are archived with the records, the releases and the config, and nothing secret", async () => {
    await clone.must("config", "set", "--secret", "pagerKey", "not-to-be-seen");
    const [, id = ""] = /^(\S+) holds \d+ objects of stack local/m.exec(await command(0, "archive")) ?? [];
    await clone.must("config", "rm", "pagerKey");
    assert.match(await command(0, "verify", "--archive", id), /is what was archived/);
    const inArchive = (name: string) => readFileSync(join(folder(), "archive", id, name), "utf8");
    assert.match(inArchive("config.json"), /greenWeight/);
    assert.doesNotMatch(inArchive("config.json"), /not-to-be-seen/);
    assert.match(inArchive("release.json"), /"version"/);
    assert.ok(readdirSync(join(folder(), "archive", id, "records")).length > 0);
  });
});
