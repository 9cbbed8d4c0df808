import assert from "node:assert/strict";
import fc from "fast-check";
import {
  connectionProblems,
  fitPool,
  highestColourLimit,
  mostCopies,
  planConnections,
  type ConnectionDemand,
} from "../../infra/database/budget";

const reserved = { administration: 5, migrator: 5, dump: 2, monitoring: 5 };

const local: ConnectionDemand = {
  maxConnections: 250,
  colourLimit: 100,
  reserved,
  colours: [
    { key: "blue.count", copies: 2 },
    { key: "green.count", copies: 2 },
  ],
  pool: { max: 20, min: 5 },
};

const demands: fc.Arbitrary<ConnectionDemand> = fc.record({
  maxConnections: fc.integer({ min: 1, max: 5000 }),
  colourLimit: fc.integer({ min: 1, max: 2500 }),
  reserved: fc.record({ administration: fc.nat(10), migrator: fc.nat(10), dump: fc.nat(10), monitoring: fc.nat(10) }),
  colours: fc.uniqueArray(
    fc.record({
      key: fc.constantFrom("blue.count", "green.count"),
      copies: fc.nat(200),
      maximumPercent: fc.integer({ min: 100, max: 200 }),
    }),
    { minLength: 1, maxLength: 2, selector: ({ key }) => key },
  ),
  pool: fc
    .nat(100)
    .chain((min) => fc.record({ min: fc.constant(min), max: fc.integer({ min: Math.max(1, min), max: 200 }) })),
});

describe("the budget of connections", () => {
  it("gives each copy its configured pool where that fits", () => {
    assert.deepEqual(planConnections(local), [
      { max: 20, min: 5 },
      { max: 20, min: 5 },
    ]);
  });

  it("shrinks the pools as copies are added, counting those that run while one release replaces another", () => {
    const colours = [
      { key: "blue.count", copies: 8 },
      { key: "green.count", copies: 8, maximumPercent: 200 },
    ];
    assert.deepEqual(
      planConnections({ ...local, colours }).map(({ max }) => max),
      [12, 6],
    );
  });

  it("names what a server lacks, and the ways out", () => {
    assert.deepEqual(connectionProblems({ ...local, maxConnections: 100 }), [
      "database.maxConnections: found 100, expected at least 217: 2 colours × 100 + administration 5 + migrator 5 + dump 2 + " +
        "monitoring 5; raise database.maxConnections to 217 (on AWS a larger instance class), or lower " +
        "database.colourConnectionLimit to 41",
    ]);
  });

  it("names what a colour lacks, and the ways out", () => {
    const colours = [{ key: "green.count", copies: 15, maximumPercent: 200 }];
    assert.deepEqual(connectionProblems({ ...local, colours }), [
      "green.count: found 15 copies, 30 while they are replaced (maximumPercent 200): each would get 3 of " +
        "database.colourConnectionLimit 100 connections, expected at least 5; raise database.colourConnectionLimit to 150, " +
        "or lower green.count to 10, or lower database.pool.min to 3, or replace copies without running more than 15 at a " +
        "time (maximumPercent 100)",
    ]);
  });

  it("never lets all copies of all colours together hold more than the server has", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        fc.pre(connectionProblems(demand).length === 0);
        const pools = planConnections(demand);
        const open = demand.colours.map((colour, index) => mostCopies(colour) * (pools[index]?.max ?? NaN));
        for (const connections of open) assert.ok(connections <= demand.colourLimit);
        const others = Object.values(demand.reserved).reduce((sum, count) => sum + count, 0);
        assert.ok(open.reduce((sum, count) => sum + count, 0) + others <= demand.maxConnections);
      }),
    );
  });

  it("gives no copy more than is configured, fewer than pool.min, or none, and no less than it could", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        for (const colour of demand.colours) {
          const fitted = fitPool(demand.pool, demand.colourLimit, colour);
          if (fitted === undefined) continue;
          assert.ok(fitted.max <= demand.pool.max && fitted.max >= Math.max(1, demand.pool.min));
          assert.ok(fitted.max === demand.pool.max || (fitted.max + 1) * mostCopies(colour) > demand.colourLimit);
        }
      }),
    );
  });

  it("shrinks or keeps a pool with each further copy, never enlarges it", () => {
    fc.assert(
      fc.property(demands, fc.nat(200), (demand, more) => {
        for (const colour of demand.colours) {
          const [before, after] = [colour, { ...colour, copies: colour.copies + more }].map((each) =>
            fitPool(demand.pool, demand.colourLimit, each),
          );
          assert.ok((after?.max ?? 0) <= (before?.max ?? 0));
        }
      }),
    );
  });

  it("throws all problems at once exactly when there are any, and says each on one line", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        const problems = connectionProblems(demand);
        if (problems.length === 0) assert.equal(planConnections(demand).length, demand.colours.length);
        else assert.throws(() => planConnections(demand), { message: problems.join("\n") });
        for (const problem of problems) assert.doesNotMatch(problem, /\n|undefined|NaN|Infinity/);
      }),
    );
  });

  it("offers only ways out that lead out", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        for (const problem of connectionProblems(demand)) {
          const limit = /(?:raise|lower) database\.colourConnectionLimit to (\d+)/.exec(problem)?.[1];
          const most = /raise database\.maxConnections to (\d+)/.exec(problem)?.[1];
          const min = /lower database\.pool\.min to (\d+)/.exec(problem)?.[1];
          const [, key, copies] = /lower (\w+\.count) to (\d+)/.exec(problem) ?? [];
          const changed = [
            ...(limit === undefined ? [] : [{ ...demand, colourLimit: Number(limit) }]),
            ...(most === undefined ? [] : [{ ...demand, maxConnections: Number(most) }]),
            ...(min === undefined ? [] : [{ ...demand, pool: { ...demand.pool, min: Number(min) } }]),
            ...(copies === undefined
              ? []
              : [
                  {
                    ...demand,
                    colours: demand.colours.map((each) =>
                      each.key === key ? { ...each, copies: Number(copies) } : each,
                    ),
                  },
                ]),
          ];
          const subject = `${problem.split(":")[0] ?? ""}:`;
          for (const each of changed)
            assert.deepEqual(
              connectionProblems(each).filter((left) => left.startsWith(subject)),
              [],
            );
          assert.ok(changed.length > 0);
          assert.ok(highestColourLimit(demand) <= demand.maxConnections);
        }
      }),
    );
  });
});
