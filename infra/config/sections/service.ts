import type { Facts } from "../draft";
import { milliseconds, formatDuration, type Milliseconds } from "../duration";
import { section } from "../key";
import { duration, integer, integerOf, oneOf, port, text } from "../kinds";
import { set, shown, type Problem } from "../problem";
import { defaultCount } from "./release";
import { colours, type Colour } from "./traffic";

declare const kind: unique symbol;
/** The path of a URL. */
export type UrlPath = string & { readonly [kind]: "path" };
/** A file inside a container, absolute. */
export type ContainerFile = string & { readonly [kind]: "container file" };

/** How both colours run on AWS. */
export interface ServiceSettings {
  /** Port that a copy listens on, 1024..65535. Default: 8080. */
  readonly port: number;
  /** CPU units of a copy, 1024 for one vCPU. Default: 512. */
  readonly cpu: number;
  /** Memory of a copy in MiB, as Fargate pairs it with `cpu`. Default: 1024. */
  readonly memory: number;
  readonly architecture: "X86_64" | "ARM64";
  /** Fewest copies of a colour that isn't retired, 1..100: no `count` is below it. Default: 1. */
  readonly minimum: number;
  /** Copies up to which a colour grows by itself, 1..100; no `count` is above it. Default: 4. */
  readonly maximum: number;
  /** Average CPU in percent that copies are added and taken away for, 10..90. Default: 60. */
  readonly targetCpu: number;
  /** How long logs are kept, in days. Default: 365 (CKV_AWS_338). */
  readonly logDays: number;
  /** How long a copy may take to end after it was asked to, 2s..2m (Fargate's range). Default: 1m. */
  readonly stopTimeout: Milliseconds;
  /** How long requests in flight may take once a copy gets no new ones, 0s..1h (the load balancer's range). Default: 30s. */
  readonly deregistrationDelay: Milliseconds;
  /** What the load balancer asks of each copy: no I/O behind it. Default: /health/live. */
  readonly healthPath: UrlPath;
  /** AWS's bundle of RDS certificates inside the image. Default: what the image trusts. */
  readonly caBundle?: ContainerFile | undefined;
}

/**
 * While one release replaces another, ECS runs up to this many percent of a colour's copies: new ones are there before
 * old ones go.
 */
export const maximumPercent = 200;

/** Copies of a colour that may run at a time. ECS rounds down. */
export const mostCopies = (maximum: number): number => Math.floor((maximum * maximumPercent) / 100);

/** What CloudWatch Logs accepts as a retention (PutRetentionPolicy). */
const retentions = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653] as const; // prettier-ignore

/** Memory in MiB, from and to and in which steps, that Fargate has for each CPU ("Task size" in the ECS guide). */
const pairs: Readonly<Record<number, { from: number; to: number; step: number }>> = {
  256: { from: 512, to: 2048, step: 512 },
  512: { from: 1024, to: 4096, step: 1024 },
  1024: { from: 2048, to: 8192, step: 1024 },
  2048: { from: 4096, to: 16_384, step: 1024 },
  4096: { from: 8192, to: 30_720, step: 1024 },
  8192: { from: 16_384, to: 61_440, step: 4096 },
  16384: { from: 32_768, to: 122_880, step: 8192 },
};

