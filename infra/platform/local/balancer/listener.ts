import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import type { ListenerName } from "./api";
import { BalancerError, codeOf } from "./errors";
import { Exchange, type Counted } from "./exchange";
import { Flight } from "./flight";
import type { Forwarder } from "./forward";
import { isWebSocket } from "./headers";
import { answer, answerRaw } from "./replies";
import type { Decision } from "./router";

export const loopback = "127.0.0.1";

/** Decides on one new request. Called once for each, in the order of arrival. */
export type Decide = (request: IncomingMessage) => Decision;

export interface ListenerParts extends Counted {
  forwarder: Forwarder;
  log: Logger;
  idleTimeoutMs: number;
}

/** One port on loopback whose requests are decided on and carried to targets. */
export class Listener {
  readonly flight = new Flight<Exchange>();
  readonly #server: http.Server;
  #closing = false;
  #port = 0;

  private constructor(
    readonly name: ListenerName,
    private readonly decide: Decide,
    private readonly parts: ListenerParts,
  ) {
    this.#server = http.createServer({
      keepAliveTimeout: parts.idleTimeoutMs,
      headersTimeout: parts.idleTimeoutMs,
      // An ALB limits silence, not the whole duration of an upload; silence is seen at the target's connection.
      requestTimeout: 0,
      // Other upgrades (h2c) become plain requests.
      shouldUpgradeCallback: isWebSocket,
    });
    this.#server.on("request", (request, response) => this.#serve(request, response));
    this.#server.on("upgrade", (request: IncomingMessage, socket, head) => this.#upgrade(request, socket, head));
  }

  /**
   * Opens a port on loopback.
   * @param port 0 takes any free one
   * @throws BalancerError PortInUse or PortNotAllowed
   */
  static async open(name: ListenerName, port: number, decide: Decide, parts: ListenerParts): Promise<Listener> {
    const listener = new Listener(name, decide, parts);
    listener.#port = await listen(listener.#server, port, `the ${name} listener`);
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /**
   * Stops accepting connections at once. Requests in flight go on, idle connections close; a connection with a request
   * in flight closes after it.
   */
  close(): void {
    this.#closing = true;
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  #begin(decision: Decision, cut: () => void): Exchange {
    const target = "target" in decision ? decision.target : undefined;
    return new Exchange(this.name, decision.colour, target, this.flight, this.parts, cut);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const decision = this.decide(request);
    const exchange = this.#begin(decision, () => {
      if (exchange.answered || exchange.target === undefined) response.destroy();
      else {
        exchange.answeredByBalancer(502);
        response.shouldKeepAlive = false;
        answer(response, 502, `the balancer stopped waiting for ${exchange.target.name}`);
      }
    });
    response.once("close", () => {
      exchange.end();
      if (this.#closing) this.#server.closeIdleConnections();
    });
    if (this.#closing) response.shouldKeepAlive = false;
    if ("target" in decision) {
      this.parts.forwarder.web(request, response, this.port, decision.target, exchange);
      return;
    }
    const { status, text } = decision.reply;
    exchange.answeredByBalancer(status);
    answer(response, status, text);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const decision = this.decide(request);
    const exchange = this.#begin(decision, () => socket.destroy());
    socket.once("close", () => exchange.end());
    // Node.js has taken its own listener off; without one, a reset by the client would end the process.
    socket.on("error", (error) => this.parts.log.debug({ code: codeOf(error) }, "upgraded connection broken"));
    if ("target" in decision) {
      this.parts.forwarder.upgrade(request, socket, head, this.port, decision.target, exchange);
      return;
    }
    const { status, text } = decision.reply;
    exchange.answeredByBalancer(status);
    answerRaw(socket, status, text);
  }
}

async function listen(server: http.Server, port: number, what: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, loopback, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    throw cannotListen(cause, port, what);
  });
  return (server.address() as AddressInfo).port;
}

/**
 * What to throw when a port on loopback can't be opened: BalancerError PortInUse or PortNotAllowed, or `cause` itself.
 * @param what names the port's use
 */
export function cannotListen(cause: unknown, port: number, what: string): unknown {
  if (codeOf(cause) === "EADDRINUSE") {
    return new BalancerError(
      "PortInUse",
      `Port ${port} for ${what} is in use on ${loopback}. See who has it with \`ss -ltnp 'sport = :${port}'\` ` +
        `(or \`lsof -i :${port}\`), stop that, or choose another port.`,
      undefined,
      { cause },
    );
  }
  if (codeOf(cause) === "EACCES") {
    return new BalancerError(
      "PortNotAllowed",
      `This user may not open port ${port} for ${what}. Choose one from 1024 up.`,
      undefined,
      { cause },
    );
  }
  return cause;
}
