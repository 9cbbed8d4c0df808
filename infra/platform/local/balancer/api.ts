// What the balancer and its client say to each other. Types and constants only: the client runs inside Pulumi's
// provider process and must not load the server's packages.

/** The two target groups, in the order in which they are reported. */
export const colours = ["blue", "green"] as const;
export type Colour = (typeof colours)[number];

export type ListenerName = "production" | "preview";

/** Percent of new requests on the production listener that each colour gets: integers 0..100 that sum to 100. */
export type Weights = Record<Colour, number>;

/** Free-form notes on the production listener, such as the id of the walk that owns it. */
export type Tags = Record<string, string>;

/** Names the colour of a request on the preview listener; on the production listener it means nothing. */
export const previewHeader = "x-switchyard-colour";

/** Where the balancer listens and its targets may be: it speaks plain HTTP and must not speak it over a network. */
export const loopbackHosts = ["127.0.0.1", "::1"] as const;

/** Longest deregistration delay, in seconds: the limit of an AWS target group's deregistration_delay.timeout_seconds. */
export const maxDelaySeconds = 3600;

/**
 * Condition of a change, compared with the production listener in the same step in which the change is made.
 * Whatever is left out is not compared. `tag.value: null` stands for "the listener has no such tag".
 */
export interface Expectation {
  weights?: Weights;
  tag?: { key: string; value: string | null };
}

export interface NewListener {
  /** 1..65535, or 0 for any free port; the answer names the one taken. */
  port: number;
  weights: Weights;
  /** Default: none. */
  tags?: Tags;
}

/** What is left out stays as it is. */
export interface ListenerChange {
  port?: number;
  weights?: Weights;
  /** Tags to set; `null` removes one. Others stay. */
  tags?: Record<string, string | null>;
  expect?: Expectation;
}

export interface ProductionListener {
  port: number;
  weights: Weights;
  tags: Tags;
}

export interface PreviewListener {
  port: number;
}

export interface NewTarget {
  /** Unique in its group: 1..128 letters, digits, `.`, `_`, `:` or `-`. */
  id: string;
  host: (typeof loopbackHosts)[number];
  port: number;
}

export type HealthState = "initial" | "healthy" | "unhealthy" | "draining";

export interface Health {
  state: HealthState;
  /** A reason code of the ELBv2 API (TargetHealth.Reason), e.g. `Target.Timeout`; absent when healthy. */
  reason?: string;
  /** What was seen, in words; absent when healthy. */
  description?: string;
}

export interface TargetState extends NewTarget {
  health: Health;
  /** Requests and upgraded connections that are with this target now. */
  inFlight: number;
}

export interface BalancerState {
  production: ProductionListener | null;
  preview: PreviewListener | null;
  targets: Record<Colour, TargetState[]>;
}

export interface Deregistered {
  /** Requests that were still in flight when the delay was over, and were cut off. 0 when all finished. */
  cut: number;
}

export interface BalancerHealth {
  status: "ok" | "stopping";
  pid: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/** Beyond what alarms of colours and balancer fire: of config's `alarms`, what the balancer itself counts. */
export interface AlarmLimits {
  /** Share of the requests of 5 minutes that failed, above 0 and below 1. */
  readonly errorRate: { readonly high: number; readonly critical: number };
  /** Requests in an alarm's window below which no share says anything, 1..10^6. */
  readonly minRequests: number;
  /** Milliseconds, 1..60000. */
  readonly p95: { readonly high: number; readonly critical: number };
}

/** What the collector says of the database, each time that it has looked. */
export interface DatabaseReport {
  /** Milliseconds until the next one, 100..600000. After five times as long without one the collector is silent. */
  everyMs: number;
  alarms: { name: string; severity: "critical" | "high" | "medium" | "low"; fires: boolean }[];
  /** `role`: of a figure that each role has, whose. */
  figures: { name: string; role?: string; value: number }[];
}

/** Codes of the balancer's own answers; the names are ELBv2's where it has one for the case. */
export type ServerErrorCode =
  | "AccessDenied"
  | "DuplicateListener"
  | "DuplicateTarget"
  | "InternalError"
  | "InvalidWeights"
  | "ListenerNotFound"
  | "PortInUse"
  | "PortNotAllowed"
  | "PreconditionFailed"
  | "RouteNotFound"
  | "StateNotWritten"
  | "Stopping"
  | "ValidationError";

/** Codes that the client gives when there is no answer (`Unreachable`, `Timeout`) or not one of the balancer's. */
export type ErrorCode = ServerErrorCode | "Timeout" | "Unreachable" | "UnexpectedAnswer";

/** What a PreconditionFailed found instead of what was expected. */
export interface Found {
  weights: Weights;
  tags: Tags;
}

export interface ErrorBody {
  code: ServerErrorCode;
  message: string;
  found?: Found;
}
