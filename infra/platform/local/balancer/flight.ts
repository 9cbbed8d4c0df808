/** What is under way (requests, upgraded connections) at a target or a listener, and a way to wait for its end. */
export class Flight<T> {
  readonly #items = new Set<T>();
  #waiting: (() => void)[] = [];

  get size(): number {
    return this.#items.size;
  }

  add(item: T): void {
    this.#items.add(item);
  }

  delete(item: T): void {
    if (!this.#items.delete(item) || this.#items.size > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  [Symbol.iterator](): IterableIterator<T> {
    return [...this.#items].values();
  }

  /**
   * Waits until nothing is under way.
   * @param withinMs longest wait in milliseconds; default: no limit
   * @returns how many were still under way when the time was over; 0 when none
   */
  async landed(withinMs?: number): Promise<number> {
    if (this.#items.size === 0) return 0;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (withinMs !== undefined) timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
    return this.#items.size;
  }
}
