import assert from "node:assert/strict";
import * as fc from "fast-check";
import { compareVersions, formatPending, pendingList, planMigrations } from "../../../infra/schema";
import type { AppliedMigration, Migration, MigrationPlan, Phase, Step } from "../../../infra/schema";
import { Touches } from "../../../infra/schema/touches";
import { migrationText, readTexts } from "./build";
import type { Shape } from "./build";

function files(...parts: (readonly [sql: string, shape?: Shape])[]): Migration[] {
  const { migrations, problems } = readTexts(...parts.map(([sql, shape]) => migrationText(sql, shape)));
  assert.deepEqual(problems, []);
  return migrations;
}

const record = ({ version, name, phase, checksum, up, down, irreversible }: Migration): AppliedMigration => ({
  version,
  name,
  phase,
  checksum,
  up: up.text,
  down: down.text,
  irreversible,
});
const names = (steps: readonly Step[]): string[] =>
  steps.map(({ version, direction }) => `${Number(version)} ${direction}`);
const rules = ({ problems }: MigrationPlan): string[] => problems.map(({ rule }) => rule);
const contract: Shape = { phase: "contract" };

/** 1 and 2 expand, 3 contracts, 4 expands; each on a table of its own. */
const four = files(
  ["CREATE TABLE a (id int);", { undo: "DROP TABLE a;" }],
  ["ALTER TABLE b ADD COLUMN x int;", { undo: "ALTER TABLE b DROP COLUMN x;" }],
  ["ALTER TABLE c DROP COLUMN x;", { ...contract, undo: "ALTER TABLE c ADD COLUMN x int;" }],
  ["ALTER TABLE d ADD COLUMN x int;", { undo: "ALTER TABLE d DROP COLUMN x;" }],
);

