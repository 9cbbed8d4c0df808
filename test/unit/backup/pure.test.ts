import assert from "node:assert/strict";
import fc from "fast-check";
import { compareContents, type Contents } from "../../../infra/backup/contents";
import { chooseMode, isDue, mayReuse, needsDrill } from "../../../infra/backup/decisions";
import { backupKey, isBackupId, parseKey } from "../../../infra/backup/manifest";
import { expired, type StoredBackup } from "../../../infra/backup/retention";
import { isIntact, seal } from "../../../infra/backup/seal";
import { readSnapshotRecord, snapshotName } from "../../../infra/backup/snapshot";
import { readArchive } from "../../../infra/backup/stack-archive";
import type { SchemaStep } from "../../../infra/rollout/types";
import { assertKey } from "../../../infra/providers/store/store";

const step = (phase: "expand" | "contract", direction: "up" | "down"): SchemaStep => ({
  direction,
  migration: {
    ...{ version: "0001", name: "one", phase, checksum: "", hasDown: true },
    lossy: { up: false, down: false },
  },
});

describe("a seal", () => {
  it("holds whatever the order of the keys, and breaks with any change of a value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (content, key) => {
        const { digest, ...rest } = seal({ ...content, key });
        const turned = Object.fromEntries(Object.entries({ digest, ...rest }).reverse());
        assert.ok(isIntact(JSON.parse(JSON.stringify(turned)) as object));
        assert.ok(!isIntact({ ...turned, key: `${key}.` }));
        assert.ok(!isIntact({ ...rest }));
      }),
    );
  });
});

describe("keys of backups", () => {
  const id = "2026-01-31T08-00-00.000Z-0123abcd";
  it("are ones that every store takes, and name what they hold", () => {
    for (const part of ["dump", "manifest", "verified", "snapshot"] as const) {
      const key = backupKey("pages", id, part);
      assertKey(key);
      assert.deepEqual(parseKey(key), { database: "pages", id, part });
    }
  });
  it("are told from anything else that lies there", () => {
    for (const other of [
      "backups/pages/x/database.dump",
      `backups/pages/${id}/other`,
      `records/pages/${id}/manifest.json`,
    ])
      assert.equal(parseKey(other), undefined);
    assert.ok(!isBackupId(`${id}/..`));
  });
});

describe("what a database holds", () => {
  const none = { count: 0, checksum: "0" };
  const at = (last: string, called = true) => ({ last, called });
  const still = (last: string) => ({ before: at(last), after: at(last) });
  const full: Contents = {
    tables: { "public.a": { rows: 2, checksum: "5" } },
    sequences: { "public.s": still("7") },
    views: { "public.m": "f".repeat(64) },
    largeObjects: { count: 1, checksum: "9" },
  };

  it("is the same as itself", () => assert.deepEqual(compareContents(full, full), []));

  const changes: [string, Contents, RegExp][] = [
    ["a row less", { ...full, tables: { "public.a": { rows: 1, checksum: "5" } } }, /public\.a: 1 rows, expected 2/],
    ["another value", { ...full, tables: { "public.a": { rows: 2, checksum: "6" } } }, /with other values/],
    ["a table less", { ...full, tables: {} }, /table public\.a: missing/],
    [
      "a table more",
      { ...full, tables: { ...full.tables, "public.b": { rows: 0, checksum: "0" } } },
      /b: not expected/,
    ],
    ["a sequence elsewhere", { ...full, sequences: { "public.s": still("8") } }, /at 8, expected 7/],
    ["another view", { ...full, views: { "public.m": "0".repeat(64) } }, /another definition/],
    ["a large object less", { ...full, largeObjects: none }, /large objects: 0, expected 1/],
    ["other bytes in one", { ...full, largeObjects: { count: 1, checksum: "8" } }, /with other bytes/],
  ];
  for (const [what, found, says] of changes)
    it(`is told apart by ${what}`, () => {
      const differences = compareContents(full, found);
      assert.equal(differences.length, 1, differences.join("\n"));
      assert.match(differences[0] ?? "", says);
    });

  it("leaves a sequence that moved during the dump anywhere between its two positions", () => {
    const moved = { ...full, sequences: { "public.s": { before: at("7"), after: at("9") } } };
    for (const last of ["7", "8", "9"])
      assert.deepEqual(compareContents(moved, { ...full, sequences: { "public.s": still(last) } }), []);
    for (const last of ["6", "10"])
      assert.equal(compareContents(moved, { ...full, sequences: { "public.s": still(last) } }).length, 1);
  });

  it("has views compared by name alone across majors, which write definitions in their own way", () =>
    assert.deepEqual(compareContents(full, { ...full, views: { "public.m": "0" } }, { sameMajor: false }), []));
});

