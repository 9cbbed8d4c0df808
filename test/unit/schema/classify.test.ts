import assert from "node:assert/strict";
import { LOCK_MODES } from "../../../infra/schema";
import { migrationOf } from "./build";

/**
 * Kind, locks and, where they are not "any" and "catalogue", where it may run and how its completion is seen.
 * The modes are those of https://www.postgresql.org/docs/18/explicit-locking.html and each command's own page.
 */
const KINDS: readonly (readonly [sql: string, kind: string, locks: string, traits?: string])[] = [
  ["SELECT * FROM a JOIN b USING (id)", "SELECT", "a: ACCESS SHARE, b: ACCESS SHARE", "any unseen"],
  ["SELECT * FROM a FOR UPDATE", "SELECT", "a: ROW SHARE", "any unseen"],
  ["WITH c AS (SELECT 1) SELECT * FROM c, a", "SELECT", "a: ACCESS SHARE", "any unseen"],
  ["INSERT INTO a SELECT * FROM b", "INSERT", "a: ROW EXCLUSIVE, b: ACCESS SHARE", "any unseen"],
  ["UPDATE a SET x = b.x FROM b WHERE a.id = b.id", "UPDATE", "a: ROW EXCLUSIVE, b: ACCESS SHARE", "any unseen"],
  ["DELETE FROM a", "DELETE", "a: ROW EXCLUSIVE", "any unseen"],
  ["TRUNCATE a, b", "TRUNCATE", "a: ACCESS EXCLUSIVE, b: ACCESS EXCLUSIVE", "any unseen"],
  ["CREATE TABLE a (id int)", "CREATE TABLE", ""],
  [
    "CREATE TABLE a (b int REFERENCES b, FOREIGN KEY (b) REFERENCES public.c)",
    "CREATE TABLE",
    "b: SHARE ROW EXCLUSIVE, c: SHARE ROW EXCLUSIVE",
  ],
  ["CREATE TABLE a PARTITION OF b FOR VALUES IN (1)", "CREATE TABLE PARTITION OF", "b: ACCESS EXCLUSIVE"],
  ["CREATE TABLE a AS SELECT * FROM b", "CREATE TABLE AS", "b: ACCESS SHARE"],
  ["CREATE MATERIALIZED VIEW a AS SELECT * FROM b", "CREATE MATERIALIZED VIEW", "b: ACCESS SHARE"],
  ["CREATE INDEX i ON a (x)", "CREATE INDEX", "a: SHARE"],
  [
    "CREATE UNIQUE INDEX CONCURRENTLY i ON s.a (x)",
    "CREATE UNIQUE INDEX CONCURRENTLY",
    "s.a: SHARE UPDATE EXCLUSIVE",
    "outside catalogue",
  ],
  ["CREATE INDEX ON a (x)", "CREATE INDEX", "a: SHARE", "any unseen"],
  ["DROP INDEX i", "DROP INDEX", "index i: ACCESS EXCLUSIVE"],
  ["DROP INDEX CONCURRENTLY i", "DROP INDEX CONCURRENTLY", "index i: SHARE UPDATE EXCLUSIVE", "outside catalogue"],
  ["REINDEX TABLE a", "REINDEX", "a: SHARE, indexes of a: ACCESS EXCLUSIVE", "any repeatable"],
  [
    "REINDEX TABLE CONCURRENTLY a",
    "REINDEX CONCURRENTLY",
    "a: SHARE UPDATE EXCLUSIVE, indexes of a: SHARE UPDATE EXCLUSIVE",
    "outside repeatable",
  ],
  ["ALTER TABLE a ADD x int, DROP y", "ALTER TABLE ADD COLUMN, DROP COLUMN", "a: ACCESS EXCLUSIVE"],
  ["ALTER TABLE a ADD x int REFERENCES b", "ALTER TABLE ADD COLUMN", "a: ACCESS EXCLUSIVE, b: SHARE ROW EXCLUSIVE"],
  [
    "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b NOT VALID",
    "ALTER TABLE ADD FOREIGN KEY",
    "a: SHARE ROW EXCLUSIVE, b: SHARE ROW EXCLUSIVE",
  ],
  ["ALTER TABLE a ADD CHECK (x > 0)", "ALTER TABLE ADD CONSTRAINT", "a: ACCESS EXCLUSIVE", "any unseen"],
  ["ALTER TABLE a VALIDATE CONSTRAINT c", "ALTER TABLE VALIDATE CONSTRAINT", "a: SHARE UPDATE EXCLUSIVE"],
  ["ALTER TABLE a ALTER x SET NOT NULL", "ALTER TABLE ALTER COLUMN SET NOT NULL", "a: ACCESS EXCLUSIVE"],
  ["ALTER TABLE a ALTER x TYPE int", "ALTER TABLE ALTER COLUMN TYPE", "a: ACCESS EXCLUSIVE"],
  ["ALTER TABLE a SET (fillfactor = 80)", "ALTER TABLE SET", "a: SHARE UPDATE EXCLUSIVE"],
  ["ALTER TABLE a DISABLE TRIGGER t", "ALTER TABLE DISABLE TRIGGER", "a: SHARE ROW EXCLUSIVE"],
  ["ALTER TABLE a DETACH PARTITION b", "ALTER TABLE DETACH PARTITION", "a: ACCESS EXCLUSIVE, b: ACCESS EXCLUSIVE"],
  [
    "ALTER TABLE a DETACH PARTITION b CONCURRENTLY",
    "ALTER TABLE DETACH PARTITION",
    "a: SHARE UPDATE EXCLUSIVE, b: SHARE UPDATE EXCLUSIVE",
    "outside catalogue",
  ],
  [
    "ALTER TABLE a ATTACH PARTITION b DEFAULT",
    "ALTER TABLE ATTACH PARTITION",
    "a: SHARE UPDATE EXCLUSIVE, b: ACCESS EXCLUSIVE",
  ],
  ["ALTER TABLE a RENAME TO b", "ALTER TABLE RENAME", "a: ACCESS EXCLUSIVE"],
  ["ALTER TABLE a RENAME x TO y", "ALTER TABLE RENAME COLUMN", "a: ACCESS EXCLUSIVE"],
  ["ALTER INDEX i RENAME TO j", "ALTER INDEX RENAME", "index i: SHARE UPDATE EXCLUSIVE"],
  ["DROP TABLE a, s.b", "DROP TABLE", "a: ACCESS EXCLUSIVE, s.b: ACCESS EXCLUSIVE"],
  ["DROP TRIGGER t ON a", "DROP TRIGGER", "a: ACCESS EXCLUSIVE"],
  ["CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()", "CREATE TRIGGER", "a: SHARE ROW EXCLUSIVE"],
  ["CREATE POLICY p ON a USING (true)", "CREATE POLICY", "a: ACCESS EXCLUSIVE"],
  ["CREATE STATISTICS s ON x, y FROM a", "CREATE STATISTICS", "a: SHARE UPDATE EXCLUSIVE"],
  ["CREATE OR REPLACE VIEW v AS SELECT * FROM a", "CREATE OR REPLACE VIEW", "a: ACCESS SHARE, v: ACCESS EXCLUSIVE"],
  ["COMMENT ON COLUMN a.x IS 'x'", "COMMENT ON", "a: SHARE UPDATE EXCLUSIVE", "any repeatable"],
  ["ALTER TABLE a INHERIT b", "ALTER TABLE ADD INHERIT", "a: ACCESS EXCLUSIVE, b: SHARE UPDATE EXCLUSIVE"],
  ["SELECT * INTO n FROM a", "SELECT INTO", "a: ACCESS SHARE"],
  ["COMMENT ON TABLE a IS 'x'", "COMMENT ON", "a: SHARE UPDATE EXCLUSIVE", "any repeatable"],
  ["LOCK TABLE a IN EXCLUSIVE MODE", "LOCK TABLE", "a: EXCLUSIVE", "any unseen"],
  [
    "REFRESH MATERIALIZED VIEW CONCURRENTLY a",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY",
    "a: EXCLUSIVE",
    "any repeatable",
  ],
  ["REFRESH MATERIALIZED VIEW a", "REFRESH MATERIALIZED VIEW", "a: ACCESS EXCLUSIVE", "any repeatable"],
  ["VACUUM a", "VACUUM", "a: SHARE UPDATE EXCLUSIVE", "outside repeatable"],
  ["VACUUM FULL a", "VACUUM FULL", "a: ACCESS EXCLUSIVE", "outside repeatable"],
  ["ANALYZE a", "ANALYZE", "a: SHARE UPDATE EXCLUSIVE", "any repeatable"],
  ["ALTER TYPE mood ADD VALUE 'x'", "ALTER TYPE ADD VALUE", ""],
  ["CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE OR REPLACE FUNCTION", ""],
  ["CREATE TEMP SEQUENCE s", "CREATE SEQUENCE", ""],
  ["DO $$ BEGIN END $$", "DO", "", "any unseen"],
];

describe("schema: what a statement is and locks", () => {
  for (const [sql, kind, locks, traits = "any catalogue"] of KINDS) {
    it(`${sql}: ${locks === "" ? "no lock" : locks}`, () => {
      const [statement] = migrationOf(`${sql};`).up.statements;
      assert.ok(statement);
      assert.equal(statement.kind, kind);
      assert.deepEqual(
        statement.locks.map(({ table, mode }) => `${table}: ${mode}`).sort(),
        locks === "" ? [] : locks.split(", ").sort(),
      );
      assert.equal(`${statement.transaction} ${statement.completion}`, traits);
      for (const { mode } of statement.locks) assert.ok(LOCK_MODES.includes(mode));
    });
  }

  it("leaves out locks on what the same section has made: nobody else can wait for them", () => {
    const { up } = migrationOf(
      "CREATE TABLE a (id int); CREATE INDEX i ON a (id); ALTER TABLE a ADD b int REFERENCES c;",
    );
    assert.deepEqual(
      up.statements.map(({ locks }) => locks),
      [[], [], [{ table: "c", mode: "SHARE ROW EXCLUSIVE" }]],
    );
  });
});
