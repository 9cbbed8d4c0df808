import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureEngine, type Way } from "../../tools/engine/engine";
import { engineVersion } from "../../tools/engine/versions";
import { environment, own } from "../../tools/project.cjs";

describe("the engine", () => {
  let home: string;
  let said: string[];
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "switchyard-engine-"));
    said = [];
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const say = (line: string) => void said.push(line);
  const place = () => join(home, "versions", engineVersion);

  /** Writes programs that answer as an engine of that version does. */
  function fill(folder: string, version = engineVersion, programs = 3): undefined {
    mkdirSync(join(folder, "bin"), { recursive: true });
    for (const name of ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"].slice(0, programs)) {
      writeFileSync(join(folder, "bin", name), `#!/bin/sh\necho v${version}\n`);
      chmodSync(join(folder, "bin", name), 0o755);
    }
  }
  const way = (name: string, install: (folder: string) => string | undefined): Way => ({
    name,
    install: (folder) => Promise.resolve(install(folder)),
  });
  const fails = way("first way", () => "no road");
  const works = way("second way", (folder) => fill(folder));
  const never = way("never", () => assert.fail("it was there already"));

  it("that is there is found, and nothing is tried", async () => {
    fill(place());
    assert.equal(await ensureEngine(home, say, [never]), place());
  });

  it("is got by the first way that works; each attempt says what it does and why it was left", async () => {
    assert.equal(await ensureEngine(home, say, [fails, works, never]), place());
    const told = said.join("\n");
    for (const each of [/first way: trying/, /first way: left, no road/, /second way: trying/, /installed in/])
      assert.match(told, each);
  });

  it("is never half there: a way that leaves a part, or another version, is left without a trace", async () => {
    const half = way("half", (folder) => fill(folder, engineVersion, 2));
    const old = way("old", (folder) => fill(folder, "3.1.0"));
    await assert.rejects(ensureEngine(home, say, [half, old]), /half: no executable.*old: .*v3\.1\.0/s);
    assert.deepEqual(readdirSync(join(home, "versions")), []);
  });

  it("that is broken where it belongs makes room for a whole one", async () => {
    fill(place(), engineVersion, 1);
    await ensureEngine(home, say, [works]);
    assert.ok(existsSync(join(place(), "bin", "pulumi-language-nodejs")));
    assert.deepEqual(readdirSync(join(home, "versions")), [engineVersion]);
  });

  it("that can't be had is one message: what was tried, and what to install", async () => {
    await assert.rejects(ensureEngine(home, say, [fails]), (error: Error) => {
      for (const each of ["can't be had", "first way: no road", "Go 1.25 or later", join(place(), "bin", "pulumi")])
        assert.ok(error.message.includes(each), `${each} is missing in:\n${error.message}`);
      return true;
    });
  });
});

describe("the environment of npx pulumi", () => {
  it("is this clone's own when no backend is named", () => {
    const { PULUMI_BACKEND_URL, PATH } = environment({ PATH: "/bin" });
    assert.equal(PULUMI_BACKEND_URL, `file://${join(own, "backend")}`);
    assert.match(PATH ?? "", /node_modules\/\.bin:\/bin$/);
  });

  it("touches nothing when one is: no passphrase, no home, no stand-in can come with it", () => {
    const given = { PATH: "/bin", PULUMI_BACKEND_URL: "s3://state" };
    const names = Object.keys(environment(given)).filter((name) => name.startsWith("PULUMI_"));
    assert.deepEqual(names.sort(), ["PULUMI_BACKEND_URL", "PULUMI_SKIP_UPDATE_CHECK"]);
  });

  it("keeps a passphrase that is given", () => {
    const env = environment({ PATH: "/bin", PULUMI_CONFIG_PASSPHRASE: "mine" });
    assert.deepEqual([env.PULUMI_CONFIG_PASSPHRASE, env.PULUMI_CONFIG_PASSPHRASE_FILE], ["mine", undefined]);
  });
});
