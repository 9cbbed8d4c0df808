import { setTimeout as delay } from "node:timers/promises";
import { walkTags } from "../../providers/traffic/tags";
import {
  TrafficMoved,
  TrafficUnreachable,
  type AwsTrafficAddress,
  type LiveTraffic,
  type Traffic,
  type TrafficChange,
  type TrafficExpectation,
} from "../traffic";
import { endTooSoon } from "./sdk";
import { AwsFailed, passing } from "./sdk-errors";
import { beat } from "./traffic-heartbeat";
import { AwsListener, type Listener } from "./traffic-listener";

/** Tries of ModifyListener while AWS throttles it; in between 0.5 s, doubled each time, with jitter: 7.5 s at most. */
const writes = { tries: 5, pauseMs: 500 } as const;
/** How long a change may take to be read back, and how long after it a walk that lost its tag may still write; in ms. */
const readBack = { mostMs: 10_000, pauseMs: 250, lateMs: 1_000 } as const;

/**
 * The listener of an Application Load Balancer as the traffic resources see it.
 *
 * ELBv2 has no compare-and-set, so `change` reads what is expected right before each write (before each repetition of
 * ModifyListener too, which the SDK therefore doesn't repeat), and reads back what came of it. Between a look and its write
 * somebody else may write: that can't be excluded, only noticed. So that it is:
 * - whoever takes weights from a walk changes the tags first, and the weights after that: the walk sees at its next look,
 *   which precedes each of its writes, that they are no longer its own;
 * - whoever ends a walk of its own sets the weights first and takes the tags away last: killed in between, the tags still say
 *   that somebody walked;
 * - whoever took weights from a walk looks once more a second later, for a write that was on its way. One that comes later
 *   still is seen by its own walk, which finds the tags gone, and by the next preview.
 */
export function awsTraffic(address: AwsTrafficAddress): Traffic {
  const listener = new AwsListener(address);
  return {
    read: () => inWordsOfTraffic(() => read(listener)),
    change: (change, expect = {}) => inWordsOfTraffic(() => new Change(address, listener, change, expect).make()),
    endsWithin: (milliseconds) => endTooSoon(address.connection, milliseconds),
  };
}

async function read(listener: AwsListener): Promise<LiveTraffic | undefined> {
  const [found, blue, green] = await Promise.all([
    listener.look(),
    listener.targets("blue"),
    listener.targets("green"),
  ]);
  if (found === undefined) return undefined;
  return { greenWeight: found.greenWeight, tags: found.tags, targets: { blue, green } };
}

/** One change, from its first look to the last. */
class Change {
  /** A walk of somebody else is ended by it, or may be. */
  readonly #takesOver: boolean;
  #expect: TrafficExpectation;

  constructor(
    private readonly address: AwsTrafficAddress,
    private readonly listener: AwsListener,
    private readonly change: TrafficChange,
    expect: TrafficExpectation,
  ) {
    this.#expect = expect;
    const own = expect.tag?.key === walkTags.walk && expect.tag.value !== null;
    this.#takesOver = !own && change.tags?.[walkTags.walk] !== undefined;
  }

  async make(): Promise<void> {
    const before = await this.#look();
    const { tags, greenWeight } = this.change;
    // Nobody walks without a heartbeat: that it can't be sent is known before anything is changed.
    if (typeof tags?.[walkTags.walk] === "string") await this.#beat(1);
    if (this.#takesOver) await this.#setTags(before);
    if (greenWeight !== undefined) await this.#setWeights(greenWeight);
    if (!this.#takesOver) await this.#setTags(before);
    const walked = before.tags[walkTags.walk] !== undefined;
    await this.#readBack(before);
    if (this.#takesOver && walked && greenWeight !== undefined) {
      await delay(readBack.lateMs);
      await this.#readBack(before);
    }
    await this.#sayHowItGoes(walked);
  }

  /** @throws TrafficMoved where what is expected doesn't hold */
  async #look(): Promise<Listener> {
    const found = await this.listener.look();
    if (found === undefined) throw new TrafficMoved(`there is no listener at ${this.listener.name}`);
    const { greenWeight, tag } = this.#expect;
    if (greenWeight !== undefined && found.greenWeight !== greenWeight)
      throw new TrafficMoved(`greenWeight is ${found.greenWeight}, not ${greenWeight}, at ${this.listener.name}`);
    if (tag !== undefined && (found.tags[tag.key] ?? null) !== tag.value)
      throw new TrafficMoved(`tag ${tag.key} is ${found.tags[tag.key] ?? "not there"} at ${this.listener.name}`);
    return found;
  }

  async #setTags(before: Listener): Promise<void> {
    const { tags } = this.change;
    if (tags === undefined) return;
    const there = Object.entries(tags).filter(([key, value]) => value !== null || before.tags[key] !== undefined);
    await this.listener.setTags(before.arn, Object.fromEntries(there));
    const { tag } = this.#expect;
    const value = tag === undefined ? undefined : tags[tag.key];
    if (tag !== undefined && value !== undefined) this.#expect = { ...this.#expect, tag: { ...tag, value } };
  }

