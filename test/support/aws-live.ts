// A stack on the stand-in for AWS that really serves: copies of both colours as processes, the production and the preview
// listener with real requests, which CloudWatch counts, a database that can be cut off, and a clock by which a walk of an hour
// takes a minute or two.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Row } from "../plugins/aws/account";
import { AwsBalancer, type Services } from "../plugins/aws/api/balancer";
import { objectToken } from "../plugins/aws/resources/storage";
import { number, text, textsAt, valuesAt } from "../plugins/aws/values";
import { AwsCopies } from "./aws-copies";
import { AwsStack } from "./aws-stack";
import { FastClock } from "./fast-clock";
import { load, type LoadResult } from "./load";
import { Relay } from "./relay";
import type { Ended } from "./stack";

const listenerToken = "aws:lb/listener:Listener";
const serviceToken = "aws:ecs/service:Service";

/** A minute of CloudWatch is a second. */
const usualSpeed = 60;

/** Requests a second while traffic moves: a tenth of them is enough for some in each such minute. */
const rate = 80;

export interface AwsLiveOptions {
  /** How many times as fast as time hours pass for walks and figures, 1 or more; 1 is the machine's own clock. Default: 60. */
  speed?: number;
}

export class AwsLive {
  private constructor(
    readonly stack: AwsStack,
    readonly relay: Relay,
    readonly copies: AwsCopies,
    readonly balancer: AwsBalancer,
    private readonly clock: FastClock | undefined,
    private readonly folder: string,
  ) {}

  static async start({ speed = usualSpeed }: AwsLiveOptions = {}): Promise<AwsLive> {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-live-"));
    const clock = speed === 1 ? undefined : new FastClock(folder, speed);
    const services: Services = {};
    let relay: Relay | undefined;
    const stack = await AwsStack.start({
      ...(clock && { now: clock.now, preload: ["fast-clock.cjs"], environment: clock.environment }),
      preview: ({ account, figures }, tls) => AwsBalancer.start(account, figures, { services, tls }),
      via: async ({ port }) => (relay = await Relay.start(port)).port,
    });
    if (relay === undefined) throw new Error("the stack has not asked for its way to the database");
    const { account, api, databasePort } = stack;
    for (const token of [listenerToken, serviceToken]) account.watch(token);
    const copies = new AwsCopies(account, { host: "127.0.0.1", port: databasePort }, services);
    const balancer = await AwsBalancer.start(account, api.figures, { port: 443, services });
    return new AwsLive(stack, relay, copies, balancer, clock, folder);
  }

  /** Sends requests over the production listener all the while that `work` goes on. */
  async underLoad<T>(work: () => Promise<T>, path = "/pages?limit=1"): Promise<{ result: T; load: LoadResult }> {
    const over = new AbortController();
    const url = `http://127.0.0.1:${this.balancer.port}${path}`;
    const loaded = load({ url, rate, durationMs: 600_000, concurrency: 64, signal: over.signal });
    try {
      const result = await work();
      over.abort();
      return { result, load: await loaded };
    } finally {
      over.abort();
      await loaded;
    }
  }

  /**
   * Green's share after each change that anybody made to the production listener, but for those that left it as it was.
   * @param after a `moment`: what came before is left out
   * @throws where both weights were 0 at any time
   */
  greens(after = 0): number[] {
    const all = this.#listeners().map(greenIn);
    return all.filter((green, at) => at >= after && green !== all[at - 1]);
  }

  /** How often the production listener was put so far: for `greens`. */
  moment(): number {
    return this.#listeners().length;
  }

  /** How many copies of a colour were desired, each time that anybody said it. */
  desired(colour: "blue" | "green"): number[] {
    return this.stack.account
      .seen(serviceToken)
      .filter(({ outs }) => text(outs, "name").endsWith(`-${colour}`))
      .map(({ outs }) => number(outs, "desiredCount") ?? 0);
  }

  /** What autoscaling, or a person, does to a colour's count. */
  scale(colour: "blue" | "green", desiredCount: number): void {
    this.stack.account.change((rows) => {
      const row = rows.all(serviceToken).find(({ outs }) => text(outs, "name").endsWith(`-${colour}`));
      if (row === undefined) throw new Error(`${colour} has no service`);
      rows.put({ ...row, outs: { ...row.outs, desiredCount } });
    });
  }

  /** Keys of what is in the store, in order. */
  stored(prefix: string): string[] {
    return this.#objects(prefix).map(({ outs }) => text(outs, "key"));
  }

  /** The records of shifts that have ended, oldest first. */
  records<T>(): T[] {
    return this.#objects("records/")
      .filter(({ outs }) => text(outs, "key").endsWith("-ended.json"))
      .map(({ outs }) => JSON.parse(Buffer.from(text(outs, "content"), "base64").toString()) as T);
  }

  /** An alarm of a colour, as CloudWatch would set it. */
  alarm(stack: string, colour: "blue" | "green", state: "OK" | "ALARM"): void {
    this.stack.account.setOption(`alarm switchyard-${stack}-${colour}`, state);
  }

  up(stack: string): Promise<Ended> {
    return this.stack.pulumi(stack, "up", "--yes", "--skip-preview");
  }

  async stop(): Promise<void> {
    await this.balancer.stop();
    try {
      await this.copies.stop();
    } finally {
      await this.relay.stop();
      await this.stack.stop();
      this.clock?.stop();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  #listeners(): Row[] {
    return this.stack.account.seen(listenerToken).filter(({ outs }) => outs["port"] === 443);
  }

  #objects(prefix: string): Row[] {
    const found = this.stack.account.change((rows) => rows.all(objectToken));
    return found
      .filter(({ outs }) => text(outs, "key").startsWith(prefix))
      .sort((a, b) => (text(a.outs, "key") < text(b.outs, "key") ? -1 : 1));
  }
}

/** Green's share in a state of the listener. @throws where both weights are 0, or they are no shares. */
function greenIn({ outs }: Row): number {
  const [blue, green] = ["-blue/", "-green/"].map((part) => {
    const groups = valuesAt(outs, "defaultActions.forward.targetGroups");
    const group = groups.find((each) => textsAt(each, "arn").some((arn) => arn.includes(part)));
    return number((group ?? {}) as Record<string, unknown>, "weight") ?? 0;
  });
  if (blue === undefined || green === undefined || blue + green !== 100)
    throw new Error(`the weights were ${blue ?? "none"} and ${green ?? "none"}, and are no shares`);
  return green;
}
