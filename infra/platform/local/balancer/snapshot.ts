// Reads the balancer's Prometheus text. Pure.

import { colours, type Colour } from "./api";
import { BalancerError } from "./errors";

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Bucket {
  /** Upper bound in seconds, Infinity in the last one. */
  le: number;
  /** Responses that took at most `le`, since the balancer started. */
  count: number;
}

/** Counts of one colour on the production listener since the balancer started. Health checks are not in them. */
export interface ColourFigures {
  /** Requests that ended. */
  requests: number;
  /** 5xx made by the target, broken-off answers included (as HTTPCode_Target_5XX_Count). */
  targetErrors: number;
  /** 5xx made by the balancer because no target answered (as HTTPCode_ELB_5XX_Count). */
  balancerErrors: number;
  /** Time until the target's answer began; cumulative, as in Prometheus. */
  buckets: Bucket[];
}

export interface Snapshot extends Record<Colour, ColourFigures> {
  /** Start of the balancer's process, milliseconds since the epoch: when it differs, all counts began anew at 0. */
  startedAt: number;
  /** Names of each colour's critical alarms that fire now: what a walk to it fails by. */
  firing: Record<Colour, string[]>;
}

const sampleLine = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * Parses the Prometheus text format as prom-client writes it (no timestamps).
 * @throws BalancerError UnexpectedAnswer, with the line that is none
 */
export function parseMetrics(text: string): Sample[] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [, name, labels = "", value] = sampleLine.exec(line) ?? [];
    const number = value === undefined ? NaN : toNumber(value);
    if (name === undefined || (Number.isNaN(number) && value !== "NaN")) {
      throw new BalancerError("UnexpectedAnswer", `Not a line of Prometheus metrics: ${line.slice(0, 200)}`);
    }
    const pairs = [...labels.matchAll(label)].map(([, key = "", quoted = ""]) => [key, unescaped(quoted)] as const);
    return { name, labels: Object.fromEntries(pairs), value: number };
  });
}

function toNumber(text: string): number {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

function unescaped(quoted: string): string {
  return quoted.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}

/** @throws BalancerError UnexpectedAnswer when the text does not hold the balancer's metrics */
export function snapshotOf(text: string): Snapshot {
  const samples = parseMetrics(text);
  const started = samples.find(({ name }) => name === "switchyard_balancer_start_time_seconds");
  if (!started) {
    throw new BalancerError("UnexpectedAnswer", "These metrics are not the balancer's: they have no start time.");
  }
  const [blue, green] = colours.map((colour) => figuresOf(samples, colour)) as [ColourFigures, ColourFigures];
  const firing = { blue: firingOf(samples, "blue"), green: firingOf(samples, "green") };
  return { startedAt: Math.round(started.value * 1000), blue, green, firing };
}

const firingOf = (samples: Sample[], colour: Colour): string[] =>
  samples
    .filter(({ name, labels, value }) => name === "switchyard_balancer_alarm" && labels.colour === colour && value > 0)
    // A balancer that an older version of this program started knows no others, and doesn't say so.
    .filter(({ labels: { severity = "critical" } }) => severity === "critical")
    .map(({ labels }) => labels.alarm ?? "");

function figuresOf(samples: Sample[], colour: Colour): ColourFigures {
  const own = samples.filter(({ labels }) => labels.listener === "production" && labels.colour === colour);
  const named = (name: string) => own.filter((sample) => sample.name === `switchyard_balancer_${name}`);
  const sum = (chosen: Sample[]) => chosen.reduce((total, { value }) => total + value, 0);
  const errors = named("errors_total");
  return {
    requests: sum(named("requests_total")),
    targetErrors: sum(errors.filter(({ labels }) => labels.origin === "target")),
    balancerErrors: sum(errors.filter(({ labels }) => labels.origin === "balancer")),
    buckets: named("target_response_seconds_bucket")
      .map(({ labels, value }) => ({ le: toNumber(labels.le ?? "NaN"), count: value }))
      .sort((a, b) => a.le - b.le),
  };
}
