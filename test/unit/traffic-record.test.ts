import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beginRecord, recordReturn, type ShiftRecord } from "../../infra/providers/record/record";
import { commitAt, whoRuns } from "../../infra/providers/record/who";
import { folderStore } from "../../infra/providers/store/folder";
import { StoreFailed, timeInKey } from "../../infra/providers/store/store";

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "store-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));
const address = () => ({ kind: "local" as const, folder: join(folder, "store") });
const store = () => folderStore(address());

describe("the record of a shift", () => {
  const shift = { kind: "advance", attempt: "2-ab", from: 0, to: 100 } as const;
  const read = async (key: string) => JSON.parse(await text(await store().get(key))) as ShiftRecord;

  it("is there from its beginning, and its end is added", async () => {
    const at = Date.UTC(2026, 0, 31, 8);
    const open = await beginRecord(address(), shift, () => at);
    const [began] = await store().list("records/");
    assert.equal(began?.key, `records/${timeInKey(at)}-advance-2-ab-began.json`);
    const key = await open.end({ outcome: "returned", greenWeight: 0, error: "green failed" });
    const record = await read(key);
    assert.deepEqual(
      [record.kind, record.attempt, record.from, record.to, record.outcome, record.error, record.who],
      ["advance", "2-ab", 0, 100, "returned", "green failed", whoRuns()],
    );
    assert.equal((await store().list("records/")).length, 2);
  });

  it("of a return is said where it can't be stored, and fails nothing", async () => {
    await writeFile(join(folder, "store"), "");
    const said: string[] = [];
    const end = { outcome: "arrived", greenWeight: 0 };
    const key = await recordReturn(address(), { ...shift, to: 0, from: 50 }, end, (line) => said.push(line));
    assert.equal(key, undefined);
    assert.match(said.join(), /could not be stored at .*store\/records\/.*-return-2-ab-ended.json.*"from":50/);
    await assert.rejects(
      beginRecord(address(), shift, () => 0),
      StoreFailed,
    );
  });

  it("names the commit that the config is at, and whether files differ from it", async () => {
    const project = join(folder, "project");
    await mkdir(project);
    assert.equal(await commitAt(project), undefined);
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: project })
        .toString()
        .trim();
    git("init", "--quiet");
    assert.equal(await commitAt(project), undefined);
    await writeFile(join(project, "Pulumi.local.yaml"), "config:\n");
    git("add", ".");
    git("commit", "--quiet", "--message", "config");
    const id = git("rev-parse", "HEAD");
    assert.deepEqual(await commitAt(project), { id, dirty: false });
    await writeFile(join(project, "Pulumi.local.yaml"), "config: {}\n");
    assert.deepEqual(await commitAt(project), { id, dirty: true });
    assert.equal((await readFile(join(project, ".git/HEAD"), "utf8")).startsWith("ref:"), true);
  });
});
