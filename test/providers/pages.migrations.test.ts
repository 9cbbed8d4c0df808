import assert from "node:assert/strict";
import type { Client } from "pg";
import { featuresOf } from "../../examples/pages/features";
import * as pages from "../../examples/pages/queries/pages";
import { createPagesDatabase, migrationFiles, runSection, type PagesDatabase } from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";

/** Everything in public that migrations make, as PostgreSQL itself writes it, with owners and whether indexes are valid. */
async function catalogue(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    WITH ours AS (
      SELECT c.oid, c.relname, c.relkind, c.relowner::regrole AS owner FROM pg_class AS c
      WHERE c.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
    )
    SELECT format('%s %s of %s', relkind, relname, owner) AS line FROM ours
    UNION ALL
    SELECT format('column %s.%s %s default %s not null %s', relname, attname, format_type(atttypid, atttypmod),
        pg_get_expr(adbin, adrelid), attnotnull)
      FROM ours JOIN pg_attribute ON attrelid = oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('constraint %s.%s %s', relname, conname, pg_get_constraintdef(pg_constraint.oid))
      FROM ours JOIN pg_constraint ON conrelid = ours.oid
    UNION ALL
    SELECT format('%s valid %s', pg_get_indexdef(indexrelid), indisvalid) FROM ours JOIN pg_index ON indrelid = oid
    ORDER BY line`);
  return rows.map(({ line }) => line);
}

/** Equal exactly when all rows of the three tables are. */
async function fingerprint(client: Client): Promise<unknown> {
  const { rows } = await client.query(
    ["pages", "page_revisions", "page_plugins"]
      .map(
        (table) =>
          `SELECT '${table}' AS name, count(*)::int, md5(string_agg(t::text, '' ORDER BY t::text)) FROM ${table} AS t`,
      )
      .join(" UNION ALL ") + " ORDER BY name",
  );
  return rows;
}

for (const major of [15, 18] as const)
  describe(`migrations of the example service on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let database: PagesDatabase;
    before(async () => {
      postgres = await startPostgres(major);
      database = await createPagesDatabase(postgres, "");
    });
    after(() => postgres.stop());

    it("are all of a known phase, have both ways, and number on without a gap", () => {
      migrationFiles.forEach(({ version, phase, up, down }, index) => {
        assert.equal(version, String(index + 1).padStart(4, "0"));
        assert.match(phase, /^(expand|contract)$/);
        assert.match(up.sql, /;\s*$/);
        assert.match(down.sql, /;\s*$/);
      });
      assert.ok(migrationFiles.length >= 7);
    });

    for (const { version, name, up, down } of migrationFiles)
      it(`${version}_${name} taken back leaves what was there before it, and done again what it left`, async () => {
        const { owner } = database;
        const before = await catalogue(owner);
        await runSection(owner, up);
        const done = await catalogue(owner);
        await runSection(owner, down);
        assert.deepEqual(await catalogue(owner), before);
        await runSection(owner, up);
        assert.deepEqual(await catalogue(owner), done);
        assert.ok(done.every((line) => !line.includes("valid f")));
      });

    it("leave objects of the owner role only, and no extension or grant of their own", async () => {
      const lines = (await catalogue(database.owner)).filter((line) => line.includes(" of "));
      assert.ok(lines.length > 3);
      for (const line of lines) assert.match(line, new RegExp(` of ${database.name}_owner$`));
      for (const { up, down } of migrationFiles)
        assert.doesNotMatch(up.sql + down.sql, /\b(GRANT|REVOKE|OWNER|EXTENSION)\b/i);
    });

    it("seed the same rows in every database, whatever its time zone", async () => {
      const other = await createPagesDatabase(postgres, "");
      await other.owner.query("SET timezone TO 'Asia/Kathmandu'");
      await other.migrate("0007");
      await other.owner.query("SET timezone TO 'UTC'");
      const rows = (await fingerprint(other.owner)) as { name: string; count: number }[];
      assert.deepEqual(await fingerprint(database.owner), rows);
      assert.deepEqual(
        rows.map(({ name, count }) => [name, count]),
        [["page_plugins", 6000], ["page_revisions", 9000], ["pages", 3000]], // prettier-ignore
      );
    });

    it("seed a current version for every page that is like its last revision", async () => {
      const { rows } = await database.owner.query(`
        SELECT count(*)::int AS count FROM pages
        JOIN page_revisions AS last ON last.page_id = pages.id AND last.version = pages.version
          AND last.title = pages.title AND last.content = pages.content AND last.status = pages.status
        WHERE pages.version = (SELECT max(version) FROM page_revisions WHERE page_id = pages.id)`);
      assert.deepEqual(rows, [{ count: 3000 }]);
    });

    it("take back seed rows only: pages that people made stay", async () => {
      const { owner } = database;
      const seed = migrationFiles.find(({ name }) => name === "seed");
      assert.ok(seed);
      await owner.query(pages.insertPage(featuresOf("0006"), { slug: "by-hand", title: "By hand" }));
      await runSection(owner, seed.down);
      const left = await owner.query<{ slug: string }>("SELECT slug FROM pages");
      await runSection(owner, seed.up);
      await owner.query("DELETE FROM pages WHERE slug = 'by-hand'");
      assert.deepEqual(left.rows, [{ slug: "by-hand" }]);
    });

    it("give search and lists an index that the planner uses", async () => {
      const { owner } = await createPagesDatabase(postgres, "0007");
      const plan = async ({ text, values }: ReturnType<typeof pages.searchPages>) => {
        const { rows } = await owner.query<Record<"QUERY PLAN", string>>(`EXPLAIN ${text}`, values);
        return rows.map((row) => row["QUERY PLAN"]).join("\n");
      };
      for (const text of ["harbour", "quiet harbour", "lighthose"])
        assert.match(await plan(pages.searchPages(text, 20)), /Bitmap Index Scan on pages_title_trgm/);
      const features = featuresOf("0007");
      const place = { createdAt: "2025-01-02T00:00:00.000Z", id: "00000000-0000-0000-0000-000000000000" };
      for (const after of [undefined, place])
        assert.match(
          await plan(pages.listPages(features, 20, undefined, after)),
          /Index Scan Backward using pages_created_at_id/,
        );
    });

    it("keep summaries of at most 500 characters, checked on every row", async () => {
      const { owner } = database;
      const write = (length: number) =>
        owner.query("UPDATE pages SET summary = repeat('x', $1) WHERE slug = 'sample-page-1'", [length]);
      await assert.rejects(write(501), { code: "23514", constraint: "pages_summary_check" });
      await write(500);
      const { rows } = await owner.query(
        "SELECT convalidated FROM pg_constraint WHERE conname = 'pages_summary_check'",
      );
      assert.deepEqual(rows, [{ convalidated: true }]);
    });
  });
