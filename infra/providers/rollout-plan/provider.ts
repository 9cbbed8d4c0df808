import { createHash } from "node:crypto";
import { toConfirm, withConfirmation, type ToConfirm } from "../../rollout/confirm";
import { declaredInFull, memoryInFull } from "../../rollout/in-full";
import { withoutRestore } from "../../rollout/restore";
import { decide, messageOf, remember, type Decision } from "../../rollout/rules";
import type { Memory } from "../../rollout/shift";
import type { Attempt } from "../../rollout/types";
import { hasUnknown, sameInputs, type Provider } from "../contract";
import type { RolloutPlanInputs as Inputs, RolloutPlanState as State } from "./resource";

const memoryOf = ({ settled }: Inputs, olds: State | undefined): Memory => memoryInFull(settled, olds?.attempts ?? []);

/** What the rules say, and what was not confirmed where config asks for that. */
function judge(news: Inputs, memory: Memory): { decision: Decision; change?: ToConfirm } {
  const declared = declaredInFull(news.declared);
  const decision = decide(memory, declared);
  if (news.confirm === undefined) return { decision };
  const change = toConfirm(memory, declared, decision, news.confirm);
  return { decision: withConfirmation(decision, change, news.confirm), change };
}

function check(news: Inputs, olds: State | undefined): string[] {
  if (hasUnknown(news)) return ["the rollout can't be judged: an input of the plan is not known before it begins"];
  return judge(news, memoryOf(news, olds)).decision.refused.map(messageOf);
}

/** The `up` that is about to begin is remembered before anything of it does; one that changes nothing is no new one. */
function complete(news: Inputs, olds: State | undefined): State {
  const memory = memoryOf(news, olds);
  const declared = declaredInFull(news.declared);
  const { decision, change } = judge(news, memory);
  const last = memory.attempts.at(-1);
  const settledAsDeclared =
    last !== undefined && last.id === memory.settled?.id && sameInputs(withoutRestore(last.declared), declared);
  const attempts = settledAsDeclared ? [...memory.attempts] : remember(memory, declared, decision, nextId(last, news));
  return { ...news, attempts, decision, ...(change && { change }) };
}

/**
 * Counts on from the attempt before. The rest makes the ids of two attempts differ where both have come after the same
 * one, as two previews of different commits do.
 */
function nextId(last: Attempt | undefined, { declared, settled }: Inputs): string {
  const count = Number(/^\d+/.exec(last?.id ?? settled?.id ?? "0")?.[0] ?? 0) + 1;
  const content = JSON.stringify([last?.id ?? null, settled?.id ?? null, declared]);
  return `${count}-${createHash("sha256").update(content).digest("hex").slice(0, 8)}`;
}

export const provider: Provider<Inputs, State> = {
  check,
  complete,
  // What is settled and what is decided follow from the attempts, and from the `up` before this one.
  diff: (olds, news) => {
    const { attempts, change } = news as State;
    const toTell = change?.asks === true && change.digest !== olds.change?.digest;
    return { changes: toTell || !sameInputs({ attempts: olds.attempts }, { attempts }) };
  },
  create: (inputs) => Promise.resolve({ id: "rollout", outs: inputs as State }),
  update: (_olds, news) => Promise.resolve(news as State),
  delete: () => Promise.resolve(),
};
