import type { ListenerName } from "./api";
import type { Flight } from "./flight";
import type { Target } from "./groups";
import type { ColourLabel, Metrics, Origin } from "./metrics";
import type { Recent } from "./recent";

/** Where what becomes of it is counted. */
export interface Counted {
  metrics: Metrics;
  /** Of both listeners; failed are the requests that the balancer had to refuse itself. */
  own: Recent;
}

/** Status of a request whose client left before there was an answer (as in an ALB's access log). */
export const clientLeft = 460;

/** One request from its arrival to its end: where it went, how it is counted, and how to cut it off. */
export class Exchange {
  readonly #arrived = performance.now();
  readonly #flights: Flight<Exchange>[];
  #status: number | undefined;
  #origin: Origin = "balancer";
  #truncated = false;
  #ended = false;

  /** Set when the target was silent for longer than the idle timeout. */
  timedOut = false;
  /** Set when the balancer itself broke the exchange off: a drain or the process ended first. */
  wasCut = false;

  constructor(
    readonly listener: ListenerName,
    readonly colour: ColourLabel,
    readonly target: Target | undefined,
    flight: Flight<Exchange>,
    private readonly counted: Counted,
    private readonly disconnect: () => void,
  ) {
    this.#flights = target ? [flight, target.flight] : [flight];
    for (const each of this.#flights) each.add(this);
    counted.metrics.began(listener, colour);
  }

  /** Whether someone, target or balancer, has answered already. */
  get answered(): boolean {
    return this.#status !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  answeredByTarget(status: number): void {
    if (this.answered || this.#ended) return;
    this.#status = status;
    this.#origin = "target";
    const seconds = (performance.now() - this.#arrived) / 1000;
    this.counted.metrics.answered(this.listener, this.colour, seconds);
    this.#recent?.answered(seconds);
  }

  answeredByBalancer(status: number): void {
    if (!this.answered) this.#status = status;
  }

  /** The target broke off an answer that it had begun. */
  truncatedByTarget(): void {
    this.#truncated = true;
  }

  /** Breaks it off; the client gets what can still be sent, or a closed connection. */
  cut(): void {
    this.wasCut = true;
    this.disconnect();
  }

  /** Books its outcome. Further calls do nothing. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const flight of this.#flights) flight.delete(this);
    const error = this.#error();
    this.counted.metrics.ended(this.listener, this.colour, this.#status ?? clientLeft, error);
    this.#recent?.ended(error !== undefined);
    // What asks for no colour of the preview listener is no request that anybody should have answered.
    if (this.target !== undefined || error !== undefined) this.counted.own.ended(error?.origin === "balancer");
  }

  /** What alarms look at; of users' requests alone. */
  get #recent(): Recent | undefined {
    return this.listener === "production" ? this.target?.recent : undefined;
  }

  #error(): { origin: Origin; code: string } | undefined {
    if (this.#truncated) return { origin: "target", code: "truncated" };
    if (this.#status === undefined || this.#status < 500) return undefined;
    return { origin: this.#origin, code: String(this.#status) };
  }
}