describe("schema: planning", () => {
  it("widens before traffic and narrows after it: expands first, contracts last, each in order", () => {
    const plan = planMigrations({ files: four, applied: [] });
    assert.deepEqual(names(plan.widening), ["1 up", "2 up", "4 up"]);
    assert.deepEqual(names(plan.narrowing), ["3 up"]);
    assert.deepEqual([plan.target, plan.problems, plan.notes], ["0004", [], []]);
  });

  it("goes back in reverse: downs of contracts widen, downs of expands narrow", () => {
    const plan = planMigrations({ files: four, applied: four.map(record), migrateTo: "0001" });
    assert.deepEqual(names(plan.widening), ["3 down"]);
    assert.deepEqual(names(plan.narrowing), ["4 down", "2 down"]);
  });

  it("takes all back where migrateTo is all zeros", () => {
    const plan = planMigrations({ files: four, applied: four.map(record), migrateTo: "0000", live: false });
    assert.deepEqual(names(plan.widening), ["4 down", "3 down", "2 down", "1 down"]);
    assert.deepEqual([plan.problems, plan.notes], [[], []]);
  });

  it("keeps the order of steps that touch the same table: the widening one waits", () => {
    const both = files(
      ["ALTER TABLE a DROP COLUMN x;", contract],
      ["ALTER TABLE a ADD COLUMN x text;"],
      ["ALTER TABLE b ADD COLUMN y int;"],
      ["CREATE INDEX i ON a (x);"],
    );
    const plan = planMigrations({ files: both, applied: [] });
    assert.deepEqual(names(plan.widening), ["3 up"]);
    assert.deepEqual(names(plan.narrowing), ["1 up", "2 up", "4 up"]);
    assert.deepEqual(
      plan.narrowing.map(({ waitsFor }) => waitsFor),
      [[], ["0001"], ["0001", "0002"]],
    );
  });

  it("knows an index by its table, and takes what it can't know for the same thing", () => {
    const dropIndex: Shape = { ...contract, up: "transaction:false" };
    const known = files(
      ["CREATE INDEX i ON a (x);"],
      ["DROP INDEX CONCURRENTLY i;", dropIndex],
      ["ALTER TABLE a ADD COLUMN y int;"],
      ["ALTER TABLE b ADD COLUMN y int;"],
    );
    assert.deepEqual(names(planMigrations({ files: known, applied: [] }).narrowing), ["2 up", "3 up"]);
    const unknown = files(["DROP INDEX CONCURRENTLY i;", dropIndex], ["ALTER TABLE b ADD COLUMN y int;"]);
    assert.deepEqual(names(planMigrations({ files: unknown, applied: [] }).widening), []);
    const opaque = files(["DROP TABLE a;", contract], ["DO $$ BEGIN END $$;"]);
    assert.deepEqual(names(planMigrations({ files: opaque, applied: [] }).widening), []);
  });

  it("runs everything in order while widening, where no release can be running", () => {
    const plan = planMigrations({ files: four, applied: [], live: false });
    assert.deepEqual(names(plan.widening), ["1 up", "2 up", "3 up", "4 up"]);
    assert.deepEqual(plan.narrowing, []);
  });

  it("stops at migrateTo, given in any spelling of the number", () => {
    for (const migrateTo of ["2", "0002", "000002"]) {
      assert.deepEqual(names(planMigrations({ files: four, applied: [], migrateTo }).widening), ["1 up", "2 up"]);
    }
  });

  it("refuses an unknown migrateTo with a near miss, or the version of a name", () => {
    const message = (migrateTo: string): string =>
      planMigrations({ files: four, applied: [], migrateTo }).problems[0]?.message ?? "";
    assert.match(message("latst"), /"latst" is neither .*\(known are 0001 to 0004\); did you mean latest\?/);
    assert.match(message("0014"), /did you mean 0001\?|did you mean 0004\?/);
    assert.match(message("0002_a"), /did you mean 0002\?/);
    assert.match(
      planMigrations({ files: [], applied: [], migrateTo: "1" }).problems[0]?.message ?? "",
      /there is no migration/,
    );
    assert.deepEqual(planMigrations({ files: [], applied: [] }), {
      widening: [],
      narrowing: [],
      problems: [],
      notes: [],
    });
  });

  it("refuses a changed checksum, and names the way to accept it", () => {
    const applied = four.map(record).map((one, index) => (index === 1 ? { ...one, checksum: "0".repeat(64) } : one));
    const plan = planMigrations({ files: four, applied });
    assert.deepEqual(rules(plan), ["checksum-changed"]);
    assert.match(plan.problems[0]?.safeWay ?? "", /npm run schema -- accept 0002/);
  });

  it("refuses a pending expand below an applied migration", () => {
    const [first, , third] = four;
    assert.ok(first && third);
    const plan = planMigrations({ files: four, applied: [record(first), record(third)] });
    assert.deepEqual(
      plan.problems.map(({ rule, file }) => `${rule} ${file}`),
      ["out-of-order 0002_a.sql"],
    );
  });

  it("lets a contract be overtaken while it waits, unless both touch the same things", () => {
    const applied = [0, 1, 3].flatMap((index) => four[index] ?? []).map(record);
    const plan = planMigrations({ files: four, applied });
    assert.deepEqual([names(plan.narrowing), plan.problems], [["3 up"], []]);
    const same = files(["ALTER TABLE a DROP COLUMN x;", contract], ["ALTER TABLE a ADD COLUMN y int;"]);
    assert.deepEqual(rules(planMigrations({ files: same, applied: same.slice(1).map(record) })), ["out-of-order"]);
  });

  it("does not count a migration that goes away in the same run as applied above", () => {
    const applied = [four[0], four[3]].flatMap((one) => one ?? []).map(record);
    const plan = planMigrations({ files: four, applied, migrateTo: "2" });
    assert.deepEqual([rules(plan), names(plan.narrowing), names(plan.widening)], [[], ["4 down"], ["2 up"]]);
  });

  it("runs the recorded down where the revert removed the file together with migrateTo", () => {
    const plan = planMigrations({ files: four.slice(0, 3), applied: four.map(record), migrateTo: "0003" });
    assert.deepEqual(names(plan.narrowing), ["4 down"]);
    assert.equal(plan.narrowing[0]?.source, "recorded");
    assert.deepEqual(plan.narrowing[0].locks, [{ table: "d", mode: "ACCESS EXCLUSIVE" }]);
    assert.deepEqual(plan.problems, []);
  });

  it("prefers the recorded down over the file's, since that is what belongs to what ran", () => {
    const applied = four
      .map(record)
      .map((one) =>
        one.version === "0004"
          ? { ...one, down: "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY i;" }
          : one,
      );
    const [step] = planMigrations({ files: four, applied, migrateTo: "3" }).narrowing;
    assert.deepEqual(
      [step?.source, step?.transaction, step?.statements[0]?.kind],
      ["recorded", false, "DROP INDEX CONCURRENTLY"],
    );
  });

  it("leaves a missing file's migration applied under latest, and says so", () => {
    const plan = planMigrations({ files: four.slice(0, 3), applied: four.map(record) });
    assert.deepEqual([plan.widening, plan.narrowing, plan.problems], [[], [], []]);
    assert.match(plan.notes[0] ?? "", /^0004_a is applied, but its file is gone; it stays\./);
  });

  it("refuses to go back past a migration without a way down", () => {
    const [gone] = files(["DROP TABLE a;", { ...contract, undo: '-- switchyard: irreversible="the rows are gone"' }]);
    assert.ok(gone);
    const plan = planMigrations({
      files: [...four, { ...gone, version: "0005" }],
      applied: [...four.map(record), { ...record(gone), version: "0005" }],
      migrateTo: "4",
    });
    assert.deepEqual(rules(plan), ["no-down"]);
    assert.match(plan.problems[0]?.message ?? "", /it is irreversible: the rows are gone/);
    const lost = planMigrations({
      files: four.slice(0, 3),
      applied: four.map(record).map((one) => ({ ...one, down: undefined })),
      migrateTo: "3",
    });
    assert.match(lost.problems[0]?.message ?? "", /no down of it is recorded, and its file is gone/);
  });

  it("refuses doubled versions in files and in the history", () => {
    const twice = four.slice(0, 1).flatMap((one) => [one, { ...one, version: "1" }]);
    assert.deepEqual(rules(planMigrations({ files: twice, applied: [] })), ["duplicate-version"]);
    assert.deepEqual(rules(planMigrations({ files: four, applied: twice.map(record) })), ["duplicate-version"]);
  });

  it("prints what is pending: version, name, phase, statements and locks", () => {
    const plan = planMigrations({ files: four.slice(1, 3), applied: [] });
    assert.equal(
      formatPending(pendingList(plan)),
      [
        "0002 a: expand up (widen)",
        "    ALTER TABLE b ADD COLUMN x int",
        "    locks: ACCESS EXCLUSIVE on b",
        "0003 a: contract up (narrow)",
        "    ALTER TABLE c DROP COLUMN x",
        "    locks: ACCESS EXCLUSIVE on c",
      ].join("\n"),
    );
    assert.equal(formatPending([]), "nothing pending");
    const entries = pendingList(plan);
    assert.deepEqual(JSON.parse(JSON.stringify(entries)), entries, "plain data, as resource inputs must be");
  });
});

