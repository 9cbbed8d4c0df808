import assert from "node:assert/strict";
import fc from "fast-check";
import type { Client } from "pg";
import { decide, NARROWING_WAITS, RULES } from "../../infra/rollout/rules";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { play } from "../unit/rollout/world/play";
import { RealDatabases } from "../unit/rollout/world/real";
import { actions, type Action, type Habits } from "../unit/rollout/world/team";
import { TracedDatabase, withoutRepeats, type Event } from "../unit/rollout/world/trace";
import { Broken, type Judge } from "../unit/rollout/world/world";

/** How many sequences are played with every rule in place. SWITCHYARD_ORACLE_SEQUENCES=5000 for more. */
const SEQUENCES = Number(process.env["SWITCHYARD_ORACLE_SEQUENCES"] ?? 600);
const SEED = Number(process.env["SWITCHYARD_SEED"] ?? 1);
/** Sequences that are played at the same time, each in a schema of its own. */
const AT_ONCE = 4;

/** A team that contracts and goes back a lot, which is where data gets lost. */
const LOSING: Habits = { contract: 12, migrateTo: 12, shift: 8, finish: 8, release: 6 };
/** A team that moves to another database. */
const MOVING: Habits = { move: 12, shift: 8, accept: 8 };

/** Rules without which a query fails or a write is lost, and what makes that likelier. The others guard what isn't SQL. */
const RULES_ABOUT_DATA: Record<string, Habits> = {
  "narrowing-waits": {},
  "schema-reached": {},
  "point-of-no-return": { contract: 8, finish: 6, shift: 8 },
  "loss-stands": LOSING,
  "one-database": {},
  "release-can-start": {},
  "applied-stays": {},
  "new-goes-last": { files: 10 },
  "writes-stay": {},
};

/** What a sequence did to the databases, up to where the simulated world broke, if it did. */
interface Played {
  readonly events: readonly Event[];
  readonly broken: string | undefined;
}

/** Something that a database or release stumbled over, or a loss that nobody asked for. */
interface Fault {
  readonly at: number;
  readonly what: string;
}

function simulate(sequence: readonly Action[], plan: Judge): Played {
  const database = new TracedDatabase();
  let broken: string | undefined;
  try {
    play(sequence, plan, new Map(), database);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    broken = error.message;
  }
  return { events: withoutRepeats(database.events), broken };
}

/** What the simulated databases found first. */
function simulatedFault({ events }: Played): Fault | undefined {
  for (const [at, event] of events.entries()) {
    const verdict = "verdict" in event ? event.verdict : undefined;
    if (isFault(event, events[at + 1], verdict)) return { at, what: verdict ?? "" };
  }
  return undefined;
}

/** Without the halves that migrations leave, of which the simulation knows nothing: what depends on one is a fault in itself. */
const inWholes = ({ events, broken }: Played): Played => ({
  events: events.filter(({ kind }) => kind !== "breakOff"),
  broken,
});

/** A down may destroy what somebody accepts to lose, which is said right after it. */
function isFault(event: Event, next: Event | undefined, verdict: string | undefined): boolean {
  if (verdict === undefined) return false;
  if (event.kind !== "down" || next?.kind !== "forgive") return true;
  const { script } = event.file;
  return script.kind === "index" || !next.fields.includes(script.field);
}

const without = (...ids: string[]): Judge => {
  const rules = RULES.filter((rule) => !ids.includes(rule.id));
  const ruleset = { rules, narrowingWaits: !ids.includes(NARROWING_WAITS.id) };
  return (memory, declared) => decide(memory, declared, ruleset);
};

const sample = (count: number, habits: Habits = {}): Action[][] =>
  fc.sample(actions(habits), { numRuns: count, seed: SEED });

