import type { Logger } from "pino";
import {
  colours,
  type BalancerState,
  type Colour,
  type Deregistered,
  type ListenerChange,
  type NewListener,
  type NewTarget,
  type PreviewListener,
  type ProductionListener,
} from "./api";
import { demand, retagged, sameListener } from "./conditions";
import { BalancerError } from "./errors";
import { Forwarder } from "./forward";
import { TargetGroup } from "./groups";
import { Listener, type ListenerParts } from "./listener";
import { Metrics } from "./metrics";
import { showWeights, type SavedState } from "./requests";
import { Router } from "./router";
import type { Settings } from "./settings";
import type { StateFile } from "./store";
import { Watch, type WatchedListener } from "./watch";

interface Production extends WatchedListener {
  readonly listener: Listener;
}

interface Change {
  production?: ProductionListener | null;
  preview?: PreviewListener;
  targets?: Partial<Record<Colour, NewTarget[]>>;
}

/**
 * One load balancer with two target groups, a preview listener and a production listener. Changes are made one at a
 * time, each written to the state file before it takes effect, and take effect between two requests.
 */
export class Balancer {
  readonly startedAt = Date.now();
  readonly metrics: Metrics;
  readonly #groups: Record<Colour, TargetGroup>;
  readonly #router: Router;
  readonly #parts: ListenerParts;
  /** Listeners that accept no more connections but have requests in flight. */
  readonly #closing = new Set<Listener>();
  #production: Production | undefined;
  #preview: Listener | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(
    private readonly file: StateFile,
    settings: Settings,
    private readonly log: Logger,
    readonly watch: Watch = new Watch(),
  ) {
    const { idleTimeoutMs } = settings.proxy;
    const parts = { health: settings.health, idleTimeoutMs, log, measure: watch };
    const group = (colour: Colour) => new TargetGroup(colour, parts);
    this.#groups = { blue: group("blue"), green: group("green") };
    this.#router = new Router(this.#groups);
    this.metrics = new Metrics(
      {
        weights: () => this.#production?.weights,
        targets: (colour) => {
          const { registered, healthy } = this.#groups[colour];
          return { registered: registered.length, healthy: healthy.length };
        },
        alarms: (colour) =>
          colour === "none" ? watch.ofNone(this.#production) : watch.ofColour(this.#groups[colour], this.#production),
        database: () => watch.reported.figures,
      },
      this.startedAt,
    );
    const counted = { metrics: this.metrics, own: watch.own };
    this.#parts = { forwarder: new Forwarder(settings.proxy, log), ...counted, log, idleTimeoutMs };
  }

  /**
   * Takes up the state of the file: targets (their health is checked anew), tags, weights, listeners.
   * @throws BalancerError PortInUse when a listener's port is taken, Error when the file can't be understood
   */
  async restore(): Promise<void> {
    const saved = await this.file.read();
    for (const colour of colours) for (const address of saved.targets[colour]) this.#groups[colour].add(address);
    if (saved.preview) this.#preview = await this.#openPreview(saved.preview.port);
    if (saved.production) {
      const { port, weights, tags } = saved.production;
      this.#router.greenWeight = weights.green;
      this.#production = { listener: await this.#openProduction(port), weights, tags, taggedAt: this.watch.now() };
    }
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  state(): BalancerState {
    return {
      production: this.#production ? shown(this.#production) : null,
      preview: this.#preview ? { port: this.#preview.port } : null,
      targets: { blue: this.#groups.blue.states(), green: this.#groups.green.states() },
    };
  }

  /**
   * Creates the production listener. The same call again (same port, weights, tags) changes nothing.
   * @throws BalancerError DuplicateListener, PortInUse, PortNotAllowed, StateNotWritten
   */
  createListener(given: NewListener): Promise<ProductionListener> {
    return this.#change(async () => {
      const tags = given.tags ?? {};
      if (this.#production) {
        const existing = shown(this.#production);
        if (sameListener(existing, { ...given, tags })) return existing;
        throw new BalancerError(
          "DuplicateListener",
          `There is a production listener already (port ${existing.port}, ${showWeights(existing.weights)}). ` +
            "Modify it, or delete it first.",
        );
      }
      this.#router.greenWeight = given.weights.green;
      const listener = await this.#openProduction(given.port);
      const next: Production = { listener, weights: given.weights, tags, taggedAt: this.watch.now() };
      await this.#saveOrClose({ production: shown(next) }, listener);
      this.#production = next;
      this.log.info({ listener: shown(next) }, "production listener created");
      return shown(next);
    });
  }

  /**
   * Changes weights, tags and port of the production listener in one step, if `expect` holds. On a new port, the old
   * one closes once the new one is open; requests in flight finish.
   * @throws BalancerError ListenerNotFound, PreconditionFailed, PortInUse, PortNotAllowed, StateNotWritten
   */
  modifyListener(change: ListenerChange): Promise<ProductionListener> {
    return this.#change(async () => {
      const current = this.#existing();
      demand(shown(current), change.expect);
      const moves = change.port !== undefined && change.port !== current.listener.port;
      const listener = moves ? await this.#openProduction(change.port ?? 0) : current.listener;
      const weights = change.weights ?? current.weights;
      const taggedAt = change.tags === undefined ? current.taggedAt : this.watch.now();
      const next: Production = { listener, weights, tags: retagged(current.tags, change.tags), taggedAt };
      await this.#saveOrClose({ production: shown(next) }, moves ? listener : undefined);
      this.#production = next;
      this.#router.greenWeight = weights.green;
      if (moves) this.#retire(current.listener);
      this.log.info({ before: shown(current), after: shown(next) }, "production listener modified");
      return shown(next);
    });
  }

  /**
   * Closes and forgets the production listener, its weights and tags; requests in flight finish.
   * @throws BalancerError ListenerNotFound, StateNotWritten
   */
  deleteListener(): Promise<void> {
    return this.#change(async () => {
      const current = this.#existing();
      await this.file.write(this.#saved({ production: null }));
      this.#production = undefined;
      this.#retire(current.listener);
      this.log.info({ listener: shown(current) }, "production listener deleted");
    });
  }

  /**
   * Opens the preview listener, or moves it to another port.
   * @throws BalancerError PortInUse, PortNotAllowed, StateNotWritten
   */
  openPreview(port: number): Promise<PreviewListener> {
    return this.#change(async () => {
      const current = this.#preview;
      if (current?.port === port) return { port };
      const next = await this.#openPreview(port);
      await this.#saveOrClose({ preview: { port: next.port } }, next);
      this.#preview = next;
      if (current) this.#retire(current);
      this.log.info({ port: next.port }, "preview listener opened");
      return { port: next.port };
    });
  }

  /**
   * Adds a target to a colour's group; it is `initial` until its health checks say more. The same call again changes
   * nothing.
   * @throws BalancerError DuplicateTarget, StateNotWritten
   */
  registerTarget(colour: Colour, address: NewTarget): Promise<void> {
    return this.#change(async () => {
      const group = this.#groups[colour];
      if (group.has(address)) return;
      await this.file.write(this.#saved({ targets: { [colour]: [...group.addresses(), address] } }));
      group.add(address);
      this.log.info({ colour, target: address }, "target registered");
    });
  }

  /**
   * Takes a target out of its group: no new requests, those in flight get `delaySeconds` to finish, the rest is cut
   * off. Resolves when that is done. A repeated call waits for the first one's end; for a target that is not there it
   * succeeds at once, as ELBv2's DeregisterTargets does.
   * @throws BalancerError StateNotWritten
   */
  async deregisterTarget(colour: Colour, id: string, delaySeconds: number): Promise<Deregistered> {
    const group = this.#groups[colour];
    const drained = await this.#change(async () => {
      const target = group.find(id);
      if (!target) return { end: group.drainOf(id) };
      const rest = group.addresses().filter((address) => address.id !== id);
      await this.file.write(this.#saved({ targets: { [colour]: rest } }));
      this.log.info({ colour, target: target.address, inFlight: target.flight.size, delaySeconds }, "target draining");
      return { end: group.remove(target, delaySeconds * 1000) };
    });
    if (!drained.end) return { cut: 0 };
    const result = await drained.end;
    this.log.info({ colour, target: id, ...result }, "target deregistered");
    return result;
  }

  /**
   * Accepts no more connections and no more changes, gives requests in flight `withinMs` to finish, cuts off the rest.
   * The state file stays as it is: the next start takes it up.
   * @returns how many were cut off
   */
  async stop(withinMs: number): Promise<number> {
    this.#stopping = true;
    await this.#queue;
    for (const listener of [this.#preview, this.#production?.listener]) if (listener) this.#retire(listener);
    const closing = [...this.#closing];
    const left = await Promise.all(closing.map((listener) => listener.flight.landed(withinMs)));
    for (const colour of colours) this.#groups[colour].close();
    for (const listener of closing) for (const exchange of listener.flight) exchange.cut();
    // The last answers still have to leave.
    await Promise.all(closing.map((listener) => listener.flight.landed(1_000)));
    return left.reduce((sum, count) => sum + count, 0);
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      if (this.#stopping) throw new BalancerError("Stopping", "The balancer is stopping and takes no more changes.");
      return work();
    });
    // The caller gets the failure; the next change must not.
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #existing(): Production {
    if (this.#production) return this.#production;
    throw new BalancerError("ListenerNotFound", "There is no production listener. Create it first.");
  }

  #saved(change: Change): SavedState {
    const { production, preview } = this.state();
    const targets = { blue: this.#groups.blue.addresses(), green: this.#groups.green.addresses() };
    return { format: 1, production, preview, ...change, targets: { ...targets, ...change.targets } };
  }

  /** Writes a change that a newly opened port belongs to; closes the port again when it can't be written. */
  async #saveOrClose(change: Change, opened: Listener | undefined): Promise<void> {
    try {
      await this.file.write(this.#saved(change));
    } catch (error) {
      if (opened) this.#retire(opened);
      throw error;
    }
  }

  #retire(listener: Listener): void {
    listener.close();
    this.#closing.add(listener);
    void listener.flight.landed().then(() => this.#closing.delete(listener));
  }

  #openProduction(port: number): Promise<Listener> {
    return Listener.open("production", port, () => this.#router.byWeight(), this.#parts);
  }

  #openPreview(port: number): Promise<Listener> {
    return Listener.open("preview", port, (request) => this.#router.byHeader(request), this.#parts);
  }
}

function shown({ listener, weights, tags }: Production): ProductionListener {
  return { port: listener.port, weights: { ...weights }, tags: { ...tags } };
}
