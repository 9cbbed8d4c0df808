import { systemClock } from "../providers/traffic/clock";
import type { PerColour } from "../rollout/types";
import type { Sample } from "../rollout/verdict";
import type { AwsConnection } from "./aws/sdk";

/** Where the figures of the production listener are read. Plain data: it is an input of resources. */
export interface LocalTelemetryAddress {
  kind: "local";
  adminPort: number;
}

/** What CloudWatch knows of an Application Load Balancer. */
export interface AwsTelemetryAddress {
  kind: "aws";
  connection: AwsConnection;
  /** ARN; the metrics' dimension is the end of it. */
  loadBalancer: string;
  /** ARNs. */
  targetGroups: PerColour<string>;
  /** Name of each colour's composite alarm. */
  alarms: PerColour<string>;
  /**
   * Seconds that latencies are compared with, above 0: the p95 of `bake.limits` has to be among them, or what lies between it
   * and its neighbours is neither within nor above it. @default see DEFAULT_EDGES
   */
  edges?: readonly number[];
}
export type TelemetryAddress = LocalTelemetryAddress | AwsTelemetryAddress;

/** What telemetry says since it was last asked. */
export interface Look {
  /** Intervals whose figures have become complete: disjoint, in order. None at the first look, which is where counting begins. */
  readonly samples: readonly Sample[];
  /** Up to here, in milliseconds since the epoch, figures are known. */
  readonly until: number;
  /** The source began to count anew: what happened between the last look and this one is not known. */
  readonly reset: boolean;
  /** Names of each colour's alarms that fire now. */
  readonly firing: PerColour<readonly string[]>;
}

/** One reader of the figures, from its first look on. */
export interface Watch {
  /** @throws TelemetryUnreachable; the next look then covers the time since the last good one. */
  look(): Promise<Look>;
}

/** Requests, errors and latency of each colour behind the production listener, and its alarms. */
export interface Telemetry {
  /** Milliseconds after which new requests surely follow a change of the weights. */
  readonly settling: number;
  /** Milliseconds after the end of an interval until its figures are complete. */
  readonly lag: number;
  watch(): Watch;
}

/** The figures can't be read now, which says nothing of how a colour does. */
export class TelemetryUnreachable extends Error {
  override readonly name = "TelemetryUnreachable";
}

/** One line for the operator, beside what a look returns. */
const sayThere = (line: string): void => {
  console.error(line);
};

/* eslint-disable @typescript-eslint/no-require-imports -- each platform's own part is loaded when it is used */

/**
 * The telemetry at an address.
 * @param now milliseconds since the epoch; intervals are stamped with it where the source doesn't do it.
 */
export function telemetryAt(
  address: TelemetryAddress,
  now: () => number = () => systemClock.now(),
  say: (line: string) => void = sayThere,
): Telemetry {
  if (address.kind === "aws")
    return (require("./aws/telemetry") as typeof import("./aws/telemetry")).awsTelemetry(address, now, say);
  return (require("./local/telemetry") as typeof import("./local/telemetry")).localTelemetry(address, now);
}
