import type { Colour } from "../config/sections/traffic";

export type { Colour };

/** One value for each colour. */
export type PerColour<T> = Readonly<Record<Colour, T>>;

/** What a colour runs. Two releases are the same when everything but `count` is equal (`sameRelease`). */
export interface Release {
  /** As `x-release` shows it, such as "1.4.0". */
  readonly version: string;
  /**
   * The migration that it was built against. It runs on every schema that holds all expand migrations up to this one
   * and no contract migration that breaks it; whether contracts up to this one are applied is all the same to it.
   */
  readonly schema: string;
  /** Running copies, 0 or more; 0 is a release that doesn't run. */
  readonly count: number;
  /** A hash of everything else that decides how it runs: image or entry, environment, size. */
  readonly fingerprint: string;
  /** Which database it reads and writes; two releases with the same name here share their data. */
  readonly database: string;
}

/** What the rules need to know of a migration; as declared, or as recorded when it was applied. */
export interface Migration {
  /** Digits, as the file's name has them. Compared as numbers. */
  readonly version: string;
  readonly name: string;
  readonly phase: "expand" | "contract";
  /** SHA-256 of the file. */
  readonly checksum: string;
  readonly lossy: {
    /** A contract drops data that its down doesn't bring back. */
    readonly up: boolean;
    /** The down of an expand drops data that exists nowhere else. */
    readonly down: boolean;
  };
  readonly hasDown: boolean;
  /** A contract breaks the releases whose `schema` is below this version. Default: its own version. */
  readonly breaksBelow?: string;
}

/** What a native update would replace, by identity: a change of one of these is a replacement. */
export interface Wiring {
  /** Load balancer and production listener. */
  readonly listener: string;
  /** Target groups. */
  readonly targets: PerColour<string>;
}

/** When a bake fails. */
export interface Limits {
  /** Highest share of requests that may fail, above 0 and below 1. Default 0.001 (0.1 %, the guides' figure). */
  readonly errorRate: number;
  /** Highest p95 latency in seconds, above 0. Default 1 (the guides' figure). */
  readonly p95: number;
  /** How many times as often as the other colour a colour may fail or be slow, 1 or more. Default 2. */
  readonly timesWorse: number;
  /** Confidence of a `fail` over a whole walk, above 0 and below 1. Default 0.99. */
  readonly confidence: number;
}

/** How an advance walks. */
export interface BakePlan {
  /** Shares of the gaining colour, rising, in percent; the last is 100. Default 10, 25, 50, 100. */
  readonly steps: readonly number[];
  /** Milliseconds that each step is watched for. Default 10 minutes. */
  readonly bake: number;
  /** Milliseconds after which an `insufficient` bake stops waiting for more. Default 30 minutes. */
  readonly maxBake: number;
  /**
   * Requests that the gaining colour must have had in a bake. Default 1000: with fewer, a single error is above an
   * `errorRate` of 0.1 %.
   */
  readonly minRequests: number;
  /** Requests a second that the whole service gets, both colours together; undefined when nobody knows. */
  readonly expectedRequestsPerSecond?: number;
  /** What an `insufficient` bake does at `maxBake`. Default "return"; "advance" walks on without having seen enough. */
  readonly onInsufficient: "return" | "advance";
  readonly limits: Limits;
}

/** Explicit exceptions from the rules, each named for what it risks. Those that were needed are recorded. */
export interface Overrides {
  /** Replace a release while it has traffic: users meet the new one without a walk. Default false. */
  readonly rolling: boolean;
  /** Migrations whose loss of data is accepted, by version. Default none. */
  readonly acceptLoss: readonly string[];
  /** Applied migrations whose edited or deleted file is accepted, by version. Default none. */
  readonly acceptEdited: readonly string[];
  /** Migrations that may run although an idle release can't serve after them, by version. Default none. */
  readonly breakIdle: readonly string[];
  /**
   * Take migrations back by restoring this backup: what was written since is lost. Given only while that restore is still
   * to be done. Default: no restore.
   */
  readonly restore?: string;
  /** Move all traffic to another database at once; writes are frozen and caught up first. Default false. */
  readonly cutOver: boolean;
  /** The settled id that an `up --target` was seen to differ from, and that is to be taken as it is. Default none. */
  readonly acceptTargeted?: string;
}

