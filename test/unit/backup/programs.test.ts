import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPgDumps, whyNoDump } from "../../../infra/providers/backup/programs";

describe("the search for a pg_dump", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-pg-dump-"));
    const programs = {
      old: "echo 'pg_dump (PostgreSQL) 12.3'",
      fits: "echo 'pg_dump (PostgreSQL) 99.1 (Debian)'",
      broken: "exit 2",
    };
    for (const [name, body] of Object.entries(programs)) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "pg_dump"), `#!/bin/sh\n${body}\n`);
      chmodSync(join(folder, name, "pg_dump"), 0o755);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (...names: string[]) => names.map((name) => join(folder, name)).join(":");

  it("reads versions, and passes over one that doesn't run", async () => {
    const found = await findPgDumps(path("broken", "old", "fits", "missing"));
    assert.deepEqual(
      found.filter((each) => each.path.startsWith(folder)).map(({ major }) => major),
      [12, 99],
    );
  });

  it("is content with one of the server's major or later", async () => {
    assert.equal(await whyNoDump(99, path("old", "fits")), undefined);
  });

  it("names what was found, and the package to install, when none fits", async () => {
    const reason = (await whyNoDump(98, path("old"))) ?? "";
    for (const each of [
      /PostgreSQL 98/,
      /old\/pg_dump of PostgreSQL 12/,
      /apt\.postgresql\.org\.sh -y && apt install postgresql-client-98;/,
    ])
      assert.match(reason, each);
  });
});
