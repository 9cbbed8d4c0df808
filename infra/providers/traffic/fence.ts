import { TrafficMoved, type LiveTraffic, type Traffic } from "../../platform/traffic";
import type { Colour } from "../../rollout/types";
import { FenceBroken, takenOver, type PutBack } from "./broken";
import type { Clock } from "./clock";
import { noWalk } from "./mark";
import { walkTags } from "./tags";

/** How often a walk looks whether it may go on, in ms. */
const lookMs = 1_000;
/** How often it says on the listener that it looks. */
const beatMs = 10_000;
/** How long the listener may be out of reach before a walk gives up, or gives up putting weights back. */
const usualPatienceMs = 30_000;
/** Between two tries. */
const retryMs = 250;

/** Who walks, from where to where. */
export interface Claim {
  /** Value of the walk tag. */
  id: string;
  /** As `thisOwner` gives it. */
  owner: string;
  /** Percent that green had before the walk, and that it is to have. */
  from: number;
  to: number;
  /** Percent that it has now: another than `from` where a walk that was left behind is taken up. */
  live: number;
  /** The walk that was left behind, whose tag is replaced; null where there must be none. */
  replaces: string | null;
}

export interface FenceParts {
  traffic: Traffic;
  clock: Clock;
  /** Whether the engine that started this process still is there. */
  engineAlive: () => Promise<boolean>;
  /** Aborted when this process is told to end; the reason names the signal. */
  interrupted?: AbortSignal;
  /** Milliseconds for which the listener may be out of reach. @default 30 s */
  patience?: number;
}

type Change = Parameters<Traffic["change"]>[0];

/**
 * Keeps a walk from doing what is no longer its business. While it stands, it looks every second, and before each write,
 * whether the engine is there, tag and weights are the walk's own, and nobody asked for its end.
 */