/** Everything in stack config that bears on a rollout, defaults filled in. */
export interface Declared {
  /** `greenWeight`: percent of new requests that green gets, a whole number from 0 to 100. */
  readonly weight: number;
  readonly releases: PerColour<Release | null>;
  /** "latest", or the version up to which the schema is brought; all zeros for none. */
  readonly migrateTo: string;
  /** The files of the migrations folder, in any order. */
  readonly migrations: readonly Migration[];
  readonly wiring: Wiring;
  readonly bake: BakePlan;
  readonly overrides: Overrides;
}

/** A share at which a colour's release has settled since it was last changed. */
export interface Proven {
  /** Percent, 1..100. */
  readonly share: number;
  /** How many copies carried it. */
  readonly count: number;
}

/** What is real, as the outputs of the dynamic resources say. */
export interface Facts {
  readonly weight: number;
  readonly releases: PerColour<Release | null>;
  /** From the history table: as recorded when each was applied, in order of version. */
  readonly applied: readonly Migration[];
  /** From the history table: a migration that broke off half way and that nothing has mended since, because it waits. */
  readonly half: Migration | null;
  /** From the history table: contracts with `lossy.up` that were taken back by a down, and not restored since. */
  readonly scars: readonly Migration[];
  readonly wiring: Wiring;
  /** Id of the backup that serves in the place of the database that was there; left out where none does. */
  readonly restored?: string;
}

/** What the last `up` that finished left. */
export interface Settled extends Facts {
  /** Id of the attempt that settled. */
  readonly id: string;
  /** Applied expands that a release built against them may have written to since they were applied, by version. */
  readonly written: readonly string[];
  readonly proven: PerColour<readonly Proven[]>;
}

/** The part of an `up` that a rule guards: nothing from there on may begin. In the order of the design's steps. */
export const STEPS = ["return", "platform", "widen", "colours", "advance", "narrow"] as const;
export type Step = (typeof STEPS)[number];

/** One migration in one direction. */
export interface SchemaStep {
  readonly migration: Migration;
  readonly direction: "up" | "down";
}

/** "0004 up": names a schema step in plans, in a form that JSON keeps. */
export type StepName = `${string} ${"up" | "down"}`;

/** What a plan lets an `up` do to the schema. */
export interface SchemaPlan {
  /** Narrowings that break nothing that may run now or later, and so may run where they stand, before the shift. */
  readonly early: readonly StepName[];
  /** Narrowings that wait, and everything behind them with them. */
  readonly waits: readonly StepName[];
}

/** An `up` that began. The plan keeps these, oldest first, until `settled` carries the id of one. */
export interface Attempt {
  readonly id: string;
  readonly declared: Declared;
  readonly schema: SchemaPlan;
  /** The step that was held (its `up` can't have come further), if one was. */
  readonly stopsBefore?: Step;
  /** The schemas that it may leave when it finishes: versions in order. */
  readonly leaves: readonly (readonly string[])[];
}

/** One state of the world as it may be. */
export interface State {
  /** Percent that green gets, anywhere from low to high; null while there is no production listener. */
  readonly weight: { readonly low: number; readonly high: number } | null;
  readonly releases: PerColour<Release | null>;
  /** In order of version. */
  readonly applied: readonly Migration[];
  /** A migration that broke off half way, in either direction: what it does may be there, or not. */
  readonly half: Migration | null;
  /** Contracts whose data is gone although they are not applied. */
  readonly scars: readonly Migration[];
  readonly wiring: Wiring;
}