describe("sequences of config changes, on a real PostgreSQL", function () {
  this.timeout(60_000 + SEQUENCES * 500);
  let postgres: TestPostgres;
  let clients: Client[] = [];
  let schemas = 0;
  const counts = new Map<string, number>();
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

  before(async () => {
    postgres = await startPostgres(15);
    const { user, password } = postgres.administrator;
    await postgres.asSuperuser((client) => client.query(`CREATE DATABASE oracle OWNER ${user}`));
    const connect = (): Promise<Client> => postgres.connect({ user, password, database: "oracle" });
    clients = await Promise.all(Array.from({ length: AT_ONCE }, connect));
  });
  after(() => postgres.stop());
  beforeEach(() => counts.clear());

  /**
   * Does in a fresh schema what the simulation did, and judges by what PostgreSQL says alone.
   * @throws AssertionError where the simulated databases said something else.
   */
  async function realFault(client: Client, { events }: Played): Promise<Fault | undefined> {
    const schema = `sequence_${++schemas}`;
    const real = await RealDatabases.create(client, schema);
    try {
      for (const [at, event] of events.entries()) {
        const verdict = await real.play(event);
        const simulated = "verdict" in event ? event.verdict : undefined;
        count(event.kind);
        if ((verdict === undefined) !== (simulated === undefined))
          assert.fail(
            `event ${at}, ${JSON.stringify(event)}: PostgreSQL says ${verdict ?? "nothing"}, the simulation ${simulated ?? "nothing"}`,
          );
        if (isFault(event, events[at + 1], verdict)) return { at, what: verdict ?? "" };
      }
      return undefined;
    } finally {
      await client.query(`DROP SCHEMA ${schema} CASCADE`);
    }
  }

  /** Each of them on the next free connection. */
  async function onEach<T>(items: readonly T[], work: (client: Client, item: T) => Promise<void>): Promise<void> {
    const queue = [...items];
    const workers = clients.map(async (client) => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(client, item);
    });
    const ended = await Promise.allSettled(workers);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  it(`never give traffic to a release whose queries fail, nor lose a write unasked, in ${SEQUENCES} sequences`, async () => {
    const rest = Math.ceil(SEQUENCES / 5);
    const sequences = [...sample(SEQUENCES - 2 * rest), ...sample(rest, LOSING), ...sample(rest, MOVING)];
    await onEach(sequences, async (client, sequence) => {
      const played = simulate(sequence, decide);
      assert.equal(played.broken, undefined);
      assert.deepEqual(await realFault(client, played), undefined);
    });
    for (const kind of ["up", "down", "breakOff", "start", "read", "write", "forgive", "restore", "catchUp"])
      assert.ok((counts.get(kind) ?? 0) > 0, `${kind} was never played: this shows too little`);
  });

  it("fail on it where they fail in the simulation, when no rule holds them back", async () => {
    const plan = without(NARROWING_WAITS.id, ...RULES.map(({ id }) => id));
    const failed = new Map<string, number>();
    await onEach([...sample(200), ...sample(100, MOVING)], async (client, sequence) => {
      const played = inWholes(simulate(sequence, plan));
      const found = await realFault(client, played);
      assert.equal(found?.at, simulatedFault(played)?.at);
      const kind = found === undefined ? "nothing" : (played.events[found.at]?.kind ?? "");
      failed.set(kind, (failed.get(kind) ?? 0) + 1);
    });
    // A release that lacks a column, one that misses a write, a down that destroys one, and the way to none of them.
    for (const kind of ["start", "read", "down", "nothing"])
      assert.ok((failed.get(kind) ?? 0) >= 5, `${kind}: ${failed.get(kind) ?? 0} times; this shows too little`);
  });

  for (const [id, habits] of Object.entries(RULES_ABOUT_DATA)) {
    it(`fail on it without ${id}, and not with it`, async () => {
      const [client] = clients;
      const sequence = firstFailing(without(id), habits);
      assert.ok(client !== undefined && sequence !== undefined, `no sequence fails without ${id}`);
      const played = inWholes(simulate(sequence, without(id)));
      const found = await realFault(client, played);
      assert.ok(found !== undefined, `the simulation broke (${played.broken ?? ""}), PostgreSQL found nothing`);
      assert.deepEqual(await realFault(client, simulate(sequence, decide)), undefined);
    });
  }
});

/** The first sequence that comes to grief in a database, looked for in the simulation because that is quick. */
function firstFailing(plan: Judge, habits: Habits): Action[] | undefined {
  const fails = (sequence: Action[]): boolean => simulatedFault(simulate(sequence, plan)) !== undefined;
  const { counterexample } = fc.check(
    fc.property(actions(habits), (sequence) => !fails(sequence)),
    { numRuns: 5_000, seed: SEED, endOnFailure: true },
  );
  return counterexample?.[0];
}