describe("which backups may go", () => {
  const day = 86_400_000;
  const now = 1_000 * day;
  const backup = (age: number, more: Partial<StoredBackup> = {}): StoredBackup => ({
    ...{ id: `${age}`, takenAt: now - age * day, verified: true, applied: [], scars: [] },
    ...more,
  });
  const ids = (backups: StoredBackup[], keep: { last: number; days: number }, lossy: string[] = []) =>
    expired(backups, keep, lossy, now).map(({ id }) => id);

  it("are those past the last N and past D days", () =>
    assert.deepEqual(
      ids(
        [1, 2, 3, 40, 50, 60].map((age) => backup(age)),
        { last: 4, days: 30 },
      ),
      ["50", "60"],
    ));

  it("are none while nothing is verified", () =>
    assert.deepEqual(
      ids([backup(50, { verified: false }), backup(60, { verified: false })], { last: 1, days: 0 }),
      [],
    ));

  it("never include the newest that a point of no return needs, however old", () => {
    const all = [
      backup(1, { applied: ["0009"] }),
      backup(40, { applied: ["9"] }),
      backup(50, { scars: ["0009"] }),
      backup(60),
      backup(70),
    ];
    assert.deepEqual(ids(all, { last: 1, days: 30 }, ["0009"]), ["40", "50", "70"]);
  });

  it("never include the newest verified one, a young one, or one that a newer unverified one would push out", () => {
    const one = fc.record({ age: fc.integer({ min: 0, max: 400 }), verified: fc.boolean() });
    const many = fc.array(one, { maxLength: 12 });
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 60 }), (given, last, days) => {
        const all = given.map(({ age, verified }, at) => backup(age, { verified, id: `${at}` }));
        const gone = new Set(expired(all, { last, days }, [], now));
        const verified = all.filter((each) => each.verified).sort((a, b) => b.takenAt - a.takenAt);
        for (const kept of verified.slice(0, last)) assert.ok(!gone.has(kept));
        for (const each of gone) assert.ok(each.takenAt < now - days * day);
        if (verified.length === 0) assert.equal(gone.size, 0);
      }),
    );
  });
});

