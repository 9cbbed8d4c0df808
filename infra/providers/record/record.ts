import { projectFolder } from "../project";
import { asText, storeAt, timeInKey, type ObjectStore, type StoreAddress } from "../store/store";
import type { BakeResult } from "../traffic/bake";
import type { StepReport } from "../traffic/walk";
import { commitAt, whoRuns, type Commit } from "./who";

/** What a shift did, or is about to do. */
export interface Shift {
  readonly kind: "advance" | "return";
  /** Id of the plan's attempt that it is part of. */
  readonly attempt: string;
  /** Percent that green had, and was to have. */
  readonly from: number;
  readonly to: number;
}

/** A step of a walk, with its times in ISO 8601. */
export interface RecordedStep {
  readonly greenWeight: number;
  readonly set: string;
  readonly bake?: Omit<BakeResult, "from" | "until"> & { readonly from: string; readonly until: string };
}

/** How it ended. */
export interface ShiftEnd {
  /** `arrived`, or what happened instead: `returned`, `stayed`, `taken over`, `unreachable`, `not begun`. */
  readonly outcome: string;
  /** The live weight then, as far as known. */
  readonly greenWeight: number;
  readonly steps?: readonly RecordedStep[];
  /** Why it didn't arrive. */
  readonly error?: string;
}

/** One record: a JSON object under `records/`. A shift that was killed has one of its beginning, and none of its end. */
export interface ShiftRecord extends Shift, Partial<ShiftEnd> {
  readonly format: 1;
  /** ISO 8601. */
  readonly began: string;
  readonly ended?: string;
  /** `user@host` that ran it. */
  readonly who: string;
  /** What the config was at; left out where that is no repository. */
  readonly commit?: Commit;
}

/** A shift on record from its beginning. */
export interface OpenRecord {
  /** Adds the record of the end. @returns its key. @throws StoreFailed */
  end(end: ShiftEnd): Promise<string>;
  /** Where that record goes, for a message when it can't. */
  readonly where: string;
}

/**
 * Begins the record of a shift by storing that it begins, which also shows that its end can be stored.
 * @throws StoreFailed
 */
export async function beginRecord(address: StoreAddress, shift: Shift, now: () => number): Promise<OpenRecord> {
  const store = storeAt(address);
  const { record, key } = await draft(shift, now());
  await write(store, key("began"), record);
  return {
    where: store.where(key("ended")),
    end: (end) => write(store, key("ended"), { ...record, ...end, ended: isoOf(now()) }),
  };
}

/**
 * Records a shift that is over already. A return must not fail for its record: where it can't be stored, that is said,
 * with what it would have held.
 * @returns the record's key; undefined when it could not be stored.
 */
export async function recordReturn(
  address: StoreAddress,
  shift: Omit<Shift, "kind">,
  end: ShiftEnd,
  say: (line: string) => void,
  now: () => number = Date.now,
): Promise<string | undefined> {
  const { record, key } = await draft({ ...shift, kind: "return" }, now());
  const whole = { ...record, ...end, ended: record.began };
  const store = storeAt(address);
  try {
    return await write(store, key("ended"), whole);
  } catch (error) {
    sayUnstored(say, store.where(key("ended")), whole, error);
    return undefined;
  }
}

/** Says what could not be stored, so that it isn't lost. */
export function sayUnstored(say: (line: string) => void, where: string, what: object, error: unknown): void {
  say(
    `the record of this shift could not be stored at ${where} (${(error as Error).message}): ${JSON.stringify(what)}`,
  );
}

async function draft(shift: Shift, now: number): Promise<{ record: ShiftRecord; key: (part: string) => string }> {
  const commit = await commitAt(projectFolder());
  const record: ShiftRecord = {
    format: 1,
    ...shift,
    began: isoOf(now),
    who: whoRuns(),
    ...(commit === undefined ? {} : { commit }),
  };
  const name = `records/${timeInKey(now)}-${shift.kind}-${shift.attempt}`;
  return { record, key: (part) => `${name}-${part}.json` };
}

/** Records are added, never changed. */
async function write(store: ObjectStore, key: string, record: ShiftRecord): Promise<string> {
  await store.put(key, asText(record), { ifAbsent: true });
  return key;
}

/** The steps of a walk as a record has them. */
export const recordedSteps = (steps: readonly StepReport[]): RecordedStep[] =>
  steps.map(({ greenWeight, set, bake }) => ({
    greenWeight,
    set: isoOf(set),
    ...(bake === undefined ? {} : { bake: { ...bake, from: isoOf(bake.from), until: isoOf(bake.until) } }),
  }));

const isoOf = (at: number): string => new Date(at).toISOString();
