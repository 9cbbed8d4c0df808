import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * The longest time for which connections without a request are kept when the drain begins, in ms: a balancer that is about
 * to send a request on one of them gets its answer, with `connection: close`, in place of a reset.
 */
const lastRequestsMs = 1_000;

/** Follows the connections of a server, to end it without cutting off a request. */
export class Drain {
  /** From the moment on which the drain began. */
  begun = false;
  private readonly sockets = new Set<Socket>();
  private readonly inFlight = new Set<ServerResponse>();
  private changed: () => void = () => undefined;

  constructor(private readonly server: Server) {
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.once("close", () => {
        this.sockets.delete(socket);
        this.changed();
      });
    });
    server.on("request", (_request, response: ServerResponse) => {
      this.inFlight.add(response);
      response.once("close", () => {
        this.inFlight.delete(response);
        this.changed();
      });
    });
  }

  /**
   * Answers what still comes with `connection: close` (who builds the responses looks at `begun`), then stops listening
   * and waits for the requests in flight.
   * @param close stops listening, closes connections without a request, and resolves when all are closed
   * @param withinMs requests that take longer are cut off
   * @returns how many were cut off
   */
  async run(close: () => Promise<void>, withinMs: number): Promise<number> {
    const deadline = performance.now() + withinMs;
    this.begun = true;
    await this.until(() => this.sockets.size <= this.inFlight.size, Math.min(lastRequestsMs, withinMs / 4));
    const closed = close();
    const finished = await this.until(() => this.inFlight.size === 0, deadline - performance.now());
    const cut = finished ? 0 : this.inFlight.size;
    this.server.closeAllConnections();
    await closed;
    return cut;
  }

  /** Waits until `condition` holds or `ms` are over; false in the latter case. */
  private until(condition: () => boolean, ms: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (held: boolean) => {
        clearTimeout(timer);
        this.changed = () => undefined;
        resolve(held);
      };
      const timer = setTimeout(() => settle(false), ms);
      this.changed = () => condition() && settle(true);
    });
  }
}
