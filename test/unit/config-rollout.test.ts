import assert from "node:assert/strict";
import type { Moment } from "../../infra/config/moment";
import { intoOf } from "../../infra/config/sections/restore";
import { asRaw, load, local, refusal, refuses } from "./config-support";
import type { BakePlan, Overrides } from "../../infra/rollout/types";

describe("what config says of a rollout", () => {
  it("is passed on to the rules as it is", () => {
    const { bake, overrides } = load({
      ...local,
      bake: {
        steps: [5, 100],
        bake: "1m",
        maxBake: "2m",
        minRequests: 500,
        expectedRequestsPerSecond: "12.5",
        onInsufficient: "advance",
        limits: { errorRate: "0.02", p95: "250ms", timesWorse: 3, confidence: "0.999" },
      },
      rolling: "true",
      acceptLoss: ["0007", "0009"],
      acceptEdited: ["0003"],
      breakIdle: ["20260101120000"],
      cutOver: "true",
      acceptTargeted: "12-3f9a0b1c",
    });
    const plan: BakePlan = bake;
    const exceptions: Overrides = overrides;
    assert.deepEqual(plan, {
      steps: [5, 100],
      bake: 60_000,
      maxBake: 120_000,
      minRequests: 500,
      expectedRequestsPerSecond: 12.5,
      onInsufficient: "advance",
      limits: { errorRate: 0.02, p95: 0.25, timesWorse: 3, confidence: 0.999 },
    });
    assert.deepEqual(exceptions, {
      rolling: true,
      acceptLoss: ["0007", "0009"],
      acceptEdited: ["0003"],
      breakIdle: ["20260101120000"],
      cutOver: true,
      acceptTargeted: "12-3f9a0b1c",
    });
  });

  it("holds nothing undefined, which outputs in state can't keep", () => {
    const { bake, overrides } = load(local);
    for (const settings of [bake, overrides]) assert.ok(!Object.values(settings).includes(undefined));
  });
});

describe("lists of migrations", () => {
  for (const key of ["acceptLoss", "acceptEdited", "breakIdle"]) {
    it(`keep their zeros in ${key}`, () => {
      refuses(
        { ...local, [key]: [7, "0008"] },
        key,
        'did you mean "0007"?',
        'found    a list of 2: 7, "0008"',
        "quotes",
        `mend     pulumi config rm switchyard:${key}\n           pulumi config set --path 'switchyard:${key}[0]' 0007\n           pulumi config set --path 'switchyard:${key}[1]' 0008`,
      );
    });
  }

  it("are lists, also of one", () => {
    refuses(
      { ...local, acceptLoss: "0007" },
      "acceptLoss",
      'found    "0007"',
      "--path 'switchyard:acceptLoss[0]' 0007",
    );
    refuses({ ...local, acceptLoss: "7" }, "acceptLoss", "did you mean", "--path 'switchyard:acceptLoss[0]' 0007");
    refuses({ ...local, acceptLoss: { 0: "0007" } }, "acceptLoss", "a list of numbers of migration files");
  });

  it("keep a number after a time a text, which --path would make a number of", () =>
    refuses(
      { ...local, acceptLoss: [20260101120000] },
      "acceptLoss",
      "set --type string --path 'switchyard:acceptLoss[0]' 20260101120000",
    ));

  it("name no migration twice", () => {
    refuses({ ...local, acceptLoss: ["0007", "0007"] }, "acceptLoss", "none twice", "acceptLoss[0]' 0007");
    refuses({ ...local, acceptLoss: ["0007", "00007"] }, "acceptLoss", "none twice");
  });

  for (const value of ["drop_name", "", "007x", null, {}, ["0007"], 1.5, true]) {
    it(`have no ${JSON.stringify(value)}`, () =>
      refuses({ ...local, breakIdle: [value] }, "breakIdle", /mend {5}pulumi config rm switchyard:breakIdle$/));
  }

  it("show nothing of a secret", () => {
    const { message } = refusal(asRaw({ ...local, acceptLoss: [7] }), ["switchyard:acceptLoss"]);
    assert.doesNotMatch(message, /: 7|mean|\] 0007/);
  });
});