describe("what an up asks of a backup", () => {
  const hour = 3_600_000;
  const young = { takenAt: 10 * hour, verified: true, databaseOid: 5 };
  const asked = { steps: [step("expand", "up")], databaseOid: 5, maxAge: hour, now: 10.5 * hour };

  it("lets a young verified one stand in before what only adds", () => assert.ok(mayReuse(young, asked)));

  for (const [what, backup, order] of [
    ["is too old", young, { ...asked, now: 11 * hour }],
    ["is from the future", young, { ...asked, now: 9 * hour }],
    ["is not verified", { ...young, verified: false }, asked],
    ["is of another database of that name", { ...young, databaseOid: 6 }, asked],
    ["comes before a contract", young, { ...asked, steps: [step("expand", "up"), step("contract", "up")] }],
    ["comes before a down", young, { ...asked, steps: [step("contract", "down")] }],
  ] as const)
    it(`wants a new one where the earlier one ${what}`, () => assert.ok(!mayReuse(backup, order)));

  it("is a drill before what takes away, unless config says always or never", () => {
    const adds = [step("expand", "up"), step("contract", "down")];
    assert.deepEqual(
      (["narrowing", "always", "never"] as const).map((when) => [
        needsDrill(when, adds),
        needsDrill(when, [step("contract", "up")]),
        needsDrill(when, [step("expand", "down")]),
      ]),
      [
        [false, true, true],
        [true, true, true],
        [false, false, false],
      ],
    );
  });

  it("is one by the clock where config has an interval", () => {
    assert.deepEqual(
      [isDue(undefined, 0, 100), isDue(10, undefined, 100), isDue(10, 90, 100), isDue(10, 91, 100)],
      [false, true, true, false],
    );
  });

  it("is a snapshot above dumpUpTo, which the local platform refuses with the way out", () => {
    const question = { mode: "dump", dumpUpTo: 100, size: 100, platform: "aws" } as const;
    assert.equal(chooseMode(question), "dump");
    assert.equal(chooseMode({ ...question, size: 101 }), "snapshot");
    assert.equal(chooseMode({ ...question, mode: "snapshot" }), "snapshot");
    const local = chooseMode({ ...question, size: 101, platform: "local" });
    assert.match((local as { refused: string }).refused, /101 bytes.*pulumi config set --path backup\.dumpUpTo 2Gi/);
    const asked = chooseMode({ ...question, mode: "snapshot", platform: "local" });
    assert.match((asked as { refused: string }).refused, /pulumi config set --path backup\.mode dump/);
  });
});

describe("a snapshot's name", () => {
  const id = "2026-01-31T08-00-00.000Z-0123abcd";

  it("is one that RDS takes, begins with the instance, and is another one for another backup", () => {
    const instances = fc.stringMatching(/^[a-z](-?[a-z0-9]){0,150}$/);
    fc.assert(
      fc.property(instances, fc.integer({ min: 0, max: 0xffffffff }), (instance, random) => {
        const name = snapshotName(instance, id.replace(/.{8}$/, random.toString(16).padStart(8, "0")));
        assert.match(name, /^[a-z][a-z0-9-]{0,254}$/);
        assert.doesNotMatch(name, /-$/);
        if (instance.length <= 63)
          assert.ok(name.startsWith(`${instance}-2026-01-31t08-00-00-000z-`) && !name.includes("--"));
        assert.equal(name.slice(-8), random.toString(16).padStart(8, "0"));
      }),
    );
  });

  it("is read from a record of that very backup alone, unchanged", () => {
    const content = {
      ...{
        format: 1 as const,
        id,
        database: "pages",
        takenAt: "2026-01-31T08:00:00.000Z",
        before: "widen",
        release: "",
      },
      server: { version: "15.18", major: 15, encoding: "UTF8", databaseOid: 5, databaseBytes: 6 },
      ...{ schemaVersion: "", applied: [], scars: [], half: null, durationMs: 7, state: "available" },
      snapshot: { name: "one", instance: "pages", region: "eu-west-1", arn: "arn" },
    };
    const text = JSON.stringify(seal(content));
    const key = backupKey("pages", id, "snapshot");
    assert.equal(readSnapshotRecord(text, key).snapshot.name, "one");
    assert.throws(() => readSnapshotRecord(text.replace('"one"', '"two"'), key), /was changed since/);
    assert.throws(() => readSnapshotRecord(text, backupKey("other", id, "snapshot")), /of another backup/);
  });
});

describe("the list of an archive", () => {
  it("is not taken for another archive's", () => {
    const [one, other] = ["2026-01-31T08-00-00.000Z-0123abcd", "2026-01-31T08-00-00.000Z-0123abce"];
    const at = "2026-01-31T08:00:00.000Z";
    const backup = { database: "pages", id: one, takenAt: at };
    const text = JSON.stringify(seal({ format: 1, id: one, stack: "local", at, who: "a@b", backup, files: [] }));
    assert.equal(readArchive(text, "archive.json", one).stack, "local");
    assert.throws(() => readArchive(text, "archive.json", other), /the list of another archive/);
    assert.throws(() => readArchive(text.replace("local", "other"), "archive.json", one), /was changed since/);
  });
});
