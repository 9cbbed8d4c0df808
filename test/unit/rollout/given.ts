import { decide, remember, type Decision } from "../../../infra/rollout/rules";
import { settle } from "../../../infra/rollout/settle";
import type { Memory } from "../../../infra/rollout/shift";
import type { Attempt, BakePlan, Declared, Facts, Migration, Overrides, Release } from "../../../infra/rollout/types";

export const release = (version: string, schema: string, more: Partial<Release> = {}): Release => ({
  version,
  schema,
  count: 2,
  fingerprint: version,
  database: "main",
  ...more,
});

export const expand = (version: string, more: Partial<Migration> = {}): Migration => ({
  version,
  name: "add_title",
  phase: "expand",
  checksum: `sha-${version}`,
  lossy: { up: false, down: true },
  hasDown: true,
  ...more,
});

export const contract = (version: string, more: Partial<Migration> = {}): Migration => ({
  ...expand(version, { name: "drop_name", lossy: { up: true, down: false } }),
  phase: "contract",
  ...more,
});

export const bake: BakePlan = {
  steps: [10, 25, 50, 100],
  bake: 600_000,
  maxBake: 1_800_000,
  minRequests: 1_000,
  expectedRequestsPerSecond: 100,
  onInsufficient: "return",
  limits: { errorRate: 0.001, p95: 1, timesWorse: 2, confidence: 0.99 },
};

export const overrides = (more: Partial<Overrides> = {}): Overrides => ({
  rolling: false,
  acceptLoss: [],
  acceptEdited: [],
  breakIdle: [],
  cutOver: false,
  ...more,
});

/** Blue runs A, built against 0002, with all the traffic; both migrations are there; green is empty. */
export const first: Declared = {
  weight: 0,
  releases: { blue: release("A", "0002"), green: null },
  migrateTo: "latest",
  migrations: [expand("0001"), expand("0002")],
  wiring: { listener: "l", targets: { blue: "b", green: "g" } },
  bake,
  overrides: overrides(),
};

/** A plan's life: `up`s that finish, fail or are only looked at. */
export class Stack {
  memory: Memory = { settled: undefined, attempts: [] };
  private ups = 0;

  /** Every `up` finishes; the last one's result is what is settled. @throws Error when one is refused or held. */
  static settledOn(...history: Declared[]): Stack {
    const stack = new Stack();
    for (const declared of history) stack.finish(declared);
    return stack;
  }

  judge(declared: Declared): Decision {
    return decide(this.memory, declared);
  }

  /** An `up` that begins and breaks off somewhere. @throws Error when it is refused. */
  fail(declared: Declared): this {
    this.begin(declared);
    return this;
  }

  /** An `up` that finishes. */
  finish(declared: Declared, facts: Partial<Facts> = {}): this {
    const before = this.memory;
    const attempt = this.begin(declared);
    const left = attempt.leaves[0] ?? [];
    const known = [...declared.migrations, ...(before.settled?.applied ?? [])];
    const applied = left.flatMap((version) => known.find((migration) => migration.version === version) ?? []);
    const { weight, releases, wiring } = declared;
    const settled = settle(before, attempt, { weight, releases, wiring, applied, half: null, scars: [], ...facts });
    this.memory = { ...this.memory, settled };
    return this;
  }

  private begin(declared: Declared): Attempt {
    const decision = this.judge(declared);
    if (decision.refused.length > 0)
      throw new Error(`refused: ${decision.refused.map(({ found }) => found).join("; ")}`);
    this.ups += 1;
    const attempts = remember(this.memory, declared, decision, `up${this.ups}`);
    this.memory = { ...this.memory, attempts };
    const attempt = attempts.at(-1);
    if (attempt === undefined) throw new Error("nothing was remembered");
    return attempt;
  }
}
