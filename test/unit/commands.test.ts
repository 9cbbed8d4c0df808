import assert from "node:assert/strict";
import { resolve } from "node:path";
import { standingOf, type Wanted } from "../../infra/commands/schema/standing";
import type { Recorded } from "../../infra/commands/schema/history";
import { nextVersion } from "../../infra/commands/schema/new";
import { readUrl } from "../../infra/commands/schema/url";
import { columns } from "../../infra/commands/say";
import type { Release } from "../../infra/rollout/types";
import type { Migration } from "../../infra/schema";
import { migrationText, readTexts } from "./schema/build";

const files: readonly Migration[] = readTexts(
  migrationText("CREATE TABLE a (id bigint, old text);", { undo: "DROP TABLE a;" }),
  migrationText("ALTER TABLE a ADD COLUMN new text;", { undo: "ALTER TABLE a DROP COLUMN new;" }),
  migrationText("ALTER TABLE a DROP COLUMN old;", { phase: "contract", undo: "ALTER TABLE a ADD COLUMN old text;" }),
  migrationText("CREATE TABLE b (id bigint);", { undo: "DROP TABLE b;" }),
).migrations;

const record = (file: Migration | undefined, more: Partial<Recorded> = {}): Recorded => {
  assert.ok(file);
  const { version, name, phase, checksum, up, down } = file;
  return { version, name, phase, checksum, up: up.text, down: down.text, state: "applied", ...more };
};

const release = (version: string, schema: string, count = 1): Release => ({
  version,
  schema,
  count,
  fingerprint: "",
  database: "",
});

const limits = { errorRate: 0.001, p95: 1, timesWorse: 2, confidence: 0.99 };
const bake = { steps: [100], bake: 1000, maxBake: 1000, minRequests: 1, onInsufficient: "advance", limits } as const;
const overrides = { rolling: false, acceptLoss: [], acceptEdited: [], breakIdle: [], cutOver: false };

function wanted(blue: Release | null, green: Release | null, more: Partial<Wanted> = {}): Wanted {
  const releases = { blue, green };
  return {
    migrateTo: "latest",
    acceptEdited: [],
    rollout: { weight: 0, releases, bake, overrides },
    running: releases,
    ...more,
  };
}

const states = (records: readonly Recorded[], want: Wanted): string[] =>
  standingOf(files, records, want).entries.map(({ version, standing }) => `${version} ${standing}`);
const first = files.slice(0, 2).map((file) => record(file));

describe("schema status: how each migration stands", () => {
  it("waits with a contract while a release that it breaks runs, and with what stands behind it", () => {
    const { entries, pending } = standingOf(files, first, wanted(release("1.0", "0001"), release("1.1", "0003")));
    assert.deepEqual(
      entries.map(({ version, standing }) => `${version} ${standing}`),
      ["0001 applied", "0002 applied", "0003 waiting", "0004 waiting"],
    );
    assert.deepEqual(
      pending.map(({ version, waits }) => [version, waits]),
      [
        ["0003", true],
        ["0004", true],
      ],
    );
    assert.match(
      entries[2]?.why ?? "",
      /^blue's release 1\.0 \(count 1\) can't serve after it; retire blue \(blue\.count 0\)/,
    );
    assert.equal(entries[3]?.why, "it stands behind 0003 up, which waits");
  });

  it("does not wait once such a release is retired, or none is known of", () => {
    const done = ["0001 applied", "0002 applied", "0003 pending", "0004 pending"];
    assert.deepEqual(states(first, wanted(release("1.0", "0001", 0), release("1.1", "0003"))), done);
    assert.deepEqual(states(first, { ...wanted(null, null), rollout: undefined }), done);
  });

  it("takes back what is above migrateTo, and doesn't want what is above it and not applied", () => {
    const want = wanted(null, release("1.0", "0001"), { migrateTo: "0001" });
    const { entries, pending } = standingOf(files, first, want);
    assert.deepEqual(
      entries.map(({ standing, why }) => [standing, why]),
      [
        ["applied", undefined],
        ["applied", "its down runs in the next up"],
        ["not wanted", "migrateTo is 0001"],
        ["not wanted", "migrateTo is 0001"],
      ],
    );
    assert.deepEqual(
      pending.map(({ version, direction, runs }) => `${version} ${direction} ${runs}`),
      ["0002 down widen"],
    );
    assert.deepEqual(states(first, wanted(null, null, { migrateTo: "0000" })).slice(0, 2), [
      "0001 applied",
      "0002 applied",
    ]);
  });

  it("says of one that broke off in which direction, how far it came and why", () => {
    const half = record(files[1], {
      state: "applying",
      statements: 1,
      error: "no room\nmore",
      failedStatement: "ALTER",
    });
    const [, found] = standingOf(files, [...first.slice(0, 1), half], wanted(null, null)).entries;
    assert.equal(found?.standing, "half");
    assert.equal(
      found.why,
      "its up began and did not end, after 1 statement: no room (at ALTER); npx pulumi up goes on with it",
    );
    const back = record(files[1], { state: "taking back" });
    assert.match(standingOf(files, [back], wanted(null, null)).entries[1]?.why ?? "", /^its down began/);
  });

  it("tells what was taken back from what never ran, and from what failed and left nothing", () => {
    const at = "2026-01-02T03:04:05.000Z";
    const back = record(files[1], { state: "taken back", takenBackAt: at });
    assert.equal(states([back], wanted(null, null, { migrateTo: "0001" }))[1], "0002 taken back");
    const again = standingOf(files, [back], wanted(null, null)).entries[1];
    assert.deepEqual([again?.standing, again?.why, again?.at], ["pending", "it was taken back before", at]);
    const failed = record(files[1], { state: "taken back", error: "it is full" });
    const pending = standingOf(files, [failed], wanted(null, null)).entries[1];
    assert.deepEqual([pending?.standing, pending?.why], ["pending", "it failed and was rolled back: it is full"]);
  });

  it("refuses an edited and a deleted file until it is accepted", () => {
    const edited = record(files[1], { checksum: "0".repeat(64) });
    const gone = record(files[1], { version: "0000", name: "first" });
    const records = [gone, record(files[0]), edited];
    const refused = standingOf(files, records, wanted(null, null));
    assert.deepEqual(
      refused.entries.map(({ standing }) => standing),
      ["file gone", "applied", "edited", "pending", "pending"],
    );
    assert.deepEqual(refused.problems.map(({ rule }) => rule).sort(), ["applied-stays", "checksum-changed"]);
    assert.match(refused.entries[2]?.why ?? "", /npm run schema -- accept 0002 --reason/);
    const accepted = standingOf(files, records, wanted(null, null, { acceptEdited: ["0", "00002"] }));
    assert.deepEqual(accepted.problems, []);
    assert.match(accepted.entries[2]?.why ?? "", /; accepted$/);
  });
});

