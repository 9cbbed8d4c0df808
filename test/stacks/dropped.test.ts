import assert from "node:assert/strict";
import { join } from "node:path";
import { listBackups } from "../../infra/providers/backup/archive";
import { storeAt } from "../../infra/providers/store/store";
import { connectAsSuperuser } from "../support/exported";
import { RevertingClone } from "../support/reverting";

const pages = "examples/pages/server.ts";
const atFirst = {
  platform: "local",
  greenWeight: "0",
  migrateTo: "0007",
  watchAfter: "0s",
  blue: { version: "1.0.0", schema: "0006", entry: pages, count: 1 },
  local: { deleteDataOnDestroy: true },
};
const note = `-- switchyard: phase=expand
-- migrate:up
ALTER TABLE pages ADD COLUMN note text;
-- migrate:down
ALTER TABLE pages DROP COLUMN note;
`;

/** Somebody was at the wrong prompt. One stack; each test goes on from where the one before left it. */
describe("a stack whose database was dropped", function () {
  this.timeout(600_000);
  let clone: RevertingClone;
  let good: object[];

  const rows = () => clone.asSuperuser("SELECT id, slug, title, note FROM pages ORDER BY id");

  before(async () => {
    clone = new RevertingClone();
    await clone.begin(atFirst);
    clone.commit({ config: { migrateTo: "0008" }, migrations: { "0008_note.sql": note } });
    await clone.up();
    good = await rows();
    assert.ok(good.length > 0);
    const elsewhere = await connectAsSuperuser(clone, "postgres");
    await elsewhere.query("DROP DATABASE pages WITH (FORCE)");
    await elsewhere.end();
  });
  after(() => clone.dispose());

  it("is told so, and what brings it back, by the next `up`", async () => {
    const { code, output } = await clone.tryUp();
    assert.notEqual(code, 0, output);
    assert.match(
      output,
      /database "pages" does not exist\. If somebody has dropped it: set restore\.from to a backup .*pulumi up --refresh/,
    );
  });

  it("gets no empty one in its place: a refresh makes it anew, and no migration runs where nothing is left of those before", async () => {
    const up = ["tools/pulumi.cjs", "up", "--refresh", "--yes", "--skip-preview", "--stack", "local", "--non-interactive"]; // prettier-ignore
    const { code, output } = await clone.run(up);
    assert.notEqual(code, 0, output);
    assert.match(
      output,
      /pages has no history, and 8 migrations \(up to 0008\) were applied to it .*restore\.from <id>.*'acceptLoss\[0\]' 0001/,
    );
    assert.doesNotMatch(output, /0001_pages up: begins/);
  });

  it("is back with all its rows once config names a backup", async () => {
    const { backups } = await listBackups(
      storeAt({ kind: "local", folder: join(clone.folder, ".switchyard/local/store") }),
      "pages",
    );
    clone.commit({ config: { restore: { from: backups.at(-1)?.manifest.id } } });
    await clone.must("preview");
    const output = await clone.up();
    assert.match(output, /pages is restored from/);
    assert.deepEqual(await rows(), good, output);
    await clone.must("preview", "--expect-no-changes");
  });
});
