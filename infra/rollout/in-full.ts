import type { Memory } from "./shift";
import type { Attempt, Declared, PerColour, Release, Settled } from "./types";

/** What the engine leaves of an object: keys whose value is null are gone. */
type Sparse<T> = { [K in keyof T]: null extends T[K] ? Exclude<T[K], null> | null | undefined : T[K] };

const both = ({ blue, green }: Sparse<PerColour<Release | null>>): PerColour<Release | null> => ({
  blue: blue ?? null,
  green: green ?? null,
});

/** Puts back the nulls that the engine leaves out on the way to a provider. */
export const declaredInFull = (declared: Declared): Declared => ({ ...declared, releases: both(declared.releases) });

const attemptInFull = (attempt: Attempt): Attempt => ({ ...attempt, declared: declaredInFull(attempt.declared) });

const settledInFull = (settled: Settled): Settled => ({
  ...settled,
  releases: both(settled.releases),
  half: (settled as Sparse<Settled>).half ?? null,
});

/** As `declaredInFull`, of what the plan remembers. */
export const memoryInFull = (settled: Settled | undefined, attempts: readonly Attempt[]): Memory => ({
  settled: settled && settledInFull(settled),
  attempts: attempts.map(attemptInFull),
});
