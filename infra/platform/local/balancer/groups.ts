import http from "node:http";
import { windows } from "./alarms";
import type { Colour, Deregistered, Health, NewTarget, TargetState } from "./api";
import { nextTarget } from "./choose";
import { BalancerError } from "./errors";
import type { Exchange } from "./exchange";
import { Flight } from "./flight";
import { afterCheck, initialHealth, startChecks } from "./health";
import type { Logger } from "pino";
import { Recent, type Measure } from "./recent";
import type { HealthSettings } from "./settings";

/** What targets of a group have in common. */
export interface GroupParts {
  health: HealthSettings;
  idleTimeoutMs: number;
  log: Logger;
  /** What alarms go by. */
  measure: Measure;
}

/** One registered process of a colour, with its own connections. */
export class Target {
  readonly flight = new Flight<Exchange>();
  /** Of the production listener's requests; failed are those with a 5xx, and those that the target broke off. */
  readonly recent: Recent;
  /** Kept-alive connections to this target alone, so that they can be closed with it. */
  readonly agent: http.Agent;
  #record = initialHealth;
  #draining = false;
  #stopChecks: () => void;

  constructor(
    readonly colour: Colour,
    readonly address: NewTarget,
    readonly order: number,
    { health: settings, idleTimeoutMs, log, measure }: GroupParts,
    onHealth: () => void,
  ) {
    this.recent = new Recent(measure, windows.p95);
    this.agent = new http.Agent({ keepAlive: true, timeout: idleTimeoutMs });
    this.#stopChecks = startChecks(address, settings, (verdict) => {
      const before = this.#record.health;
      this.#record = afterCheck(this.#record, verdict, settings);
      const health = this.#record.health;
      if (health.state === before.state) return;
      log.info({ colour, target: address.id, health }, "target health changed");
      onHealth();
    });
  }

  get health(): Health {
    if (!this.#draining) return this.#record.health;
    return {
      state: "draining",
      reason: "Target.DeregistrationInProgress",
      description: `Target deregistration is in progress: ${this.flight.size} in flight.`,
    };
  }

  get name(): string {
    return `${this.colour} target ${this.address.id} (${this.address.host}:${this.address.port})`;
  }

  state(): TargetState {
    return { ...this.address, health: this.health, inFlight: this.flight.size };
  }

  /** Gives it no new requests, lets those in flight finish for up to `delayMs`, then cuts off the rest. */
  async drain(delayMs: number): Promise<Deregistered> {
    this.#draining = true;
    this.#stopChecks();
    const cut = await this.flight.landed(delayMs);
    this.close();
    return { cut };
  }

  /** Ends its health checks and closes every connection to it; what is still in flight fails. */
  close(): void {
    this.#stopChecks();
    for (const exchange of this.flight) exchange.cut();
    this.agent.destroy();
  }
}

/** The targets of one colour. */
export class TargetGroup {
  readonly #registered = new Map<string, Target>();
  readonly #draining = new Map<Target, Promise<Deregistered>>();
  #lastOrder = -1;
  #nextOrder = 0;
  /** When it last had a healthy target, or began to wait for its first one; undefined while it has one. */
  #lackingSince: number | undefined;

  constructor(
    readonly colour: Colour,
    private readonly parts: GroupParts,
  ) {
    this.#lackingSince = parts.measure.now();
  }

  /** Those that can get requests, or could if they were healthy. */
  get registered(): readonly Target[] {
    return [...this.#registered.values()];
  }

  get healthy(): readonly Target[] {
    return this.registered.filter((target) => target.health.state === "healthy");
  }

  /** Milliseconds without a healthy target; 0 while there is one. */
  get withoutHealthy(): number {
    return this.#lackingSince === undefined ? 0 : this.parts.measure.now() - this.#lackingSince;
  }

  #noteHealth(): void {
    this.#lackingSince = this.healthy.length > 0 ? undefined : (this.#lackingSince ?? this.parts.measure.now());
  }

  /** The target for a new request; undefined when none is registered. */
  choose(): Target | undefined {
    const target = nextTarget(this.registered, this.#lastOrder);
    if (target) this.#lastOrder = target.order;
    return target;
  }

  states(): TargetState[] {
    return [...this.registered, ...this.#draining.keys()].map((target) => target.state());
  }

  addresses(): NewTarget[] {
    return this.registered.map((target) => target.address);
  }

  /**
   * Whether `address` is registered already, exactly so.
   * @throws BalancerError DuplicateTarget when its id stands for another address
   */
  has(address: NewTarget): boolean {
    const known = this.#registered.get(address.id)?.address;
    if (!known) return false;
    if (known.host === address.host && known.port === address.port) return true;
    throw new BalancerError(
      "DuplicateTarget",
      `${this.colour} target ${address.id} is registered at ${known.host}:${known.port}, not at ` +
        `${address.host}:${address.port}. Deregister it first, or register the other under its own id.`,
    );
  }

  add(address: NewTarget): Target {
    // Until then nobody expected one.
    if (this.#registered.size === 0) this.#lackingSince = this.parts.measure.now();
    const target = new Target(this.colour, address, this.#nextOrder++, this.parts, () => this.#noteHealth());
    this.#registered.set(address.id, target);
    return target;
  }

  /** The registered target of that id. */
  find(id: string): Target | undefined {
    return this.#registered.get(id);
  }

  /** The end of a drain of that id which is under way: a repeated deregistration waits for the first one. */
  drainOf(id: string): Promise<Deregistered> | undefined {
    for (const [target, drained] of this.#draining) if (target.address.id === id) return drained;
    return undefined;
  }

  /** Takes a registered target out and drains it; its id is free again at once. */
  async remove(target: Target, delayMs: number): Promise<Deregistered> {
    this.#registered.delete(target.address.id);
    this.#noteHealth();
    const drained = target.drain(delayMs);
    this.#draining.set(target, drained);
    try {
      return await drained;
    } finally {
      this.#draining.delete(target);
    }
  }

  close(): void {
    for (const target of [...this.registered, ...this.#draining.keys()]) target.close();
  }
}