describe("schema: planning, whatever the files and the history (properties)", () => {
  const TABLES = ["a", "b", "c"];
  const pool = new Map<string, Migration>();
  /** A migration of that phase on that table; parsed once. */
  function migration(version: number, phase: Phase, table: string): Migration {
    const key = `${version} ${phase} ${table}`;
    const known = pool.get(key);
    if (known !== undefined) return known;
    const add = `ALTER TABLE ${table} ADD COLUMN x${version} int;`;
    const drop = `ALTER TABLE ${table} DROP COLUMN x${version};`;
    const [made] = files(phase === "expand" ? [add, { phase, undo: drop }] : [drop, { phase, undo: add }]);
    assert.ok(made);
    const one = { ...made, version: String(version).padStart(4, "0") };
    pool.set(key, one);
    return one;
  }

  const situation = fc
    .array(fc.record({ phase: fc.constantFrom<Phase>("expand", "contract"), table: fc.constantFrom(...TABLES) }), {
      minLength: 1,
      maxLength: 9,
    })
    .chain((shapes) => {
      const all = shapes.map(({ phase, table }, index) => migration(index + 1, phase, table));
      return fc.record({
        all: fc.constant(all),
        applied: fc.subarray(all),
        removed: fc.subarray(all),
        target: fc.integer({ min: 1, max: all.length }),
      });
    });

  const after = (
    applied: readonly AppliedMigration[],
    all: readonly Migration[],
    steps: readonly Step[],
  ): AppliedMigration[] => {
    const state = new Map(applied.map((one) => [one.version, one]));
    for (const { version, direction } of steps) {
      if (direction === "down") assert.ok(state.delete(version), "only what is applied goes down");
      else {
        assert.ok(!state.has(version), "only what is not applied goes up");
        state.set(version, record(all.find((one) => one.version === version) ?? assert.fail(version)));
      }
    }
    return [...state.values()].sort((a, b) => compareVersions(a.version, b.version));
  };

  it("narrows nothing before traffic, and ends where migrateTo says, after which nothing is pending", () => {
    fc.assert(
      fc.property(situation, ({ all, applied, target }) => {
        const history = applied.map(record);
        const plan = planMigrations({ files: all, applied: history, migrateTo: String(target) });
        assert.ok(plan.widening.every(({ effect }) => effect === "widen"));
        const end = after(history, all, [...plan.widening, ...plan.narrowing]);
        assert.deepEqual(
          end.map(({ version }) => Number(version)),
          Array.from({ length: target }, (_, index) => index + 1),
        );
        const again = planMigrations({ files: all, applied: end, migrateTo: String(target) });
        assert.deepEqual([again.widening, again.narrowing, again.problems], [[], [], []]);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the order of any two steps that touch the same things: first what goes back, newest first, then what comes", () => {
    fc.assert(
      fc.property(situation, ({ all, applied, target }) => {
        const { widening, narrowing } = planMigrations({
          files: all,
          applied: applied.map(record),
          migrateTo: String(target),
        });
        const touches = new Touches(all);
        const place = ({ version, direction }: Step): number =>
          direction === "down" ? -Number(version) : Number(version);
        const steps = [...widening, ...narrowing];
        steps.forEach((later, index) => {
          for (const earlier of steps.slice(0, index)) {
            if (touches.meet(earlier.statements, later.statements)) assert.ok(place(earlier) < place(later));
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it("leaves a widening step out of the widening only where it waits for a narrowing one", () => {
    fc.assert(
      fc.property(situation, ({ all, applied, target }) => {
        const { narrowing } = planMigrations({ files: all, applied: applied.map(record), migrateTo: String(target) });
        narrowing.forEach(({ effect, waitsFor }, index) => {
          assert.equal(effect === "widen", waitsFor.length > 0);
          const before = new Set(narrowing.slice(0, index).map(({ version }) => version));
          assert.ok(waitsFor.every((version) => before.has(version)));
        });
      }),
      { numRuns: 500 },
    );
  });

  it("needs no file to go back: the history is enough", () => {
    fc.assert(
      fc.property(situation, ({ all, removed, target }) => {
        const kept = all.filter((one) => !removed.includes(one));
        const withFiles = planMigrations({ files: all, applied: all.map(record), migrateTo: String(target) });
        const without = planMigrations({ files: kept, applied: all.map(record), migrateTo: String(target) });
        assert.deepEqual(names(without.widening), names(withFiles.widening));
        assert.deepEqual(names(without.narrowing), names(withFiles.narrowing));
        assert.deepEqual(rules(without), []);
      }),
      { numRuns: 300 },
    );
  });

  it("accepts whatever it has itself planned, wherever runs to and fro were cut off", () => {
    const run = fc.record({ target: fc.nat(), cut: fc.nat() });
    fc.assert(
      fc.property(situation, fc.array(run, { minLength: 1, maxLength: 4 }), ({ all }, runs) => {
        let history: AppliedMigration[] = [];
        const announced = new Set<string>();
        for (const { target, cut } of runs) {
          const migrateTo = String((target % all.length) + 1);
          const plan = planMigrations({ files: all, applied: history, migrateTo, announced: [...announced] });
          assert.deepEqual(
            rules(plan),
            [],
            `no false alarm with ${history.map(({ version }) => version).join()} to ${migrateTo}`,
          );
          const steps = [...plan.widening, ...plan.narrowing];
          for (const { version } of steps) announced.add(version);
          history = after(history, all, steps.slice(0, cut % (steps.length + 1)));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