export class Fence {
  /** Why the walk may not go on, once that is so; and who waits for something meanwhile. */
  #brokenBy: Error | undefined;
  readonly #waiting = new Set<(reason: Error) => void>();
  readonly #stopped = new AbortController();
  #live: LiveTraffic;
  #own: number;
  /** What is being set: a change whose answer got lost may have been made, or not. */
  #intended: number | undefined;
  /** Whether the tags were taken away. */
  #left = false;
  #beaten: number;
  #reached: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly claim: Claim,
    private readonly parts: FenceParts,
    live: LiveTraffic,
  ) {
    this.#live = live;
    this.#own = claim.live;
    this.#beaten = this.#reached = parts.clock.now();
    parts.interrupted?.addEventListener("abort", this.#interrupt);
  }

  /**
   * Takes the weights for a walk.
   * @throws TrafficMoved when somebody else has them, or has changed them.
   */
  static async claim(claim: Claim, live: LiveTraffic, parts: FenceParts): Promise<Fence> {
    const { id, owner, from, to, replaces } = claim;
    const tags = {
      ...noWalk,
      [walkTags.walk]: id,
      [walkTags.owner]: owner,
      [walkTags.from]: String(from),
      [walkTags.to]: String(to),
      [walkTags.beat]: beatOf(parts.clock),
    };
    const expect = { greenWeight: claim.live, tag: { key: walkTags.walk, value: replaces } };
    await parts.traffic.change({ tags }, expect);
    const fence = new Fence(claim, parts, { ...live, tags: { ...live.tags, [walkTags.walk]: id } });
    if (parts.interrupted?.aborted === true) fence.#interrupt();
    void fence.#keepLooking();
    return fence;
  }

  /** The listener as it was last seen, at most about a second ago while it can be reached. */
  get live(): LiveTraffic {
    return this.#live;
  }

  /** The result of `work`, unless the fence breaks before. @throws FenceBroken */
  guard<T>(work: Promise<T>): Promise<T> {
    // Not Promise.race: a promise that stays open for a whole walk would keep hold of all that ever was raced against it.
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
      if (this.#brokenBy !== undefined) reject(this.#brokenBy);
    });
  }

  /** Sets the weights. @throws FenceBroken; `putBack` then knows what was set. */
  set(greenWeight: number): Promise<void> {
    return this.#persist({ greenWeight }, () => this.#own === greenWeight);
  }

  /** Ends the walk where it is, and takes its tags away. @throws FenceBroken when the weights aren't its own any more. */
  async leave(): Promise<void> {
    try {
      await this.#persist({ tags: noWalk }, () => this.#left);
    } catch (error) {
      const live = await this.parts.traffic.read();
      // Gone already, when only the answer got lost.
      if (live?.greenWeight !== this.#own || live.tags[walkTags.walk] !== undefined) throw error;
    }
    this.#stop();
  }

  /** Puts the weights back to where the walk began, without asking whether it may go on, and ends the walk. */
  async putBack(): Promise<PutBack> {
    this.#stop();
    const until = this.parts.clock.now() + (this.parts.patience ?? usualPatienceMs);
    return this.#alone(async () => {
      for (;;) {
        try {
          return await this.#tryPutBack();
        } catch (error) {
          if (this.parts.clock.now() > until) return { outcome: "unreachable", trouble: (error as Error).message };
          await this.parts.clock.sleep(retryMs);
        }
      }
    });
  }

  /** Makes a change, and tries again while the listener can't be reached; before each try it looks. */
  #persist(change: Change, isDone: () => boolean): Promise<void> {
    const work = async (): Promise<void> => {
      this.#intended = change.greenWeight;
      while (!isDone() && this.#brokenBy === undefined) {
        await this.#look();
        const done = isDone() || (await this.#whileReachable(() => this.#commit(change)));
        if (done === null) await this.parts.clock.sleep(retryMs);
      }
      this.#intended = undefined;
    };
    return this.guard(this.#alone(work));
  }

  readonly #interrupt = (): void => {
    const reason = String(this.parts.interrupted?.reason ?? "a signal");
    this.#break(new FenceBroken("interrupted", `this process was told to end (${reason})`));
  };

  #break(reason: Error): void {
    this.#brokenBy ??= reason;
    for (const reject of this.#waiting) reject(this.#brokenBy);
  }

  async #keepLooking(): Promise<void> {
    const { clock } = this.parts;
    while (!this.#stopped.signal.aborted) {
      await clock.sleep(lookMs, this.#stopped.signal);
      try {
        await this.#alone(() => this.#lookAndBeat());
      } catch (error) {
        this.#break(error as Error);
        return;
      }
    }
  }

  async #lookAndBeat(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    await this.#look();
    const now = this.parts.clock.now();
    if (now - this.#beaten < beatMs) return;
    await this.#whileReachable(() => this.#commit({ tags: { [walkTags.beat]: beatOf(this.parts.clock) } }));
    this.#beaten = now;
  }

  /** @throws FenceBroken when the walk may not go on. */
  async #look(): Promise<void> {
    const { traffic, engineAlive } = this.parts;
    if (!(await engineAlive())) throw new FenceBroken("engine gone", "the pulumi that asked for it is gone");
    const live = await this.#whileReachable(() => traffic.read());
    if (live === null) return;
    if (!this.#isOwn(live)) throw takenOver(live);
    if (live === undefined) return;
    this.#live = live;
    if (live.tags[walkTags.abort] === this.claim.id)
      throw new FenceBroken("aborted", "its end was asked for (npm run abort)");
  }

  #isOwn(live: LiveTraffic | undefined): boolean {
    if (live?.tags[walkTags.walk] !== this.claim.id) return false;
    if (live.greenWeight === this.#intended) this.#own = live.greenWeight;
    return live.greenWeight === this.#own;
  }

  /** @throws FenceBroken when tag or weights aren't the walk's own any more. */
  async #commit(change: Change): Promise<true> {
    try {
      await this.parts.traffic.change(change, {
        greenWeight: this.#own,
        tag: { key: walkTags.walk, value: this.claim.id },
      });
    } catch (error) {
      if (!(error instanceof TrafficMoved)) throw error;
      throw takenOver(await this.parts.traffic.read(), error);
    }
    this.#own = change.greenWeight ?? this.#own;
    this.#left = change.tags === noWalk;
    return true;
  }

  /** null while the listener can't be reached. @throws FenceBroken once that has lasted too long. */
  async #whileReachable<T>(work: () => Promise<T>): Promise<T | null> {
    const { clock } = this.parts;
    try {
      const result = await work();
      this.#reached = clock.now();
      return result;
    } catch (error) {
      if (error instanceof FenceBroken) throw error;
      const patience = this.parts.patience ?? usualPatienceMs;
      if (clock.now() - this.#reached < patience) return null;
      const message = `the listener could not be reached or changed for ${patience / 1000} s: ${(error as Error).message}`;
      throw new FenceBroken("unreachable", message, { cause: error });
    }
  }

  async #tryPutBack(): Promise<PutBack> {
    const { traffic } = this.parts;
    const { from } = this.claim;
    const live = await traffic.read();
    this.#live = live ?? this.#live;
    if (live === undefined || !this.#isOwn(live)) {
      // Ours, when the answer to an earlier try got lost.
      const done = live?.greenWeight === from && live.tags[walkTags.walk] === undefined && this.#intended === from;
      return done ? { outcome: "returned" } : { outcome: "taken over", trouble: takenOver(live).message };
    }
    const gaining: Colour = from > live.greenWeight ? "green" : "blue";
    const stays = live.greenWeight !== from && live.targets[gaining].alive === 0;
    this.#intended = stays ? undefined : from;
    try {
      await this.#commit(stays ? { tags: noWalk } : { greenWeight: from, tags: noWalk });
    } catch (error) {
      if (error instanceof FenceBroken) return { outcome: "taken over", trouble: error.message };
      throw error;
    }
    if (stays) return { outcome: "stayed", trouble: `no process of ${gaining} answers` };
    const after = await traffic.read();
    return after?.greenWeight === from
      ? { outcome: "returned" }
      : { outcome: "taken over", trouble: takenOver(after).message };
  }

  /** One at a time: a look in the middle of a write would find weights that it doesn't expect. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #stop(): void {
    this.#stopped.abort();
    this.parts.interrupted?.removeEventListener("abort", this.#interrupt);
  }
}

const beatOf = (clock: Clock): string => new Date(clock.now()).toISOString();
