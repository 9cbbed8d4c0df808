import type { Memory } from "../shift";
import type { Passage } from "../passage";
import type { Declared, Release, State, Step } from "../types";

/** What a rule judges: the declared `up`, taken from every state that may be true now. */
export interface Context {
  readonly memory: Memory;
  readonly declared: Declared;
  /** Every state that may be true now. */
  readonly states: readonly State[];
  /** The `up` from each of them. */
  readonly passages: readonly Passage[];
  /** Releases that may have had traffic since the last `up` that finished. */
  readonly writers: readonly Release[];
}

/** One thing that is wrong, said so that a person can mend it. */
export interface Finding {
  /** Key of stack config that it is about. */
  readonly key: string;
  readonly found: string;
  readonly expected: string;
  /** What to do instead. */
  readonly remedy: string;
  /** The step that may not begin. Default: the rule's own `guards`. */
  readonly guards?: Step;
  /** The explicit exception from it, and whether config makes it. */
  readonly override?: OverrideUse;
}

export interface OverrideUse {
  /** Key and value that make the exception. */
  readonly key: string;
  /** What is risked. */
  readonly risk: string;
  readonly given: boolean;
}

export interface Rule {
  /** Never changes: records, docs and tests name it. */
  readonly id: string;
  /** What must hold, in one sentence. */
  readonly statement: string;
  /** The first step of an `up` that must not begin while it is broken. */
  readonly guards: Step;
  /** How to get out of it, as the docs say it. */
  readonly remedy: string;
  /** The config key of the explicit exception, where there is one. */
  readonly override?: string;
  /** Everything that breaks the rule from any state; repetitions don't matter. */
  check(context: Context): Finding[];
}

/** "green's release 1.4.0", for messages. */
export const called = (colour: string, release: Release): string => `${colour}'s release ${release.version}`;

/** What the rule says of each passage, one after the other. */
export const eachPassage =
  (find: (passage: Passage) => Finding[]) =>
  (context: Context): Finding[] =>
    context.passages.flatMap(find);
