import { systemClock } from "../providers/traffic/clock";
import type { PerColour } from "../rollout/types";
import type { Sample } from "../rollout/verdict";

/** Where the figures of the production listener are read. Plain data: it is an input of resources. */
export interface LocalTelemetryAddress {
  kind: "local";
  adminPort: number;
}
export type TelemetryAddress = LocalTelemetryAddress;

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

/**
 * The telemetry at an address; each platform's own part is loaded when it is used.
 * @param now milliseconds since the epoch; intervals are stamped with it where the source doesn't do it.
 */
export function telemetryAt(address: TelemetryAddress, now: () => number = () => systemClock.now()): Telemetry {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used
  const local = require("./local/telemetry") as typeof import("./local/telemetry");
  return local.localTelemetry(address, now);
}
