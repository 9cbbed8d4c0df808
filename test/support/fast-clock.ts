import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** How often the clock goes on, and how far at most at a time, in real milliseconds. */
const tick = { ms: 5, mostMs: 50 } as const;

/**
 * A clock that runs fast, for this process and for those that load fast-clock.cjs with its `environment`. It goes on with this
 * process's event loop and stands still with it: when the machine is busy elsewhere, no minute passes in which the load of a
 * test was not sent.
 */
export class FastClock {
  readonly environment: { FAST_CLOCK: string };
  readonly #file: number;
  readonly #timer: NodeJS.Timeout;
  #now = Date.now();
  #ticked = performance.now();

  /**
   * @param folder a temporary one
   * @param speed how many times as fast as time it runs, 1 or more
   */
  constructor(
    folder: string,
    readonly speed: number,
  ) {
    const file = join(folder, "clock");
    this.environment = { FAST_CLOCK: file };
    this.#file = openSync(file, "w");
    this.#write();
    this.#timer = setInterval(() => this.#tick(), tick.ms);
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => this.#now;

  stop(): void {
    clearInterval(this.#timer);
    closeSync(this.#file);
  }

  #tick(): void {
    const ticked = performance.now();
    this.#now += Math.min(ticked - this.#ticked, tick.mostMs) * this.speed;
    this.#ticked = ticked;
    this.#write();
  }

  #write(): void {
    writeSync(this.#file, new Float64Array([this.#now, this.speed]), 0, 16, 0);
  }
}
