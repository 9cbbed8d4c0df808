import { existsSync } from "node:fs";
import { hasUnknown, PartialFailure, sameInputs, type Difference, type Provider } from "../../../providers/contract";
import { BalancerClient, isGone, isAbsent } from "../balancer/client";
import { inProject } from "../../../providers/project";
import { isRunning } from "../process/identity";
import { endStrays } from "../process/ledger";
import { stop } from "../process/lifecycle";
import { retire, startCopy, takeIn, targetOf } from "./copy";
import type { Copy, LocalColourInputs as Inputs, LocalColourState as State } from "./resource";

const clientOf = (inputs: Inputs): BalancerClient => new BalancerClient(inputs);

function check(news: Inputs): string[] {
  if (hasUnknown(news.copy) && typeof news.copy !== "object") return [];
  const { entry } = news.copy;
  if (hasUnknown(entry) || existsSync(inProject(entry))) return [];
  return [
    `switchyard:${news.colour}.entry is ${entry}, and there is no such file in the project: correct it with ` +
      `pulumi config set --path switchyard:${news.colour}.entry FILE`,
  ];
}

/** Copies that run and are registered count; what state remembers of them may be long dead. */
async function diff(olds: State, news: Inputs): Promise<Difference> {
  const { copies } = olds;
  if (
    !sameInputs(lasting(olds), lasting(news), ["copies"]) ||
    copies.length !== news.count ||
    !copies.every((copy) => isRunning(copy.process))
  )
    return { changes: true };
  try {
    const state = await clientOf(olds).state();
    return { changes: !copies.every((copy) => targetOf(state, olds, copy) !== undefined) };
  } catch (error) {
    // Not running: it comes back by its own change, with the targets it had.
    if (isAbsent(error)) return { changes: false };
    throw error;
  }
}

/** New copies are ready and take requests before old ones are taken out, so that no request meets a closed door. */
async function bringUp(news: Inputs, olds?: State): Promise<State> {
  const client = clientOf(news);
  const same = olds !== undefined && sameInputs(startedWith(olds), startedWith(news));
  const alive = (olds?.copies ?? []).filter((copy) => isRunning(copy.process));
  const kept = same ? alive.slice(0, news.count) : [];
  const leaving = (olds?.copies ?? []).filter((copy) => !kept.includes(copy));
  const copies = [...kept];
  try {
    while (copies.length < news.count) copies.push(await startCopy(news));
    await Promise.all(copies.map((copy) => takeIn(client, news, copy)));
    await Promise.all(leaving.map((copy) => retire(client, news, copy)));
    await forgetStrangers(client, news, copies);
    await endStrays(inProject(news.folder), news.colour, processesOf(copies));
    return { ...news, copies };
  } catch (error) {
    if (olds === undefined) {
      await Promise.all(copies.map((copy) => retire(client, news, copy)));
      throw error;
    }
    // The old inputs stay in state, so that the next `up` sees a change and goes on; every process is kept track of.
    const known = [...new Set([...copies, ...leaving])];
    throw new PartialFailure((error as Error).message, news.colour, { ...olds, copies: known }, { cause: error });
  }
}

/** What is compared: how long one would wait for a copy changes nothing about those that run. */
const lasting = <I extends Inputs>(each: I): I => ({ ...each, readyWithin: 0 });

const startedWith = ({ copy, databasePassword, colour, folder }: Inputs) => ({
  copy,
  databasePassword,
  colour,
  folder,
});

/** A target that no state knows of is what a killed `up` left registered. */
async function forgetStrangers(client: BalancerClient, { colour }: Inputs, copies: Copy[]): Promise<void> {
  const { targets } = await client.state();
  const strangers = targets[colour].filter(({ id }) => !copies.some((copy) => copy.id === id));
  await Promise.all(strangers.map(({ id }) => client.deregisterTarget(colour, id, 0)));
}

const processesOf = (copies: Copy[]) => copies.map((copy) => copy.process);

async function remove(state: State): Promise<void> {
  const client = clientOf(state);
  for (const copy of state.copies) {
    try {
      await retire(client, state, copy);
    } catch (error) {
      // Without a balancer nothing sends requests, so there is nothing to drain.
      if (!isGone(error)) throw error;
      await stop(copy.process);
    }
  }
  await endStrays(inProject(state.folder), state.colour, []);
}

export const provider: Provider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({ id: inputs.colour, outs: await bringUp(inputs) }),
  update: (olds, news) => bringUp(news, olds),
  delete: remove,
};
