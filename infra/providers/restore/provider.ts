import { BackupFailure } from "../../backup/failure";
import { choose, type Choice, type KeptDatabase } from "../../backup/restore-choice";
import { describeWritten, restoredFrom } from "../../backup/restore";
import { dataFolderOf } from "../../database/data-folder";
import { declaredInFull, memoryInFull } from "../../rollout/in-full";
import { schemaOf, whyNotOn, type Exchange, type Schema } from "../../rollout/restore";
import { attemptsSince } from "../../rollout/shift";
import type { StepName } from "../../rollout/types";
import { targetOf } from "../administered";
import { assertListed } from "../backup/archive";
import { roomOf } from "../backup/space";
import { isUnreachable, lacksDatabase } from "../connection";
import { hasUnknown, type Difference, type Provider } from "../contract";
import { storeAt, unlessStoreFailed } from "../store/store";
import { whileEngineIsThere } from "../traffic/engine";
import { assertMayGoBack, goBack } from "./back";
import { withRestoreLock } from "./lock";
import { beside, findDatabases, findKept } from "./look";
import { assertLossAccepted, openWhole, restore, type Restored } from "./restore";
import { retire } from "./retire";
import type { RestoreDone, RestoreInputs as Inputs, RestoreState as State } from "./resource";

const say = (line: string): void => console.error(line);

/** Needs no database: of a new stack, the store alone says whether there is such a backup, and whether it fits. */
async function check(news: Inputs, olds: Inputs | undefined): Promise<string[]> {
  const { from, store, declared, attempts, plan } = news;
  if (from === undefined || olds !== undefined || hasUnknown([from, store, declared, attempts, plan])) return [];
  try {
    await assertFits(news, from);
    return [];
  } catch (error) {
    if (error instanceof BackupFailure) return [error.message];
    throw error;
  }
}

async function diff(olds: State, news: Inputs): Promise<Difference> {
  // What config calls the backup that serves is in the outputs, too.
  if (isSettled(news, olds)) return { changes: olds.named !== news.named };
  if (hasUnknown({ ...news, release: "", rds: "" }) || news.hold.length > 0) return { changes: true };
  try {
    const choice = await ask(news);
    if (choice.do === "nothing") return { changes: !isAsAsked(news, olds) };
    await assertMay(choice, news);
    return { changes: true };
  } catch (error) {
    // One that was dropped is made anew before this, where state was refreshed; else the `up` says so.
    if (lacksDatabase(error)) return { changes: true };
    if (isUnreachable(error)) return { changes: !isAsAsked(news, olds) };
    throw error;
  }
}

/** Whether what serves is as config says, by state. Without a way back, config may forget a restore that is done. */
const agrees = ({ from = "" }: Inputs, done: RestoreDone | undefined): boolean =>
  from === (done?.from ?? "") || (from === "" && done?.kept === "");

/** Whether what serves and what is kept are as config says, by state. */
const isAsAsked = (news: Inputs, olds: State): boolean => agrees(news, olds.done) && !isToDrop(news, olds);

/**
 * Whether nothing is to be done, and nobody has to be asked. State says so, unless an `up` since the last one that finished
 * may have been killed when it had changed something.
 */
const isSettled = (news: Inputs, olds: State): boolean => {
  const { settled, attempts } = memoryInFull(news.settled, news.attempts);
  return isAsAsked(news, olds) && attemptsSince(settled, attempts).length <= 1;
};

/** @param name of what was dropped, whatever config names; undefined where nothing was */
function withRetired(state: State, name: string | undefined): State {
  const without = { ...state };
  delete without.retire;
  return name === undefined ? without : { ...without, retire: name };
}

/** State has the name of what was dropped, until config names another one. */
const isToDrop = ({ retire: drop }: Inputs, olds: State | undefined): boolean =>
  drop !== undefined && drop !== olds?.retire;

