import type * as pulumi from "@pulumi/pulumi";
import type { Severity } from "../../../config";

/** One metric of CloudWatch, as an alarm looks at it. */
export interface Figure {
  readonly namespace: string;
  readonly metric: string;
  readonly statistic: "Sum" | "Average" | "Minimum" | "Maximum" | "SampleCount" | "p95";
  readonly dimensions: Readonly<Record<string, pulumi.Input<string>>>;
}

/** What a missing figure means, and why. */
export interface Missing {
  readonly treat: "breaching" | "notBreaching" | "ignore";
  readonly because: string;
}

/** One alarm, as plain data: what it watches, when it fires, who is told. */
export interface AlarmSpec {
  /** Follows the stack's name: "blue-error-rate-critical". The heading of its runbook in docs/alarms.md is `runbook`. */
  readonly name: string;
  /** Anchor in docs/alarms.md. */
  readonly runbook: string;
  readonly severity: Severity;
  /** What is wrong when it fires, as a sentence without its full stop. */
  readonly says: string;
  /** One figure, or several with the expression of metric maths that makes one of them. Names are ids of metric maths. */
  readonly watches: Figure | { readonly figures: Readonly<Record<string, Figure>>; readonly expression: string };
  /** `outside`: of what CloudWatch has learned to be usual, so many standard deviations wide; the figure is called `figure`. */
  readonly fires: { readonly above: number } | { readonly below: number } | { readonly outside: number };
  /** Seconds of one figure: 60 or a multiple. */
  readonly period: number;
  /** So many periods in a row are looked at. */
  readonly periods: number;
  /** So many of them have to be beyond. @default all */
  readonly beyond?: number;
  readonly missing: Missing;
}

/** Words for what a missing figure means, said once. */
export const missing = {
  noTraffic: { treat: "notBreaching", because: "without requests there is no figure, and nothing is wrong by that" },
  nothingSeen: { treat: "notBreaching", because: "there is a figure only when something happened" },
  notRead: { treat: "notBreaching", because: "figures that nobody reads are `collector-silent`'s to tell of" },
  silent: { treat: "breaching", because: "what runs reports every minute: no figure means that it doesn't run" },
  stopped: {
    treat: "notBreaching",
    because: "what doesn't run has no figure; whether it should is another alarm's question",
  },
} as const satisfies Record<string, Missing>;
