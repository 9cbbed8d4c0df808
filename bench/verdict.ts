/**
 * How often a verdict is wrong, by simulation: bakes with a known error rate, judged every ten seconds by
 * `infra/rollout/verdict.ts` as it is. Writes the tables of docs/verdict.md between their markers.
 *
 *     npm run bench -- verdict          print the tables
 *     npm run bench -- verdict --write  and put them into docs/verdict.md
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectableRate } from "../infra/rollout/detectable";
import { bakeWindow, judge, type Counts, type Sample, type Verdict } from "../infra/rollout/verdict";
import type { BakePlan, Limits } from "../infra/rollout/types";

const SEED = 20_261_121;
const RUNS = 1_000;
const BAKE = 600_000;
const INTERVAL = 10_000;
/** Bakes of the default walk (10, 25, 50, 100 %): each gets a quarter of what may go wrong. */
const BAKES = 4;

const limits: Limits = { errorRate: 0.001, p95: 1, timesWorse: 2, confidence: 0.99 };
const plan: Pick<BakePlan, "bake" | "maxBake" | "minRequests" | "limits"> = {
  bake: BAKE,
  maxBake: 3 * BAKE,
  minRequests: 1_000,
  limits,
};

/** What is true of a colour, which the verdict has to find out. */
interface Truth {
  readonly errors: number;
  readonly slow: number;
}

/** Uniform numbers in [0, 1), the same in every run: mulberry32 (T. Ettinger, public domain). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Successes among `trials` of probability `p`, exactly: the gaps between successes are geometric. */
function binomial(random: () => number, trials: number, p: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return trials;
  let successes = 0;
  let at = 0;
  for (;;) {
    at += 1 + Math.floor(Math.log(1 - random()) / Math.log1p(-p));
    if (at > trials) return successes;
    successes += 1;
  }
}

function countsOf(random: () => number, requests: number, { errors, slow }: Truth): Counts {
  const late = binomial(random, requests, slow);
  return {
    requests,
    errors: binomial(random, requests, errors),
    latency: { total: requests, atMost: [[limits.p95, requests - late]] },
  };
}

interface Ending {
  readonly verdict: Verdict;
  /** Minutes from the beginning of the bake. */
  readonly after: number;
}

/** One bake of green at `share` percent, `perMinute` requests of its own a minute, looked at after every interval. */
function bakeOnce(random: () => number, perMinute: number, share: number, green: Truth, blue: Truth): Ending {
  const window = bakeWindow(0, plan, 0, 0);
  const samples: Sample[] = [];
  for (let from = 0; ; from += INTERVAL) {
    const until = from + INTERVAL;
    const requests = Math.floor((perMinute * until) / 60_000) - Math.floor((perMinute * from) / 60_000);
    const others = Math.floor((requests * (100 - share)) / share);
    samples.push({
      from,
      until,
      colours: { green: countsOf(random, requests, green), blue: countsOf(random, others, blue) },
    });
    const { verdict } = judge({ gaining: "green", share, window, bakes: BAKES }, samples, [], until, plan);
    if (verdict !== undefined) return { verdict, after: until / 60_000 };
  }
}

interface Row {
  readonly fail: number;
  readonly insufficient: number;
  readonly pass: number;
  /** Minutes until half of those that fail have failed. */
  readonly median: number | undefined;
}

function simulate(perMinute: number, share: number, green: Truth, blue: Truth): Row {
  const random = uniform(SEED);
  const endings = Array.from({ length: RUNS }, () => bakeOnce(random, perMinute, share, green, blue));
  const part = (wanted: Verdict): number => endings.filter(({ verdict }) => verdict === wanted).length / RUNS;
  const failed = endings.filter(({ verdict }) => verdict === "fail").map(({ after }) => after);
  const median = failed.sort((a, b) => a - b)[Math.floor(failed.length / 2)];
  return { fail: part("fail"), insufficient: part("insufficient"), pass: part("pass"), median };
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
const VOLUMES = [50, 100, 500, 2_000, 10_000];
const HEALTHY: Truth = { errors: 0.0002, slow: 0.01 };

function table(head: string, rows: readonly (readonly [string, Truth, Truth])[]): string {
  const title = `| ${head} | ${VOLUMES.map((perMinute) => `${perMinute * 10} requests`).join(" | ")} |`;
  const lines = rows.map(([name, green, blue]) => {
    const cells = VOLUMES.map((perMinute) => {
      const { pass, insufficient, fail, median } = simulate(perMinute, 25, green, blue);
      const when = median === undefined || fail < 0.01 ? "" : `, after ${median.toFixed(1)} min`;
      return `${percent(fail)} / ${percent(insufficient)} / ${percent(pass)}${when}`;
    });
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  return [title, `| --- |${VOLUMES.map(() => " --- |").join("")}`, ...lines].join("\n");
}

function tables(): Record<string, string> {
  const errors = (rate: number, other = HEALTHY): readonly [string, Truth, Truth] => [
    percent(rate),
    { ...HEALTHY, errors: rate },
    other,
  ];
  const slow = (rate: number): readonly [string, Truth, Truth] => [percent(rate), { ...HEALTHY, slow: rate }, HEALTHY];
  const both = (rate: number): readonly [string, Truth, Truth] => [
    percent(rate),
    { ...HEALTHY, errors: rate },
    { ...HEALTHY, errors: rate },
  ];
  const detectable = [1_000, 2_000, 5_000, 20_000, 100_000].map(
    (requests) => `| ${requests} | ${percent(detectableRate(requests, limits, BAKES) ?? 1)} |`,
  );
  return {
    errors: table(
      "green's error rate",
      [0, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05].map((rate) => errors(rate)),
    ),
    slow: table("green's requests over 1 s", [0.01, 0.03, 0.05, 0.08, 0.1, 0.2, 0.5].map(slow)),
    both: table("error rate of both", [0.0005, 0.001].map(both)),
    detectable: ["| requests of the bake | error rate that is detected |", "| --- | --- |", ...detectable].join("\n"),
  };
}

/** @param write puts the tables into docs/verdict.md too */
export function benchVerdict(write: boolean): void {
  const path = join(__dirname, "../docs/verdict.md");
  const found = tables();
  for (const [name, text] of Object.entries(found)) console.log(`${name}\n\n${text}\n`);
  if (!write) return;
  let page = readFileSync(path, "utf8");
  for (const [name, text] of Object.entries(found)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const from = page.indexOf(begin);
    const to = page.indexOf(end);
    if (from < 0 || to < from) throw new Error(`docs/verdict.md has no ${begin} … ${end}`);
    page = `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
  }
  writeFileSync(path, page);
}
