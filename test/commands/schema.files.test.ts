import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Checkout, migrationText } from "../support/commands";

interface Found {
  file: string;
  line: number;
  column: number;
  rule: string;
  message: string;
  safeWay: string;
}

describe("npm run schema -- new and lint", function () {
  this.timeout(300_000);
  let checkout: Checkout;
  before(() => (checkout = new Checkout()));
  after(() => checkout.remove());

  const path = (file: string) => join(checkout.folder, file);
  const newest = () => readdirSync(path("migrations")).sort().at(-1) ?? "";
  const drop = (file: string) => rmSync(path(file));

  it("lint finds nothing in the example's migrations, and says so", async () => {
    assert.deepEqual(await checkout.schema(["lint"]), { code: 0, signal: null, output: "no problem in migrations/\n" });
    assert.deepEqual(await checkout.json(["lint"]), { code: 0, value: [] });
  });

  it("new writes the next file, which lint refuses until it has statements", async () => {
    const last = newest();
    const { code, output } = await checkout.schema(["new", "add_subtitle"]);
    assert.equal(code, 0, output);
    const file = output.split("\n")[0] ?? "";
    assert.match(file, /^migrations\/\d{4}_add_subtitle\.sql$/);
    assert.ok(newest() > last && file.endsWith(newest()), "it sorts last");
    const linted = await checkout.json(["lint"]);
    assert.equal(linted.code, 1);
    assert.deepEqual(
      (linted.value as Found[]).map(({ rule, file: found }) => `${found} ${rule}`),
      [`${file} empty-up`, `${file} empty-down`],
    );
    drop(file);
  });

  it("new writes both phases and both kinds of section so that they are good once filled in", async () => {
    for (const options of [[], ["--contract"], ["--no-transaction"], ["--contract", "--no-transaction"]]) {
      const { code, value } = await checkout.json(["new", "filled", ...options]);
      assert.equal(code, 0);
      const { file } = value as { file: string };
      const text = readFileSync(path(file), "utf8");
      assert.match(text, options.includes("--contract") ? /phase=contract\n/ : /phase=expand\n/);
      const option = options.includes("--no-transaction") ? " transaction:false" : "";
      const [up, down] = [`-- migrate:up${option}\n`, `-- migrate:down${option}\n`];
      assert.ok(text.includes(up) && text.includes(down), text);
      const filled = text.replace(down, `CREATE TABLE filled (id bigint);\n${down}`);
      checkout.write(file, `${filled}DROP TABLE filled;\n`);
      const { value: found } = await checkout.json(["lint", file]);
      // The down of a contract widens: there, dropping a table is what old code doesn't survive.
      assert.deepEqual(
        (found as Found[]).map(({ rule }) => rule),
        options.includes("--contract") ? ["drop-object"] : [],
      );
      drop(file);
    }
  });

  it("new refuses bad names with a better one, and writes nothing", async () => {
    const files = readdirSync(path("migrations"));
    for (const [name, near] of [
      ["Add Slug", "add_slug"],
      ["0009_add_slug.sql", "add_slug"],
      ["../evil", "evil"],
      ["a/b", "a_b"],
      ["x".repeat(81), "x".repeat(80)],
    ] as const) {
      const { code, output } = await checkout.schema(["new", name]);
      assert.equal(code, 1, name);
      assert.ok(output.includes(`is no name for a migration`) && output.includes(`such as ${near}\n`), output);
      assert.doesNotMatch(output, /\n\s+at /);
    }
    assert.deepEqual(readdirSync(path("migrations")), files);
  });

  it("new never writes over a file, however many ask at once", async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => checkout.json(["new", "same"]).catch(() => null)));
    const made = all.flatMap((one) => (one?.code === 0 ? [(one.value as { file: string }).file] : []));
    assert.ok(made.length > 0 && new Set(made).size === made.length, "each that was told of a file has its own");
    for (const file of made) {
      assert.ok(existsSync(path(file)));
      drop(file);
    }
  });

  it("lint names file, line, caret, rule and the safe way; --json has the same for programs", async () => {
    const file = "migrations/0800_bad.sql";
    checkout.write(file, migrationText("ALTER TABLE pages DROP COLUMN title;", "SELECT 1;"));
    const { code, output } = await checkout.schema(["lint"]);
    assert.equal(code, 1);
    const shown = `${file}:3:31: drop-column: DROP COLUMN title on pages: a release that runs may still read or write it
  3 | ALTER TABLE pages DROP COLUMN title;
    |                               ^
  safe way: stop using it in a release, then drop it in a contract migration

1 problem
`;
    assert.equal(output, shown);
    const { value } = await checkout.json(["lint"]);
    const [found] = value as Found[];
    assert.deepEqual(Object.keys(found ?? {}), ["file", "line", "column", "rule", "message", "safeWay"]);
    assert.deepEqual({ ...found, message: "", safeWay: "" }, { file, line: 3, column: 31, rule: "drop-column", message: "", safeWay: "" }); // prettier-ignore
    assert.equal((await checkout.schema(["lint", "0001_pages.sql"])).code, 0, "only what was asked for");
    assert.equal((await checkout.schema(["lint", file, "migrations/0001_pages.sql"])).code, 1);
    drop(file);
  });

  it("lint refuses what is no file of migrations/", async () => {
    for (const [given, why] of [
      ["migrations/0999_gone.sql", "does not exist"],
      ["README.md", "does not exist"],
      ["../x.sql", "is not in migrations/"],
    ] as const) {
      const { code, output } = await checkout.schema(["lint", given]);
      assert.equal(code, 1);
      assert.ok(output.startsWith(`${given} ${why}; name files of migrations/`), output);
    }
  });

  it("say what is wrong with a command line, and have help with examples and exit codes", async () => {
    assert.match((await checkout.schema([])).output, /^Usage: npm run schema -- \[options\] \[command\]/);
    for (const command of ["status", "new", "lint", "rehearse", "accept"]) {
      const { code, output } = await checkout.schema([command, "--help"]);
      assert.equal(code, 0);
      assert.match(output, /\nExit code: 0 .*\nExamples:\n {2}.*npm run schema -- /s);
    }
    for (const args of [["sttaus"], ["new"], ["accept", "0001"], ["lint", "--jsno"]]) {
      const { code, output } = await checkout.schema(args);
      assert.equal(code, 1, args.join(" "));
      assert.match(output, /^error: (unknown|missing|required)/);
    }
  });

  it("end quietly, with their own code, when nobody reads on", async () => {
    checkout.write(
      "migrations/0800_bad.sql",
      migrationText("ALTER TABLE pages DROP COLUMN title;\n".repeat(3000), "SELECT 1;"),
    );
    const child = spawn(process.execPath, ["--import", "tsx", "infra/commands/schema/main.ts", "lint"], {
      cwd: checkout.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let told = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await once(child, "close")) as [number];
    assert.deepEqual({ code, told }, { code: 1, told: "" });
    drop("migrations/0800_bad.sql");
  });
});