export const serviceKeys = {
  service: section(
    {
      port: port({ meaning: "Port that a copy listens on.", example: "8080" }).default(8080),
      cpu: integerOf([256, 512, 1024, 2048, 4096, 8192, 16384], {
        meaning: "CPU units of a copy; 1024 is one vCPU.",
        example: "512",
      }).default(512),
      memory: integer(512, 122_880, "MiB", {
        meaning: "Memory of a copy, as Fargate pairs it with `cpu`.",
        example: "1024",
      }).default(1024),
      architecture: oneOf(["X86_64", "ARM64"], { meaning: "What the images are built for." }).default("X86_64"),
      minimum: integer(1, 100, "running copies", {
        meaning: "Fewest copies of a colour that isn't retired; a lower `count` is refused.",
        example: "1",
      }).default(1),
      maximum: integer(1, 100, "running copies", {
        meaning: "Copies up to which a colour grows by itself; a higher `count` is refused.",
        example: "4",
      }).default(4),
      targetCpu: integer(10, 90, "percent", {
        meaning: "Average CPU that copies are added and taken away for.",
        example: "60",
      }).default(60),
      logDays: integerOf(retentions, { meaning: "How many days logs are kept.", example: "365" }).default(365),
      stopTimeout: duration(milliseconds(2_000), milliseconds(120_000), {
        meaning: "How long a copy may take to end after it was asked to.",
        example: "1m",
      }).default(milliseconds(60_000)),
      deregistrationDelay: duration(milliseconds(0), milliseconds(3_600_000), {
        meaning: "How long requests in flight may take once a copy gets no new ones; at most `stopTimeout`.",
        example: "30s",
      }).default(milliseconds(30_000)),
      healthPath: text<UrlPath>(/^\/[A-Za-z0-9._~/-]{0,1023}$/, "path", "a path that starts with /, without a query", {
        meaning: "What the load balancer asks of each copy, with no I/O behind it: a slow database takes no copy out.",
        example: "/health/live",
      }).default("/health/live" as UrlPath),
      caBundle: text<ContainerFile>(/^\/[A-Za-z0-9._/-]{1,1023}$/, "path", "an absolute path inside the image", {
        meaning:
          "AWS's bundle of RDS certificates (global-bundle.pem) inside the image; with `rds.proxy`, Amazon's roots.",
        example: "/etc/ssl/rds/global-bundle.pem",
        unset: "what the image trusts",
      }).optional(),
    },
    "How both colours run on AWS; refused on any other platform.",
  ).prefault({}),
};

/** Fargate has the size; counts lie between minimum and maximum; a copy drains within the time it has. */
export function serviceRules(facts: Facts): Problem[] {
  const { platform, service = {} } = facts.draft;
  if (platform !== "aws") return [];
  return [
    ...paired(service.cpu, service.memory),
    ...drains(service.deregistrationDelay, service.stopTimeout),
    ...colours.flatMap((colour) => between(colour, facts)),
  ];
}

function paired(cpu: number | undefined, memory: number | undefined): Problem[] {
  const pair = cpu === undefined ? undefined : pairs[cpu];
  if (pair === undefined || memory === undefined) return [];
  const { from, to, step } = pair;
  if (memory >= from && memory <= to && (memory - from) % step === 0) return [];
  const nearest = Math.min(Math.max(from, from + Math.ceil((memory - from) / step) * step), to);
  return [
    {
      path: ["service", "memory"],
      found: shown(`${memory} MiB for ${String(cpu)} CPU units`, "service"),
      allowed: shown(`${from} to ${to} in steps of ${step}, as Fargate has it for that cpu`, "service"),
      ways: [[set(["service", "memory"], nearest, "service")]],
    },
  ];
}

function drains(delay: Milliseconds | undefined, stop: Milliseconds | undefined): Problem[] {
  if (delay === undefined || stop === undefined || delay <= stop) return [];
  return [
    {
      path: ["service", "deregistrationDelay"],
      found: shown(`${formatDuration(delay)}, above service.stopTimeout ${formatDuration(stop)}`, "service"),
      allowed: "at most service.stopTimeout: a copy is ended after that, with the requests that it still has",
      ways: [[set(["service", "deregistrationDelay"], formatDuration(stop), "service")]],
    },
  ];
}

function between(colour: Colour, { draft: { service = {}, ...draft }, has }: Facts): Problem[] {
  const { minimum, maximum } = service;
  const count = has([colour, "count"]) ? draft[colour]?.count : defaultCount.aws;
  if (!has([colour]) || count === undefined || count === 0 || minimum === undefined || maximum === undefined) return [];
  if (count >= minimum && count <= maximum) return [];
  const bound = count < minimum ? "minimum" : "maximum";
  return [
    {
      path: [colour, "count"],
      found: shown(
        `${count}, ${bound === "minimum" ? "below" : "above"} service.${bound} ${service[bound] ?? ""}`,
        colour,
        "service",
      ),
      allowed: shown(
        `${minimum} to ${maximum} (service.minimum and service.maximum), or 0 for a retired colour`,
        "service",
      ),
      ways: [
        [set(["service", bound], count, colour)],
        ...(minimum <= maximum ? [[set([colour, "count"], bound === "minimum" ? minimum : maximum, "service")]] : []),
      ],
    },
  ];
}
