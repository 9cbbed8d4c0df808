import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json";
import { installStandIns } from "../plugins/install.cjs";

describe("the installation of stand-ins", () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), "switchyard plugins' home "));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  const installed = () => readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

  it("puts an executable where the engine looks for the version that package.json pins", () => {
    installStandIns(home, ["postgresql", "command"]);
    assert.deepEqual(
      installed()
        .map(({ name, parentPath }) => join(parentPath, name).slice(home.length + 1))
        .sort(),
      [
        `plugins/resource-command-v${packageJson.dependencies["@pulumi/command"]}/pulumi-resource-command`,
        `plugins/resource-postgresql-v${packageJson.dependencies["@pulumi/postgresql"]}/pulumi-resource-postgresql`,
      ],
    );
    for (const { name, parentPath } of installed()) execFileSync("/bin/sh", ["-n", join(parentPath, name)]);
  });

  it("replaces what is there, and leaves nothing else behind", () => {
    for (const { name, parentPath } of installed()) writeFileSync(join(parentPath, name), "half a launch");
    installStandIns(home, ["postgresql", "command"]);
    assert.equal(installed().length, 2);
    for (const { name, parentPath } of installed()) execFileSync("test", ["-x", join(parentPath, name)]);
  });

  it("refuses a name that no stand-in has, before it installs any", () => {
    rmSync(join(home, "plugins"), { recursive: true });
    assert.throws(() => installStandIns(home, ["command", "random"]), {
      message: "no stand-in for random in test/plugins; there are aws, command, postgresql",
    });
    assert.deepEqual(installed(), []);
  });
});
