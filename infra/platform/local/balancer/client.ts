import type {
  AlarmLimits,
  BalancerHealth,
  BalancerState,
  Colour,
  DatabaseReport,
  Deregistered,
  ErrorBody,
  ErrorCode,
  Expectation,
} from "./api";
import type { ListenerChange, NewListener, NewTarget, PreviewListener, ProductionListener, Weights } from "./api";
import { loopbackHosts } from "./api";
import { BalancerError, codeOf, messageOf } from "./errors";
import { snapshotOf, type Snapshot } from "./snapshot";

export interface ClientOptions {
  adminPort: number;
  token: string;
  /** Longest wait for an answer, in milliseconds; default 5000. A deregistration gets its delay on top. */
  timeoutMs?: number;
}

/**
 * Calls the balancer's admin port, one method an endpoint. Nothing is retried.
 * Every method throws BalancerError: the balancer's own codes, or `Unreachable` (nothing listens, or it went away),
 * `Timeout` (a change may have been made), `UnexpectedAnswer` (something else listens there).
 */
export class BalancerClient {
  readonly #base: string;
  readonly #token: string;
  readonly #timeoutMs: number;

  constructor({ adminPort, token, timeoutMs = 5_000 }: ClientOptions) {
    this.#base = `http://${loopbackHosts[0]}:${adminPort}`;
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  /** Creates the production listener; again with the same arguments it changes nothing. */
  createListener(listener: NewListener): Promise<ProductionListener> {
    return this.#json("POST", "/listeners/production", listener);
  }

  /** Changes weights, tags and port of the production listener in one step, if `expect` holds. */
  modifyListener(change: ListenerChange): Promise<ProductionListener> {
    return this.#json("PATCH", "/listeners/production", change);
  }

  /** Sets the weights, if `expect` holds. */
  setWeights(weights: Weights, expect?: Expectation): Promise<ProductionListener> {
    return this.modifyListener({ weights, expect });
  }

  /** Sets tags of the production listener and removes those given as `null`, if `expect` holds. */
  setTags(tags: Record<string, string | null>, expect?: Expectation): Promise<ProductionListener> {
    return this.modifyListener({ tags, expect });
  }

  /** Closes and forgets the production listener; requests in flight finish. */
  async deleteListener(): Promise<void> {
    await this.#call("DELETE", "/listeners/production");
  }

  /** Opens the preview listener, or moves it. */
  openPreview(port: number): Promise<PreviewListener> {
    return this.#json("PUT", "/listeners/preview", { port });
  }

  /** Registers a target in a colour's group; again with the same arguments it changes nothing. */
  async registerTarget(colour: Colour, target: NewTarget): Promise<void> {
    await this.#call("POST", `/groups/${colour}/targets`, target);
  }

  /**
   * Deregisters a target and waits until it has drained; succeeds at once when there is no such target.
   * @param delaySeconds how long requests in flight may take to finish, 0..3600
   */
  deregisterTarget(colour: Colour, id: string, delaySeconds: number): Promise<Deregistered> {
    const path = `/groups/${colour}/targets/${encodeURIComponent(id)}?delaySeconds=${delaySeconds}`;
    return this.#json("DELETE", path, undefined, this.#timeoutMs + delaySeconds * 1000);
  }

  /** Says beyond what its alarms fire. It forgets that when it ends. */
  async setAlarmLimits(limits: AlarmLimits): Promise<void> {
    await this.#call("PUT", "/alarms", limits);
  }

  /** Says how the database does; from then on silence is an alarm. */
  async reportDatabase(report: DatabaseReport): Promise<void> {
    await this.#call("PUT", "/database", report);
  }

  /** There is nobody any more who would say how the database does. */
  async forgetDatabase(): Promise<void> {
    await this.#call("DELETE", "/database");
  }

  /** Listeners, weights, tags, and targets with their health. */
  state(): Promise<BalancerState> {
    return this.#json("GET", "/state");
  }

  /** Whether the process is up, and since when. Needs no token. */
  health(): Promise<BalancerHealth> {
    return this.#json("GET", "/health");
  }

  /** All metrics in Prometheus form. Needs no token. */
  metrics(): Promise<string> {
    return this.#call("GET", "/metrics");
  }

  /** What the production listener has counted for each colour since the balancer started. */
  async snapshot(): Promise<Snapshot> {
    return snapshotOf(await this.metrics());
  }

  async #json<T>(method: string, path: string, body?: object, timeoutMs?: number): Promise<T> {
    const text = await this.#call(method, path, body, timeoutMs);
    const answer = parse(text);
    if (answer === undefined) throw this.#unexpected(method, path, text);
    return answer as T;
  }

  async #call(method: string, path: string, body?: object, timeoutMs = this.#timeoutMs): Promise<string> {
    let status: number;
    let text: string;
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          // A kept connection would be found dead after the balancer was restarted.
          connection: "close",
          ...(body && { "content-type": "application/json" }),
        },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      text = await response.text();
    } catch (thrown) {
      throw this.#noAnswer(method, path, timeoutMs, thrown);
    }
    if (status < 300) return text;
    const refusal = parse(text);
    if (isErrorBody(refusal)) throw new BalancerError(refusal.code, refusal.message, refusal.found);
    throw this.#unexpected(method, path, `${status} ${text}`);
  }

  #noAnswer(method: string, path: string, timeoutMs: number, thrown: unknown): BalancerError {
    const call = `${method} ${this.#base}${path}`;
    const options = { cause: thrown };
    if (thrown instanceof Error && thrown.name === "TimeoutError") {
      const message = `The balancer did not answer ${call} within ${timeoutMs} ms. Read its state before trying again.`;
      return new BalancerError("Timeout", message, undefined, options);
    }
    const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
    const why = codeOf(cause) ?? messageOf(cause);
    const message = `The balancer can't be reached (${call}: ${why}). \`pulumi up\` starts it when it is not running.`;
    return new BalancerError("Unreachable", message, undefined, options);
  }

  #unexpected(method: string, path: string, found: string): BalancerError {
    const code: ErrorCode = "UnexpectedAnswer";
    return new BalancerError(
      code,
      `${method} ${this.#base}${path} was answered by something that is not the balancer, or by another version of it: ` +
        `${found.slice(0, 200)}. See what listens on that port.`,
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller says what was found.
    return undefined;
  }
}

function isErrorBody(answer: unknown): answer is ErrorBody {
  if (typeof answer !== "object" || answer === null || !("code" in answer) || !("message" in answer)) return false;
  return typeof answer.code === "string" && typeof answer.message === "string";
}

/** Whether nothing listens at the admin port: the balancer's process is not running, and nothing is routed. */
export const isGone = (error: unknown): boolean => error instanceof BalancerError && error.code === "Unreachable";

/** Whether the balancer is not at its admin port: nothing listens there, or another program has got the port since. */
export const isAbsent = (error: unknown): boolean =>
  isGone(error) || (error instanceof BalancerError && error.code === "UnexpectedAnswer");

/** Whether the balancer has no such call: it was started by an older version of this program. */
export const isNotKnown = (error: unknown): boolean => error instanceof BalancerError && error.code === "RouteNotFound";

export { BalancerError } from "./errors";
export { parseMetrics, type ColourFigures, type Snapshot } from "./snapshot";
export type { AlarmLimits, BalancerState, Colour, Expectation, ProductionListener, Tags, Weights } from "./api";