describe("schema new: the next version", () => {
  const now = new Date("2026-01-02T03:04:05Z");

  it("is one more with as many digits, or the time where versions are times", () => {
    assert.equal(nextVersion([], now), "0001");
    assert.equal(nextVersion(["0009", "0002"], now), "0010");
    assert.equal(nextVersion(["1"], now), "2");
    assert.equal(nextVersion(["20250101000000"], now), "20260102030405");
    assert.equal(nextVersion(["20260102030405"], now), "20260102030406", "never the same twice");
    assert.equal(nextVersion(["20991231235959"], now), "20991231235960", "nor before one that is there");
  });

  it("is refused where it would be listed before the newest", () => {
    assert.throws(
      () => nextVersion(["8", "9"], now),
      /9 is the last version of 1 digits.*have 2 digits or more \(09_…\)/,
    );
  });
});

describe("schema: a database named by hand", () => {
  const read = (url: string, from: "DATABASE_URL" | "--database-url" = "DATABASE_URL", env = {}) =>
    readUrl(url, from, env);

  it("is read with its defaults, encrypted unless it is this machine", () => {
    assert.deepEqual(read("postgres://me:p%40ss@db.example/pages"), {
      connection: { host: "db.example", port: 5432, database: "pages", user: "me", sslmode: "verify-full" },
      password: "p@ss",
    });
    assert.equal(read("postgresql://me@localhost:5433/pages").connection.sslmode, "disable");
    assert.deepEqual(read("postgres://me@[::1]/pages").connection.host, "::1");
    assert.equal(read("postgres://me@db/pages?sslmode=disable").connection.sslmode, "disable");
    const { sslmode, sslrootcert } = read(
      "postgres://me@localhost/pages?sslmode=verify-ca&sslrootcert=a.pem",
    ).connection;
    assert.deepEqual([sslmode, sslrootcert], ["verify-ca", resolve("a.pem")]);
    assert.equal(read("postgres://me@db/pages", "--database-url", { PGPASSWORD: "secret" }).password, "secret");
  });

  it("is refused in a sentence that never shows it", () => {
    for (const [url, why] of [
      ["hunter2", "is no URL"],
      ["mysql://me:hunter2@db/pages", "begins with mysql:"],
      ["postgres://db/pages", "names no user"],
      ["postgres://me:hunter2@db", "names no database"],
      ["postgres://me:hunter2@db/pages?sslmode=prefer", "has sslmode=prefer"],
      ["postgres://me:hunter2@db/p%ges", "with a % that stands for nothing"],
    ] as const)
      assert.throws(
        () => read(url),
        (error: Error) => error.message.includes(why) && !error.message.includes("hunter2"),
        url,
      );
    assert.throws(
      () => read("postgres://me:hunter2@db/pages", "--database-url"),
      /holds a password, which every listing/,
    );
  });
});

describe("schema: what is printed", () => {
  it("keeps a table's lines whole, whatever a database holds", () => {
    const drawn = columns([
      ["name", "why"],
      ["a\nb", "red \u001b[31m text\u0007"],
      ["", ""],
    ]);
    assert.equal(drawn, "name  why\na b   red [31m text");
  });
});
