import type { Client } from "pg";

/** Small transactions a second, and sessions for them: what a quiet shop does. */
export const RATE = 50;
const SESSIONS = 10;

/**
 * Updates single rows of a table at a fixed rate while `work` runs, as an application would.
 * @returns what `work` gives, and how long each transaction took, in ms, from when it was due: one that has to wait for a
 *   session counts its wait, or the slowest time would hide how many it held up
 */
export async function besideSmall<T>(
  connect: () => Promise<Client>,
  rows: number,
  work: () => Promise<T>,
): Promise<{ result: T; times: number[] }> {
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, connect));
  const times: number[] = [];
  const due: number[] = [];
  const idle: (() => void)[] = [];
  let ended = false;
  const clock = setInterval(() => {
    due.push(performance.now());
    idle.shift()?.();
  }, 1_000 / RATE);
  const serve = async (client: Client): Promise<void> => {
    for (;;) {
      const since = due.shift();
      if (since === undefined) {
        if (ended) return;
        await new Promise<void>((resolve) => idle.push(resolve));
        continue;
      }
      const id = 1 + Math.floor(Math.random() * rows);
      await client.query("UPDATE pages SET views = views + 1 WHERE id = $1", [id]);
      times.push(performance.now() - since);
    }
  };
  const serving = Promise.all(sessions.map(serve));
  try {
    return { result: await work(), times };
  } finally {
    clearInterval(clock);
    ended = true;
    for (const wake of idle) wake();
    await serving;
    await Promise.all(sessions.map((client) => client.end()));
  }
}
