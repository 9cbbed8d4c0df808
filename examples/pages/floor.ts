import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";

/** Keeps a pool from falling below its `min`. */
export interface Floor {
  /** Opens what is missing now. Never throws: what fails is tried again in the background. */
  fill(): Promise<void>;
  /** Ends the trying. */
  stop(): void;
}

/** First and longest pause between two tries, in ms; doubled in between, and spread by half so that copies don't align. */
const pauseMs = { first: 250, longest: 5_000 };

/**
 * pg-pool (8.x, pg-pool 3.x) takes `min` only as the number below which its idle timeout stops closing: it opens none at
 * the start, and none in place of those that were lost. This opens them.
 */
export function keepFloor(pool: Pool, min: number, log: Logger): Floor {
  let stopped = false;
  let filling: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pause = pauseMs.first;

  const attempt = async () => {
    try {
      while (!stopped && pool.totalCount < min) await openMissing(pool, min);
      if (pause !== pauseMs.first) log.info({ min }, "the database is reachable again");
      pause = pauseMs.first;
    } catch (err) {
      if (stopped) return;
      if (pause === pauseMs.first) log.warn({ err, min }, "connections can't be opened; trying on");
      timer = setTimeout(() => void fill(), pause * (1 + Math.random() / 2));
      pause = Math.min(pause * 2, pauseMs.longest);
    }
  };
  const fill = (): Promise<void> => {
    clearTimeout(timer);
    filling ??= attempt().finally(() => (filling = undefined));
    return filling;
  };
  const refill = () => {
    if (!stopped && pool.totalCount < min) void fill();
  };
  pool.on("remove", refill);
  return {
    fill,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** The pool hands out an idle connection before it opens one, so idle ones are set aside for the moment. */
async function openMissing(pool: Pool, min: number): Promise<void> {
  const aside = await takeAll(pool, pool.idleCount);
  const opening = takeAll(pool, Math.max(0, min - pool.totalCount));
  for (const client of aside.clients) client.release();
  const { clients, failure } = await opening;
  for (const client of clients) client.release();
  if (failure !== undefined) throw failure;
}

async function takeAll(pool: Pool, count: number): Promise<{ clients: PoolClient[]; failure?: Error }> {
  const taken = await Promise.allSettled(Array.from({ length: count }, () => pool.connect()));
  const clients = taken.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const failed = taken.find((each) => each.status === "rejected");
  return failed === undefined ? { clients } : { clients, failure: failed.reason as Error };
}