const ask = ({ connection, password, from, retire: drop }: Inputs): Promise<Exclude<Choice, { do: "refuse" }>> =>
  beside(connection, password, async (client) => {
    const serves = (await findDatabases(client, [connection.database])).get(connection.database);
    const kept = await findKept(client, connection.database);
    const choice = choose({ from, retire: drop }, serves ?? { name: connection.database, comment: null }, kept);
    if (choice.do !== "refuse") return choice;
    throw new BackupFailure(
      "restore",
      `restore.retire drops ${drop ?? ""}, which a restore has replaced, and ${from ?? "the one that config goes back to"} ` +
        "does not serve yet. Take it out (pulumi config rm --path restore.retire), run pulumi up, and set it once you have " +
        "seen that all is well",
    );
  });

/** What would refuse it in the middle of an `up` refuses it at preview, as far as it can be known there. */
async function assertMay(choice: Choice, news: Inputs): Promise<void> {
  const { from, store } = news;
  try {
    if (choice.do === "back") await assertMayGoBack(targetOf(news), storeAt(store), { ...choice, ...orders(news) });
    if (choice.do !== "restore" || from === undefined) return;
    const manifest = await assertFits(news, from);
    if (manifest !== undefined) await assertLossAccepted(targetOf(news), manifest, news);
  } catch (error) {
    throw inWords(error, choice, news);
  }
}

/** @returns the backup's manifest; undefined where the store can't be read from here, which may list it all the same. */
async function assertFits(news: Inputs, from: string) {
  const { expected } = news;
  const { database } = expected;
  const store = storeAt(news.store);
  const found = await openWhole(store, database, from).catch(unlessStoreFailed);
  if (found === undefined) {
    await assertListed(store, database, from).catch(unlessStoreFailed);
    return undefined;
  }
  const exchange = exchangeOf(news);
  const schema = schemaOf(found.manifest, exchange);
  const reasons = schema === undefined ? [] : whyNotOn(`the backup ${from}`, schema, exchange);
  if (reasons.length === 0) return found.manifest;
  throw new BackupFailure(
    "restore",
    [`the backup ${from} must not take the place of ${database}:`, ...reasons.map((line) => `  ${line}`)].join("\n"),
  );
}

async function bringUp(news: Inputs, olds?: State): Promise<State> {
  const before = olds?.done;
  const state = (done = before): State => ({ ...news, ...(done && { done }) });
  if (olds !== undefined && isSettled(news, olds)) return state();
  let choice: Awaited<ReturnType<typeof ask>>;
  try {
    choice = await ask(news);
  } catch (error) {
    // A server that is down exchanges nothing; whatever needs it says so itself. What it holds the next `up` drops.
    if (isUnreachable(error) && agrees(news, before)) return withRetired(state(), olds?.retire);
    throw inWords(error, undefined, news);
  }
  if (choice.do === "nothing" && agrees(news, before)) {
    if (isToDrop(news, olds)) say(`there is no ${news.retire ?? ""} that a restore has kept; nothing was dropped`);
    return state();
  }
  if (news.hold.length > 0) throw new Error(news.hold.join("\n"));
  try {
    return await withRestoreLock(news.connection, news.password, say, async (assertHeld) => {
      // Whoever had the lock before may have done it.
      choice = await ask(news);
      return state(await carryOut(choice, news, assertHeld, before));
    });
  } catch (error) {
    throw inWords(error, choice, news);
  }
}

