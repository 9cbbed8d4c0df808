import { Client, type ClientConfig } from "pg";

type Connected = (error?: Error) => void;

/** How long a connection may take to close before its socket is destroyed, in ms. */
const closeMs = 1_000;

/**
 * A class of clients of which never more than `max` are connected, for pg-pool. The pool forgets a client as soon as it
 * begins to close it, and may open the next one while the server still counts the old one: on a busy machine the server
 * then sees more than `max`, and refuses (53300) where the role's CONNECTION LIMIT is no larger than the pool.
 *
 * @param connectMs how long `connect` waits for a connection that is closing, in ms
 */
export function clientsWithin(max: number, connectMs: number): new (config?: string | ClientConfig) => Client {
  const gate = new Gate(max);

  return class extends Client {
    override connect(): Promise<Client>;
    override connect(callback: Connected): void;
    override connect(callback?: Connected): Promise<Client> | undefined {
      if (callback === undefined)
        return new Promise((resolve, reject) => {
          this.connect((error) => (error ? reject(error) : resolve(this)));
        });
      gate.enter(connectMs, (error) => {
        if (error) {
          callback(error);
          return;
        }
        this.once("end", () => gate.leave());
        super.connect(callback);
      });
      return undefined;
    }

    /** Bounded: a server that is gone without a word never closes its side, and would keep its place for ever. */
    override end(): Promise<void>;
    override end(callback: Connected): void;
    override end(callback?: Connected): Promise<void> | undefined {
      const timer = setTimeout(() => destroySocket(this), closeMs).unref();
      this.once("end", () => clearTimeout(timer));
      if (callback === undefined) return super.end();
      super.end(callback);
      return undefined;
    }
  };
}

/** pg's types leave out its socket. */
const destroySocket = (client: unknown) =>
  (client as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();

/** Lets `places` in at a time; the others wait in order, but not for ever. */
class Gate {
  private readonly queue: (() => void)[] = [];

  constructor(private places: number) {}

  enter(withinMs: number, entered: Connected): void {
    if (this.places > 0) {
      this.places -= 1;
      entered();
      return;
    }
    const next = () => {
      clearTimeout(timer);
      this.places -= 1;
      entered();
    };
    const timer = setTimeout(() => {
      this.queue.splice(this.queue.indexOf(next), 1);
      entered(new Error(`${withinMs} ms were over while connections of the pool were still closing`));
    }, withinMs);
    this.queue.push(next);
  }

  leave(): void {
    this.places += 1;
    this.queue.shift()?.();
  }
}
