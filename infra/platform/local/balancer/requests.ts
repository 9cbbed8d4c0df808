// The shapes that the admin port accepts and the state file holds, checked strictly.

import { z } from "zod";
import { colours, loopbackHosts, maxDelaySeconds, type Weights } from "./api";
import { BalancerError } from "./errors";

const percent = z.int().min(0).max(100);
const listenPort = z.int().min(0).max(65535);
const targetPort = z.int().min(1).max(65535);

// Limits and letters of ELBv2 tags: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html
const tagKey = z
  .string()
  .min(1)
  .max(128)
  .refine((key) => key !== "__proto__", "not a name for a tag");
const tagValue = z.string().max(256);

const weightsShape = z.strictObject({ blue: percent, green: percent });
const weights = weightsShape.refine((given) => given.blue + given.green === 100, "must sum to 100");

export const colour = z.enum(colours);
export const targetId = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, "1 to 128 letters, digits, `.`, `_`, `:` or `-`");
export const delaySeconds = z.coerce.number().min(0).max(maxDelaySeconds);

const expectation = z.strictObject({
  weights: weightsShape.optional(),
  tag: z.strictObject({ key: tagKey, value: tagValue.nullable() }).optional(),
});

const named = z.string().regex(/^[\w-]{1,128}$/);
export const databaseReport = z.strictObject({
  everyMs: z.int().min(100).max(600_000),
  alarms: z
    .array(z.strictObject({ name: named, severity: z.enum(["critical", "high", "medium", "low"]), fires: z.boolean() }))
    .max(100),
  figures: z.array(z.strictObject({ name: named, role: named.optional(), value: z.number() })).max(100),
});

const share = z.number().gt(0).lt(1);
const limitMs = z.number().min(1).max(60_000);
export const alarmLimits = z.strictObject({
  errorRate: z.strictObject({ high: share, critical: share }),
  minRequests: z.int().min(1).max(1_000_000),
  p95: z.strictObject({ high: limitMs, critical: limitMs }),
});

export const newListener = z.strictObject({
  port: listenPort,
  weights,
  tags: z.record(tagKey, tagValue).default({}),
});

export const listenerChange = z.strictObject({
  port: listenPort.optional(),
  weights: weights.optional(),
  tags: z.record(tagKey, tagValue.nullable()).optional(),
  expect: expectation.optional(),
});

export const previewListener = z.strictObject({ port: listenPort });

export const newTarget = z.strictObject({
  id: targetId,
  host: z.enum(loopbackHosts),
  port: targetPort,
});

const boundPort = z.int().min(1).max(65535);

/** What `balancer.json` holds. Health is not in it: it is looked at again after a start. */
export const savedState = z.strictObject({
  format: z.literal(1),
  production: z.strictObject({ port: boundPort, weights, tags: z.record(tagKey, tagValue) }).nullable(),
  preview: z.strictObject({ port: boundPort }).nullable(),
  targets: z.strictObject({ blue: z.array(newTarget), green: z.array(newTarget) }),
});
export type SavedState = z.infer<typeof savedState>;

/**
 * Checks what came in over the admin port.
 * @throws BalancerError InvalidWeights when weights are among the problems, ValidationError else; names every problem
 */
export function accept<T>(shape: z.ZodType<T>, given: unknown, what: string): T {
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues;
  const problems = issues.map((issue) => `${[what, ...issue.path.map(String)].join(".")}: ${issue.message}`).join("; ");
  if (issues.some((issue) => issue.path[0] === "weights")) {
    throw new BalancerError(
      "InvalidWeights",
      `${problems}. Found ${found(given)}; expected integers 0..100 for blue and green that sum to 100.`,
    );
  }
  throw new BalancerError("ValidationError", problems);
}

function found(given: unknown): string {
  return typeof given === "object" && given !== null && "weights" in given
    ? JSON.stringify(given.weights)
    : "no weights";
}

/** Weights as messages show them. */
export function showWeights({ blue, green }: Weights): string {
  return `blue ${blue} %, green ${green} %`;
}
