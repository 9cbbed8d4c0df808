import { createServer } from "node:net";

/** Whether `port` can be listened on at loopback now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(false);
      else reject(error);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first free port at or after `from`, none of `taken`. */
export async function findFree(from: number, taken: readonly number[] = []): Promise<number> {
  for (let port = from; port < Math.min(from + 1000, 65536); port++)
    if (!taken.includes(port) && (await isFree(port))) return port;
  throw new Error(`no free port at loopback from ${from} to ${Math.min(from + 999, 65535)}`);
}

/** How often another program may take a port between its being found free and its being opened. */
const mostTries = 4;

/**
 * Opens a port that was found free, and another one where another program has taken it meanwhile: two stacks may begin in the
 * same moment.
 * @param find the port to try next
 * @param open throws where it can't be opened
 */
export async function openFree<T>(find: () => Promise<number>, open: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const port = await find();
    try {
      return await open(port);
    } catch (error) {
      if (tries === mostTries || (await isFree(port))) throw error;
    }
  }
}
