import { connect } from "node:net";

/** How long a connection to the engine may take, in ms. On loopback it takes less than one. */
const connectMs = 1_000;

/**
 * The address that the engine gave this provider when it started it: `host:port`, after any flags.
 * @throws Error when there is none; a walk that can't tell whether its engine lives must not begin.
 */
export function engineAddress(argv: readonly string[] = process.argv): string {
  const address = argv.slice(2).findLast((each) => /^(\[[\da-f:]+\]|[\w.-]+):\d+$/i.test(each));
  if (address === undefined)
    throw new Error(
      "this process was not given the address of the Pulumi engine that started it, so it can't tell when that ends",
    );
  return address;
}

/**
 * Asks whether the engine that started this process is still there: it accepts connections, and is still our parent. (A
 * port alone might soon belong to another program.) Only what proves its end counts as its end.
 */
export function engineAt(address: string): () => Promise<boolean> {
  const parent = process.ppid;
  return async () => process.ppid === parent && (await accepts(address));
}

/**
 * For work that may take long: nothing stops a provider whose engine is gone.
 * @param ended what is thrown once this process's engine has ended
 */
export function whileEngineIsThere(ended: () => Error): () => Promise<void> {
  const isThere = engineAt(engineAddress());
  return async () => {
    if (!(await isThere())) throw ended();
  };
}

function accepts(address: string): Promise<boolean> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)), timeout: connectMs });
    const answer = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", () => answer(true));
    // One that is stopped (Ctrl-Z) or busy accepts nothing for a while, and still is there.
    socket.once("timeout", () => answer(true));
    socket.once("error", (error: NodeJS.ErrnoException) => answer(error.code !== "ECONNREFUSED"));
  });
}