describe("a bake", () => {
  it("rises to 100 in steps", () => {
    const steps = (found: unknown, ...mend: string[]) =>
      refuses({ ...local, bake: { steps: found } }, "bake.steps", "a list of rising integers", ...mend);
    steps([10, 25, 50], "--path 'switchyard:bake.steps[3]' 100");
    steps([50, 10, 100], "--path 'switchyard:bake.steps[0]' 10\n", "--path 'switchyard:bake.steps[1]' 50\n");
    steps([10, 10, 100], "a list of 3: 10, 10, 100");
    steps([0, 100], "--path 'switchyard:bake.steps[0]' 100");
    steps([12.5, 100]);
    steps([10, 200]);
    steps([], "a list of 0", "rm --path 'switchyard:bake.steps'");
    steps("10,25,50,100", "rm --path 'switchyard:bake.steps'");
    assert.deepEqual(load({ ...local, bake: { steps: [100] } }).bake.steps, [100]);
    assert.deepEqual(load({ ...local, bake: { steps: ["10", "100"] } }).bake.steps, [10, 100]);
  });

  it("is not cut off before it is over", () => {
    refuses(
      { ...local, bake: { bake: "1h" } },
      "bake.maxBake",
      "30m, below bake.bake 1h",
      "'switchyard:bake.maxBake' 1h",
      "'switchyard:bake.bake' 30m",
    );
    assert.equal(load({ ...local, bake: { bake: "1h", maxBake: "1h" } }).bake.maxBake, 3_600_000);
  });

  for (const [key, ...wrong] of [
    ["limits.errorRate", "0", "1", "-0.1", "1e-3", ".5", "0,1", "0.1 %", "", "01.5", "0.1234567890123456", "Infinity"],
    ["limits.confidence", "0", "1", "99", "99 %"],
    ["limits.timesWorse", "0.99", "1000.5", "NaN"],
    ["expectedRequestsPerSecond", "0", "-1", "1000001", "many"],
    ["limits.p95", "0s", "2m", "1", "1.5s"],
    ["bake", "0s", "99ms", "8d", "10"],
    ["minRequests", "0", "1.5", "1e3"],
    ["onInsufficient", "stay", "Return", ""],
  ] as const) {
    for (const text of wrong) {
      it(`has no ${key} of ${JSON.stringify(text)}`, () => {
        const [first = "", second] = key.split(".");
        const bake = second === undefined ? { [first]: text } : { [first]: { [second]: text } };
        refuses({ ...local, bake }, `bake.${key}`, `found    "${text}"`);
      });
    }
  }

  it("takes numbers as YAML and as text", () => {
    const rate = (errorRate: string) =>
      load({ ...local, bake: `{"limits":{"errorRate":${errorRate}}}` }).bake.limits.errorRate;
    assert.equal(rate("0.005"), 0.005);
    assert.equal(rate('"0.005"'), 0.005);
    refuses({ ...local, bake: '{"limits":{"errorRate":1e-07}}' }, "bake.limits.errorRate", "found    1e-07");
  });

  it("is told from a key that it nearly is", () =>
    refuses(
      { ...local, bake: { stpes: [50, 100] } },
      "bake.stpes",
      "did you mean bake.steps?",
      "--path 'switchyard:bake.steps[0]' 10",
      "--path 'switchyard:bake.steps[3]' 100",
    ));
});

describe("a restore", () => {
  const id = "2026-01-31T08-00-00.000Z-1a2b3c4d";

  it("names a backup, and says what may be missing and what becomes of what it replaces", () => {
    assert.ok(!("restore" in load(local)));
    assert.ok(!("restore" in load({ ...local, restore: {} })));
    assert.deepEqual(load({ ...local, restore: { from: id } }).restore, { from: id });
    const all = { from: id, into: "pages_old", acceptLossSince: id, retire: "pages_kept_1a2b3c4d" };
    assert.deepEqual(load({ ...local, restore: all }).restore, all);
    assert.deepEqual(load({ ...local, restore: { acceptLossSince: id } }).restore, { acceptLossSince: id });
    for (const retire of ["true", "pages", "Pages_kept_1a2b3c4d"])
      refuses({ ...local, restore: { ...all, retire } }, "restore.retire", "a database that a restore has kept");
  });

  it("is refused where it names none, or a database that serves or is made from nothing", () => {
    refuses({ ...local, restore: { from: "backups/2026-01-01.dump" } }, "restore.from", "npm run backups -- list");
    refuses({ ...local, restore: { from: id, into: "pages" } }, "restore.into", "the database that serves");
    refuses({ ...local, restore: { into: "pages_old" } }, "restore.into", "nothing without restore.from");
    refuses({ ...local, restore: { form: id } }, "restore.form", "did you mean");
  });

  it("says what to do in the place of what this version can't", () => {
    const pointInTime = { pointInTime: "2026-01-31T08:00:00Z" };
    refuses(
      { ...local, restore: pointInTime },
      "restore.pointInTime",
      "platform local",
      "restore.from",
      "backup.every",
    );
    refuses({ ...local, restore: { schema: "public" } }, "restore.schema", "npm run backups -- restore");
  });

  it("makes a name for the new database that PostgreSQL takes whole", () => {
    assert.equal(intoOf({ from: id }, "pages"), "pages_restored_1a2b3c4d");
    assert.equal(intoOf({ from: id, into: "other" }, "pages"), "other");
    assert.equal(intoOf({ from: id }, "p".repeat(60)).length, 63);
    const pointInTime = "2026-01-31T08:00:00+01:00" as Moment;
    assert.equal(intoOf({ pointInTime }, "pages"), "pages_restored_20260131070000");
    assert.equal(intoOf({ pointInTime }, "p".repeat(60)).length, 63);
  });
});