async function carryOut(
  choice: Awaited<ReturnType<typeof ask>>,
  news: Inputs,
  assertHeld: () => Promise<void>,
  before: RestoreDone | undefined,
): Promise<RestoreDone> {
  const [target, store] = [targetOf(news), storeAt(news.store)];
  const { from, into, expected } = news;
  const common = { ...orders(news), assertWanted: stillWanted(assertHeld) };
  switch (choice.do) {
    case "back":
      return doneBy(await goBack(target, store, { ...choice, ...common }));
    case "retire": {
      const names = choice.kept.map(({ name }) => name);
      await retire(target, names, say);
      return before === undefined || names.includes(before.kept) ? servesNow(news) : before;
    }
    case "nothing":
      if (from === undefined) return servesNow(news, choice.latest);
      if (from === before?.from) return before;
  }
  if (from === undefined) throw new Error("nothing names the backup that is to be restored");
  const { connection, password, platform, rds } = news;
  const dataFolder = platform === "local" ? await beside(connection, password, dataFolderOf) : undefined;
  const room = await roomOf({ dataFolder, rds, say });
  const restored = await restore(target, store, { ...common, from, into, expected, room });
  return restored === undefined ? servesNow(news) : doneBy(restored);
}

/**
 * What serves, as the server says it.
 * @param latest what the last exchange has kept, where it was one by which what had been kept came back. @default nothing
 */
async function servesNow({ connection, password, from }: Inputs, latest?: KeptDatabase): Promise<RestoreDone> {
  const { database } = connection;
  const found = await beside(connection, password, async (client) =>
    (await findDatabases(client, [database])).get(database),
  );
  const origin = from === undefined ? "" : (restoredFrom(found?.comment ?? null) ?? "");
  const back = latest?.kept.by === "" ? latest : undefined;
  const [backup, kept] = back === undefined ? ["", ""] : [back.kept.backup, back.name];
  return { from: origin, backup, kept, at: back === undefined ? Date.now() : Date.parse(back.kept.at), written: [] };
}

const doneBy = ({ written, downtimeMs, ...done }: Restored): RestoreDone => ({
  ...done,
  ...(downtimeMs !== undefined && { downtimeMs }),
  written: written.map(describeWritten),
});

function orders(news: Inputs) {
  const { acceptLossSince, named, release } = news;
  const exchange = exchangeOf(news);
  return {
    ...(acceptLossSince !== undefined && { acceptLossSince }),
    ...(named !== undefined && { named }),
    ...{ release, say },
    judge: (schema: Schema, name: string) => whyNotOn(name, schema, exchange),
  };
}

/** Nothing of this `up` has begun but the return of traffic. */
function exchangeOf({ settled, attempts, declared, plan }: Inputs): Exchange {
  const memory = memoryInFull(settled, attempts);
  const own = memory.attempts.at(-1);
  const before = own === undefined || own.id === settled?.id ? memory.attempts : memory.attempts.slice(0, -1);
  return {
    memory: { ...memory, attempts: before },
    declared: declaredInFull(declared),
    // In inputs they are plain text; a name that no step has does nothing.
    plan: { early: plan.early as StepName[], waits: plan.waits as StepName[] },
  };
}

/** An `up` that is gone exchanges nothing any more: the next one may have begun, and want something else. */
function stillWanted(assertHeld: () => Promise<void>): () => Promise<void> {
  const assertAsked = whileEngineIsThere(
    () => new BackupFailure("switch", "the pulumi up that asked for it has ended; nothing was switched"),
  );
  return async () => {
    await assertHeld();
    await assertAsked();
  };
}

/** What was to be done, and that it was not. A refusal says so itself. */
function inWords(error: unknown, choice: Choice | undefined, { from, connection: { database } }: Inputs): Error {
  const { message } = error as Error;
  if (error instanceof BackupFailure && error.step === "switch") return new Error(message, { cause: error });
  const what =
    choice?.do === "retire"
      ? `what restores have kept of ${database} could not be dropped`
      : choice?.do === "back" || from === undefined
        ? `the restore of ${database} could not be taken back`
        : `${database} could not be restored from ${from}`;
  return new Error(`${what}: ${message.replace(/\.$/, "")}. ${database} is as it was; run pulumi up again`, {
    cause: error,
  });
}

export const provider: Provider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({ id: `${inputs.connection.database}/restore`, outs: await bringUp(inputs) }),
  update: (olds, news) => bringUp(news, olds),
  // What was replaced is dropped by restore.retire alone.
  delete: () => Promise.resolve(),
};