  async #setWeights(greenWeight: number): Promise<void> {
    for (let tried = 1; ; tried += 1) {
      const found = await this.#look();
      try {
        await this.listener.setWeights(found, greenWeight);
        this.#expect = { ...this.#expect, greenWeight };
        return;
      } catch (error) {
        const throttled = error instanceof AwsFailed && error.kind === "throttled";
        if (!throttled || tried === writes.tries) throw error;
        await delay(writes.pauseMs * 2 ** (tried - 1) * (0.5 + Math.random() / 2));
      }
    }
  }

  /** Waits until the listener says what was written. @throws TrafficMoved where somebody else wrote meanwhile */
  async #readBack(before: Listener): Promise<void> {
    const until = performance.now() + readBack.mostMs;
    const { greenWeight, tags = {} } = this.change;
    for (;;) {
      const found = await this.listener.look();
      if (found === undefined) throw new TrafficMoved(`there is no listener at ${this.listener.name} any more`);
      const differing = Object.entries(tags).filter(([key, value]) => (found.tags[key] ?? null) !== value);
      const weightIs = greenWeight === undefined || found.greenWeight === greenWeight;
      if (weightIs && differing.length === 0 && !this.#lostItsWalk(found)) return;
      const walk = found.tags[walkTags.walk];
      const ours = [before.tags[walkTags.walk], tags[walkTags.walk] ?? undefined];
      const otherWalk = walk !== undefined && !ours.includes(walk);
      const otherWeight = !weightIs && found.greenWeight !== before.greenWeight;
      if (otherWalk || otherWeight || this.#lostItsWalk(found))
        throw new TrafficMoved(
          `somebody else wrote meanwhile: greenWeight is ${found.greenWeight}, and ${walk ?? "no walk"} is on ${this.listener.name}`,
        );
      if (performance.now() > until)
        throw new TrafficUnreachable(
          `${this.listener.name} still says greenWeight ${found.greenWeight} and tags ${JSON.stringify(found.tags)}, ` +
            `${readBack.mostMs / 1000} s after they were changed`,
        );
      await delay(readBack.pauseMs);
    }
  }

  /** The walk that wanted the change, and didn't want to end by it, has lost its tag. */
  #lostItsWalk(found: Listener): boolean {
    const { tag } = this.#expect;
    return tag?.key === walkTags.walk && tag.value !== null && found.tags[walkTags.walk] !== tag.value;
  }

  /** Never fails: what was to be changed is changed. */
  async #sayHowItGoes(walked: boolean): Promise<void> {
    const { tags } = this.change;
    const ended = walked && tags?.[walkTags.walk] === null;
    const beats = typeof tags?.[walkTags.beat] === "string" && tags[walkTags.walk] === undefined;
    if (!ended && !beats) return;
    try {
      await this.#beat(ended ? 0 : 1);
    } catch (error) {
      const so = ended
        ? "the alarm for a walk that was left behind may fire, though this one has ended"
        : "no heartbeat";
      console.error(`${so}: ${(error as Error).message}`);
    }
  }

  #beat(value: 0 | 1): Promise<void> {
    return beat(this.address.connection, this.address.loadBalancer, value);
  }
}

/** What may pass by itself is unreachable; for the rest somebody has to act, and is told so. */
async function inWordsOfTraffic<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AwsFailed && passing.includes(error.kind))
      throw new TrafficUnreachable(error.message, { cause: error });
    throw error;
  }
}
