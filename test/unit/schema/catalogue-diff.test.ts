import assert from "node:assert/strict";
import { compareCatalogues, formatDifferences, type Catalogue } from "../../../infra/schema/catalogue-diff";

const pages: Catalogue = {
  "column pages.id": { of: "table pages", facts: { type: "uuid", "not null": "yes" } },
  "column pages.title": { of: "table pages", facts: { type: "text", default: "'x'::text" } },
  "constraint pages.pages_pkey": { of: "table pages", facts: { definition: "PRIMARY KEY (id)" } },
  "index pages_pkey": { of: "constraint pages.pages_pkey", facts: { definition: "CREATE UNIQUE INDEX …" } },
  "table pages": { facts: { owner: "pages_owner", grants: "pages_owner: SELECT", persistence: "unlogged" } },
};
const without = (...keys: string[]): Catalogue =>
  Object.fromEntries(Object.entries(pages).filter(([key]) => !keys.includes(key)));
const lines = (before: Catalogue, after: Catalogue) => formatDifferences(compareCatalogues(before, after));

describe("two catalogues", () => {
  it("that are alike have no difference", () => assert.deepEqual(compareCatalogues(pages, { ...pages }), []));

  it("differ by a table alone where its columns, constraints and their indexes come with it", () => {
    assert.deepEqual(lines({}, pages), ["table pages: only after, with 4 parts of it: persistence unlogged"]);
    assert.deepEqual(lines(pages, {}), ["table pages: only before, with 4 parts of it: persistence unlogged"]);
  });

  it("differ by what is on one side only, with its definition", () => {
    assert.deepEqual(lines(pages, without("index pages_pkey")), [
      "index pages_pkey: only before: CREATE UNIQUE INDEX …",
    ]);
    assert.deepEqual(lines(without("column pages.title"), pages), [
      "column pages.title: only after: text, default 'x'::text",
    ]);
  });

  it("differ by each fact, in the words of the sides", () => {
    const changed = {
      ...pages,
      "column pages.title": { of: "table pages", facts: { type: "varchar", collation: "C" } },
    };
    const sides = { before: "in the database", after: "in the files" };
    assert.deepEqual(formatDifferences(compareCatalogues(pages, changed), sides), [
      "column pages.title: collation: none in the database, C in the files",
      "column pages.title: default: 'x'::text in the database, none in the files",
      "column pages.title: type: text in the database, varchar in the files",
    ]);
  });

  it("differ in the first line that does, where a definition has several", () => {
    const body = (...rows: string[]): Catalogue => ({ "function f()": { facts: { definition: rows.join("\n") } } });
    assert.deepEqual(lines(body("a", "b", "c"), body("a", "x", "c")), [
      "function f(): definition, line 2: b before, x after",
    ]);
    assert.deepEqual(lines(body("a"), body("a", "b")), ["function f(): definition, line 2: none before, b after"]);
  });

  it("tell of no more than was asked for, and how many are left out", () => {
    const many = Object.fromEntries(
      Array.from({ length: 5 }, (_, n): [string, Catalogue[string]] => [`table t${n}`, { facts: { kind: "x" } }]),
    );
    const told = formatDifferences(compareCatalogues({}, many), { before: "before", after: "after" }, 2);
    assert.deepEqual(told, ["table t0: only after: kind x", "table t1: only after: kind x", "and 3 more"]);
  });

  it("keep an object apart whose name is one of JavaScript's own", () => {
    const odd: Catalogue = JSON.parse('{"__proto__": {"facts": {"kind": "x"}}}') as Catalogue;
    assert.deepEqual(lines({}, odd), ["__proto__: only after: kind x"]);
  });
});
