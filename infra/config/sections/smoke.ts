import { z } from "zod";
import { milliseconds, type Milliseconds } from "../duration";
import { section } from "../key";
import { duration, text } from "../kinds";
import { smokeRequests, type SmokeRequest } from "../smoke-requests";

declare const kind: unique symbol;
/** A command line for a shell. */
export type ShellCommand = string & { readonly [kind]: "shell command" };

/** What a colour has to show over the preview listener before it gains traffic (docs/smoke.md). */
export interface SmokeSettings {
  /** In the order in which they are sent. Default: {@link usualRequests}. */
  readonly requests: readonly SmokeRequest[];
  /** How long the colour may take to be healthy, 1s..1h. Default: 5m (300 s, the deployment guides' figure). */
  readonly healthWait: Milliseconds;
  /** A test of the team's own, run after the requests. Default: none. */
  readonly command?: ShellCommand | undefined;
}

/** What is asked of a service whose config names no requests. */
const usualRequests: readonly SmokeRequest[] = [
  { method: "GET", path: "/health", headers: {}, expect: { status: 200 }, requests: 1, concurrency: 1 },
];

export const smokeKeys = {
  smoke: section(
    {
      requests: smokeRequests({
        meaning: "Requests to the colour that is about to gain traffic, each with what its answer must be.",
        unset: "GET /health answers 200",
      }).default([...usualRequests]),
      healthWait: duration(milliseconds(1_000), milliseconds(3_600_000), {
        meaning: "How long that colour may take until GET /health answers 200.",
        example: "5m",
      }).default(milliseconds(300_000)),
      command: text<ShellCommand>(
        // eslint-disable-next-line no-control-regex -- of control characters a command needs tab and newline alone
        /^(?=.*\S)[^\u0000-\u0008\u000b-\u001f]{1,4096}$/s,
        "shell command",
        "1 to 4096 characters for a shell",
        { meaning: "A test of your own, run after the requests.", example: "npm run smoke", unset: "none" },
      ).optional(),
    },
    "What a colour has to show before it gains traffic.",
  ).prefault({}),
} satisfies z.ZodRawShape;
