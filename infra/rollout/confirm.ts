import { asksForConfirmation, changeOf, digestOf, isReturn, linesOf, type RestoreAsked } from "./change";
import type { Decision, Violation } from "./rules";
import type { Memory } from "./shift";
import type { Declared } from "./types";

/**
 * Where the digest of a change is named. It is a variable of the environment and no key of config: a key would stay in the
 * stack's file after its change is done, and approve the same change a second time; and it would be written by whoever
 * wrote the change, where a pipeline hands on what its approver has seen.
 */
export const CONFIRM_VARIABLE = "SWITCHYARD_CONFIRM";

/** What `requireConfirm` asks of an `up`. */
export interface ConfirmAsked {
  /** At preview nothing is refused for it: there the digest is told. */
  readonly preview: boolean;
  /** What the environment names. Default: nothing. */
  readonly given?: string;
  readonly restore?: RestoreAsked;
}

/** A change as an operator is told of it. */
export interface ToConfirm {
  /** What settled last before it; empty before the first `up`. */
  readonly since: string;
  readonly digest: string;
  readonly lines: readonly string[];
  /** Must the digest be named before it begins? */
  readonly asks: boolean;
  /** Does the traffic return before that? */
  readonly returns: boolean;
}

/** Kept as the rules are; it judges what is asked for, where they judge what may be true. */
export const CHANGE_CONFIRMED = {
  id: "change-confirmed",
  statement: "With `requireConfirm`, nothing but a return begins before the digest of its change was named.",
  guards: "platform",
  remedy: `look at the preview, then name its digest in ${CONFIRM_VARIABLE}`,
  override: undefined,
} as const;

/** The change that `declared` makes, and whether it has to be confirmed. */
export function toConfirm(memory: Memory, declared: Declared, decision: Decision, asked: ConfirmAsked): ToConfirm {
  const change = changeOf(memory, declared, decision, asked.restore);
  const returns = isReturn(decision.shifts);
  return {
    since: memory.settled?.id ?? "",
    digest: digestOf(change),
    lines: linesOf(change, returns),
    asks: asksForConfirmation(change, decision),
    returns,
  };
}

/**
 * The decision, with what has to be confirmed and isn't. What the rules refuse stays as it is: there is nothing to approve.
 * A return goes before all that, so the `up` then begins, and stops behind it.
 */
export function withConfirmation(decision: Decision, change: ToConfirm, { preview, given }: ConfirmAsked): Decision {
  if (preview || !change.asks || given === change.digest || decision.refused.length > 0) return decision;
  const violation = unconfirmed(change, given);
  if (!change.returns) return { ...decision, refused: [violation], held: [] };
  return { ...decision, held: [violation, ...decision.held], stopsBefore: CHANGE_CONFIRMED.guards };
}

function unconfirmed({ digest, lines }: ToConfirm, given: string | undefined): Violation {
  return {
    rule: CHANGE_CONFIRMED.id,
    guards: CHANGE_CONFIRMED.guards,
    key: CONFIRM_VARIABLE,
    found: given === undefined || given === "" ? "nothing" : `"${given}", the digest of another change or of none`,
    expected: `${digest}, the digest of this change (${lines.join("; ")})`,
    remedy: `look at it with pulumi preview, and run ${howToConfirm(digest)}`,
  };
}

/** What to type. The pipeline reads the digest from it. */
export const howToConfirm = (digest: string): string => `${CONFIRM_VARIABLE}=${digest} pulumi up`;
