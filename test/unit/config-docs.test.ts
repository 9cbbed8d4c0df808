import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { childrenOf, describeKeys, schemaAt, unwrap, type DescribedKey } from "../../infra/config/key";
import { schema } from "../../infra/config/schema";

const read = (name: string): string => readFileSync(join(__dirname, "../..", name), "utf8");

const isObject = ({ path }: DescribedKey): boolean => childrenOf(schemaAt(schema, path) ?? schema) !== undefined;
const keys = describeKeys(schema);

/** The sections of docs/config.md by the text of their heading. */
const docs = new Map(
  read("docs/config.md")
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text] as const),
);

/** The sections whose keys are no part of another: their headings name none. */
const general = [...docs].flatMap(([heading, text]) => (heading.includes("`") ? [] : [text])).join("\n");

describe("docs/config.md", () => {
  for (const key of keys.filter((each) => !isObject(each))) {
    const { path, info, fallback } = key;
    it(`has the row of ${path.join(".")}, as the schema describes it`, () => {
      const [top = "", ...inner] = path;
      const [, section = ""] =
        inner.length === 0 ? ["", general] : ([...docs].find(([heading]) => heading.includes(`\`${top}\``)) ?? []);
      const row = `| \`${(inner.length === 0 ? path : inner).join(".")}\` | ${info.type} | ${fallback} | ${info.allowed} | ${info.meaning} |`;
      assert.ok(section.split("\n").includes(row), `docs/config.md, section of ${top}, lacks the row\n${row}`);
    });
  }

  it("has no row of a key that is gone", () => {
    const rows = [...docs].flatMap(([heading, text]) =>
      [...text.matchAll(/^\| `([^`]+)` \|/gm)].map((found) => [heading, found[1] ?? ""] as const),
    );
    for (const [heading, name] of rows) {
      const tops = [...heading.matchAll(/`([^`]+)`/g)].map((found) => found[1] ?? "");
      const paths = tops.length === 0 ? [[name]] : tops.map((top) => [top, ...name.split(".")]);
      for (const path of paths) assert.ok(schemaAt(schema, path) !== undefined, `${path.join(".")} is no key any more`);
    }
  });
});

/** The entries under `config:` of Pulumi.yaml: key, description, default as written. */
const described = new Map(
  [...read("Pulumi.yaml").matchAll(/^ {2}(\w+):\n {4}description: ([^]*?)\n {4}default: (.*)$/gm)].map(
    ([, name = "", description = "", fallback = ""]) => [name, { description, fallback }] as const,
  ),
);

describe("Pulumi.yaml", () => {
  it("describes every key, and none besides", () => {
    assert.deepEqual([...described.keys()].sort(), Object.keys(schema.shape).sort());
  });

  for (const { path } of keys.filter((key) => key.path.length > 1)) {
    const [top = "", ...inner] = path;
    it(`names ${path.join(".")} in the description of ${top}`, () => {
      const { description = "" } = described.get(top) ?? {};
      assert.match(description, new RegExp(`(^|[\\s(])${inner.join("\\.")}\\b`));
    });
  }

  it("gives each key the default that the program has too, so that the engine leaves the judging to it", () => {
    for (const [name, child] of Object.entries(schema.shape)) {
      const { fallback } = unwrap(child);
      // As users write it: a duration with its unit, an empty list as one.
      const shown = keys.find(({ path }) => path.length === 1 && path[0] === name)?.fallback;
      const written = Array.isArray(fallback) ? JSON.stringify(fallback) : shown;
      const expected = childrenOf(child) !== undefined ? "{}" : fallback === undefined ? '""' : written;
      assert.equal(described.get(name)?.fallback, expected, name);
    }
  });

  it("declares no types: the engine would refuse one wrong value before the program can list them all", () => {
    assert.doesNotMatch(read("Pulumi.yaml"), /^ {4}(type|items|secret):/m);
  });
});
