import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { findPgDumps } from "../../infra/providers/backup/programs";
import { Clone } from "../support/stack";

/** What `pulumi preview` refuses, with no stack running: what is typed, what is said, and that nothing is left behind. */
describe("preview of a local stack refuses", function () {
  this.timeout(180_000);
  let clone: Clone;

  before(async () => {
    clone = new Clone();
    const { code, output } = await clone.run(["--import", "tsx", "tools/engine/main.ts"]);
    assert.equal(code, 0, output);
    const made = await clone.run(["tools/pulumi.cjs", "stack", "init", "local", "--non-interactive"]);
    assert.equal(made.code, 0, made.output);
  });
  after(() => clone.dispose());

  const set = (key: string, value: string) => ["config", "set", "--path", `switchyard:${key}`, value];
  const remove = (key: string) => ["config", "rm", "--path", `switchyard:${key}`];

  /** Sets, previews, and puts the config back. */
  async function refusal(change: string[][], back: string[][]): Promise<string> {
    for (const command of change) await clone.must(...command);
    const { code, output } = await clone.pulumi("preview");
    for (const command of back) await clone.must(...command);
    assert.notEqual(code, 0, `accepted:\n${output}`);
    assert.doesNotMatch(
      output,
      /\bat .+\.(ts|js|cjs):\d+|undefined/,
      `a stack trace, or undefined, in a message:\n${output}`,
    );
    assert.ok(!existsSync(join(clone.folder, ".switchyard/local")), "a preview left something behind");
    return output;
  }

  const cases: { what: string; change: string[][]; back: string[][]; says: RegExp[] }[] = [
    {
      what: "a weight of 140",
      change: [set("greenWeight", "140")],
      back: [set("greenWeight", "0")],
      says: [/switchyard:greenWeight/, /140/, /0.*100/, /pulumi config set/],
    },
    {
      what: 'a weight of "x"',
      change: [set("greenWeight", "x")],
      back: [set("greenWeight", "0")],
      says: [/switchyard:greenWeight/, /"x"/, /pulumi config set/],
    },
    {
      what: "an unknown key, naming the one that was meant",
      change: [set("greenWieght", "25")],
      back: [remove("greenWieght")],
      says: [/switchyard:greenWieght/, /did you mean greenWeight/, /pulumi config rm/],
    },
    {
      what: "weight for a colour that has no release",
      change: [set("greenWeight", "25"), remove("green")],
      back: [
        set("greenWeight", "0"),
        set("green.version", "1.1.0"),
        ["config", "set", "--path", "--plaintext", "switchyard:green.schema", "0007"],
        set("green.entry", "examples/pages/server.ts"),
      ],
      says: [/switchyard:green\b/, /pulumi config set/],
    },
    {
      what: "an entry file that is not there",
      change: [set("green.entry", "examples/pages/nowhere.ts")],
      back: [set("green.entry", "examples/pages/server.ts")],
      says: [/switchyard:green\.entry/, /nowhere\.ts/, /pulumi config set/],
    },
    {
      what: "two mistakes at once, both",
      change: [set("greenWeight", "140"), set("migrateTo", "soon")],
      back: [set("greenWeight", "0"), set("migrateTo", "latest")],
      says: [/switchyard:greenWeight/, /switchyard:migrateTo/],
    },
  ];
  for (const { what, change, back, says } of cases)
    it(what, async () => {
      const output = await refusal(change, back);
      for (const each of says) assert.match(output, each);
    });

  for (const key of ["local.port", "local.previewPort", "local.databasePort"])
    it(`a ${key} that another process listens on`, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      try {
        await new Promise((resolve) => server.once("listening", resolve));
        const port = (server.address() as AddressInfo).port;
        const output = await refusal([set(key, String(port))], [remove(key)]);
        for (const each of [`switchyard:${key}`, String(port), "pulumi config"])
          assert.ok(output.includes(each), output);
      } finally {
        server.close();
      }
    });

  it("a PostgreSQL major that no pg_dump of this machine fits", async function () {
    if ((await findPgDumps()).some(({ major }) => major >= 18)) this.skip();
    const output = await refusal([set("database.majorVersion", "18")], [set("database.majorVersion", "15")]);
    for (const each of [/pg_dump/, /PostgreSQL 18/, /postgresql-client-18/, /switchyard:database\.majorVersion/])
      assert.match(output, each);
  });
});
