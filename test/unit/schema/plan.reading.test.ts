import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksumOf, readMigrations } from "../../../infra/schema";
import { parseSql } from "../../../infra/schema/parser";
import { find, relationsIn } from "../../../infra/schema/tree";
import { migrationText } from "./build";

describe("schema: reading the same files again in one process", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-migrations-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, up: string) => writeFileSync(join(folder, name), migrationText(up));

  it("gives what it gave, and reads anew what was edited, put back, renamed or added", () => {
    write("0001_a.sql", "CREATE TABLE a (id int);");
    const [first] = readMigrations(folder);
    assert.deepEqual(readMigrations(folder), [first]);
    write("0001_a.sql", "CREATE TABLE b (id int);");
    const [edited] = readMigrations(folder);
    assert.deepEqual(edited?.up.statements[0]?.tables, ["b"]);
    assert.equal(edited.checksum, checksumOf(migrationText("CREATE TABLE b (id int);")));
    write("0001_a.sql", "CREATE TABLE a (id int);");
    assert.deepEqual(readMigrations(folder), [first]);
    write("0002_a.sql", "CREATE TABLE a (id int);");
    assert.deepEqual(
      readMigrations(folder).map(({ version, checksum }) => [version, checksum === first?.checksum]),
      [
        ["0001", true],
        ["0002", true],
      ],
    );
  });

  it("refuses a file that was whole before and is not now, each time it is asked", () => {
    write("0001_a.sql", "CREATE TABLE a (id int);");
    readMigrations(folder);
    write("0001_a.sql", "CREATE TABLE (id int);");
    assert.throws(() => readMigrations(folder), /0001_a\.sql:\d+:\d+: syntax/);
    assert.throws(() => readMigrations(folder), /0001_a\.sql:\d+:\d+: syntax/);
  });

  it("finds the same in a tree whether it is asked for a node or for the node's content, in the order of the text", () => {
    const parsed = parseSql(
      "WITH gone AS (DELETE FROM a WHERE id IN (SELECT id FROM b) RETURNING *), more AS (DELETE FROM c) INSERT INTO d SELECT * FROM gone",
    );
    assert.ok(parsed.ok);
    const [{ stmt } = {}] = parsed.statements;
    assert.ok(stmt !== undefined && "InsertStmt" in stmt);
    const deleted = (tree: unknown) => find(tree, "DeleteStmt").map(({ relation }) => relation?.relname);
    assert.deepEqual(
      [deleted(stmt), deleted(stmt.InsertStmt)],
      [
        ["a", "c"],
        ["a", "c"],
      ],
    );
    assert.deepEqual([find(stmt, "InsertStmt").length, find(stmt.InsertStmt, "InsertStmt").length], [1, 0]);
    assert.deepEqual([...relationsIn(stmt)].sort(), ["a", "b", "c", "d"]);
    assert.deepEqual(relationsIn(stmt), relationsIn(stmt.InsertStmt));
    assert.deepEqual(relationsIn([]), []);
  });
});
