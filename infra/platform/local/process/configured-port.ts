import { findFree, isFree } from "./ports";

/** A key of stack config that may fix a port. */
export type PortKey = "local.port" | "local.previewPort" | "local.databasePort";

/** Judged at preview: a port that somebody else listens on. `ours` is the one that this resource has already. */
export async function takenPort(key: PortKey, port: number | undefined, ours: number | undefined): Promise<string[]> {
  if (port === undefined || port === ours || (await isFree(port))) return [];
  return [taken(key, port)];
}

/** The port to open: the configured one, or the first free one from `preferred`. */
export async function choosePort(key: PortKey, configured: number | undefined, preferred: number): Promise<number> {
  if (configured === undefined) return findFree(preferred);
  if (await isFree(configured)) return configured;
  throw new Error(taken(key, configured));
}

/** As `choosePort`, where a listener may be open already: it stays where it is, unless config wants another port. */
export async function keepOrChoosePort(
  key: PortKey,
  configured: number | undefined,
  open: number | undefined,
  preferred: number,
): Promise<number> {
  const stays = open !== undefined && (configured === undefined || configured === open);
  return stays ? open : choosePort(key, configured, preferred);
}

const taken = (key: string, port: number): string =>
  `switchyard:${key} is ${port}, a port that another process of this machine listens on: stop that process, choose ` +
  `another port (pulumi config set --path switchyard:${key} ${port + 1}), or leave the choice to Switchyard ` +
  `(pulumi config rm --path switchyard:${key})`;
