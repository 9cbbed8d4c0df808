import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { pipeline, type Duplex } from "node:stream";
import { ProxyServer } from "http-proxy-3";
import type { Logger } from "pino";
import { codeOf, messageOf } from "./errors";
import type { Exchange } from "./exchange";
import { endToEnd, framingOf, originForm, prepareRequest, type Framing } from "./headers";
import { answer, answerRaw, explain } from "./replies";
import type { Target } from "./groups";
import type { ProxySettings } from "./settings";

interface Passage {
  exchange: Exchange;
  framing: Framing;
}

/**
 * Carries requests to their target and answers back. http-proxy-3 sends the request and joins upgraded sockets; the
 * answer is written here (`selfHandleResponse`), because the library leaves a client waiting for ever when a target
 * breaks off an answer, and copies the target's Connection and Keep-Alive headers to the client.
 */
export class Forwarder {
  readonly #proxy: ProxyServer;
  readonly #passages = new WeakMap<IncomingMessage, Passage>();

  constructor(
    settings: ProxySettings,
    private readonly log: Logger,
  ) {
    // The library moves bytes by fetch instead when this is set, with none of what follows.
    delete process.env.FORCE_FETCH_PATH;
    this.#proxy = new ProxyServer({
      selfHandleResponse: true,
      // The path goes through as it came; else the library would normalise it (`/a/../b`, `%2e`).
      toProxy: true,
      proxyTimeout: settings.idleTimeoutMs,
      connectTimeout: settings.connectTimeoutMs,
    });
    this.#restoreFraming();
    this.#proxy.on("proxyReq", (outgoing, request, response) => {
      // Registered after the library's own listener, which destroys the request; the error follows a tick later.
      outgoing.once("timeout", () => this.#timedOut(request));
      // Nobody asked for an upgrade here. Node.js would drop the connection and say nothing.
      outgoing.once("upgrade", (_incoming, socket: Socket) => {
        socket.destroy();
        this.#failed(new Error("unasked upgrade"), request, response);
      });
    });
    this.#proxy.on("proxyRes", (incoming, request, response) => this.#answer(incoming, request, response));
    this.#proxy.on("proxyReqWs", (outgoing, request, client) => {
      const exchange = this.#passages.get(request)?.exchange;
      // A client that leaves before the answer only half-closes its socket, and the library does not look.
      const leave = () => client.destroy();
      client.once("end", leave);
      client.once("close", () => outgoing.destroy());
      outgoing.setTimeout(settings.idleTimeoutMs, () => {
        this.#timedOut(request);
        outgoing.destroy();
      });
      outgoing.once("response", (incoming) => {
        exchange?.answeredByTarget(incoming.statusCode ?? 502);
        // The library closes the client's connection after this answer.
        incoming.headers.connection = "close";
      });
      outgoing.once("upgrade", (_incoming, socket) => {
        client.off("end", leave);
        exchange?.answeredByTarget(101);
        // A tick later: the library's own listener, which comes next, takes all timeouts off.
        process.nextTick(() => socket.setTimeout(settings.idleTimeoutMs, () => socket.destroy()));
      });
    });
    // Errors of one exchange come to its own callback; here come those of upgraded client sockets, and of clients
    // that left. Without a listener the library throws them.
    this.#proxy.on("error", (error, request) => this.#log(error, request));
    this.#proxy.on("econnreset", (error, request) => this.#log(error, request));
  }

  /** Sends a request to `target`. The exchange ends with the response, however that goes. */
  web(request: IncomingMessage, response: ServerResponse, port: number, target: Target, exchange: Exchange): void {
    this.#passages.set(request, { exchange, framing: framingOf(request.headers) });
    request.url = originForm(request.url ?? "/");
    prepareRequest(request, port);
    const { host } = target.address;
    const options = { target: { host, port: target.address.port, protocol: "http:" }, agent: target.agent };
    this.#proxy.web(request, response, options, (error) => this.#failed(error, request, response));
  }

  /** Sends a WebSocket handshake to `target` and joins the two sockets when it agrees. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, port: number, target: Target, exchange: Exchange) {
    this.#passages.set(request, { exchange, framing: "none" });
    request.url = originForm(request.url ?? "/");
    prepareRequest(request, port);
    const { host } = target.address;
    const options = { target: { host, port: target.address.port, protocol: "http:" } };
    this.#proxy.ws(request, socket, head, options, (error) => {
      this.#log(error, request);
      if (exchange.answered || exchange.ended || socket.destroyed) return;
      const { status, text } = explain(error, exchange, true);
      exchange.answeredByBalancer(status);
      answerRaw(socket, status, text);
    });
  }

  /**
   * Gives each request the framing that it came with, after the library's `deleteLength` pass: that one turns a chunked
   * DELETE or OPTIONS into one of length 0 and then sends the body all the same, which the target takes for the next
   * request (CVE-2026-29057 in its ancestor http-proxy).
   */
  #restoreFraming(): void {
    this.#proxy.before("web", "stream", (request: IncomingMessage) => {
      const framing = this.#passages.get(request)?.framing;
      if (framing === "chunked") {
        delete request.headers["content-length"];
        request.headers["transfer-encoding"] = "chunked";
      } else if (framing === "none" && !["GET", "HEAD"].includes(request.method ?? "")) {
        // Else Node.js would send an empty chunked body where the client sent none.
        request.headers["content-length"] = "0";
      }
      return false;
    });
  }

  #timedOut(request: IncomingMessage): void {
    const exchange = this.#passages.get(request)?.exchange;
    if (exchange) exchange.timedOut = true;
  }

  #answer(incoming: IncomingMessage, request: IncomingMessage, response: ServerResponse): void {
    const exchange = this.#passages.get(request)?.exchange;
    if (!exchange || response.headersSent || response.destroyed) {
      incoming.resume();
      return;
    }
    try {
      response.writeHead(incoming.statusCode ?? 0, incoming.statusMessage, endToEnd(incoming));
    } catch (error) {
      // A status below 100, say. To throw from here would end the process.
      incoming.destroy();
      this.#failed(error, request, response);
      return;
    }
    exchange.answeredByTarget(response.statusCode);
    incoming.once("aborted", () => {
      const clientStalled = exchange.timedOut && response.writableNeedDrain;
      if (response.destroyed || exchange.wasCut || clientStalled) return;
      exchange.truncatedByTarget();
      this.log.warn({ target: exchange.target?.name, path: request.url }, "the target broke off its answer");
    });
    pipeline(incoming, response, (error) => {
      if (error) this.#log(error, request);
    });
  }

  #failed(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    this.#log(error, request);
    const exchange = this.#passages.get(request)?.exchange;
    // Once the target's answer has begun, its pipeline closes what is left.
    if (!exchange || exchange.answered || response.headersSent || response.destroyed) return;
    const { status, text } = explain(error, exchange, request.complete);
    this.log.warn({ status, target: exchange.target?.name, path: request.url, code: codeOf(error) }, text);
    exchange.answeredByBalancer(status);
    // What a client is still sending would have to be read to the end before its connection is of use again.
    if (!request.complete) response.shouldKeepAlive = false;
    answer(response, status, text);
  }

  #log(error: unknown, request: IncomingMessage): void {
    const target = this.#passages.get(request)?.exchange.target?.name;
    this.log.debug({ target, path: request.url, code: codeOf(error), error: messageOf(error) }, "exchange broken");
  }
}
