import { withConnection } from "../../providers/connection";
import { drillBackup, verifyBackup } from "../../providers/backup/verify";
import { CommandError, plain, say, sayJson } from "../say";
import { findBackup, findSource, told, type Source, type SourceOptions } from "./source";

export interface TryOptions extends SourceOptions {
  readonly json?: true;
}

/**
 * Reads a backup back from the store, whole, and records that it is what was written.
 * @param id @default the newest
 * @returns the exit code: 0
 * @throws CommandError with what is wrong with it
 */
export async function verify(id: string | undefined, options: TryOptions): Promise<number> {
  const source = await findSource(options);
  const backup = await findBackup(source, id);
  const { readBackMs } = await told(() => verifyBackup(source.store, backup));
  const { manifest } = backup;
  if (options.json === true) sayJson({ id: manifest.id, size: manifest.dump.size, readBackMs, exitCode: 0 });
  else
    say(
      `${manifest.id} is what was written, and decodes to its last byte (${manifest.dump.size} bytes, ${readBackMs} ms).`,
    );
  return 0;
}

/** The same, and restores it into a scratch database beside the stack's own, compares, and drops that again. */
export async function drill(id: string | undefined, options: TryOptions): Promise<number> {
  const source = await findSource(options);
  const { target, store } = source;
  if (target === undefined)
    throw new CommandError("a drill needs the server of a stack: name one by --stack in place of --store");
  const backup = await findBackup(source, id);
  const tell = (line: string): void => void process.stderr.write(`${plain(line)}\n`);
  const room = await told(() => roomOf(source));
  const { readBackMs, drill: done } = await told(() => drillBackup(target, store, backup, { say: tell, room }));
  const { id: which } = backup.manifest;
  if (options.json === true) sayJson({ id: which, readBackMs, drill: done, exitCode: 0 });
  else
    say(
      `${which} restores (${seconds(done?.restoreMs)}), and every table, sequence and large object is as it was dumped ` +
        `(${seconds(done?.compareMs)}).`,
    );
  return 0;
}

const seconds = (ms = 0): string => `${(ms / 1000).toFixed(1)} s`;

async function roomOf({ target, isLocal }: Source): Promise<{ dataFolder?: string }> {
  if (target === undefined || !isLocal) return {};
  return withConnection(target.connection, target.password, "switchyard-drill", async (client) => {
    const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
    return rows[0] === undefined ? {} : { dataFolder: rows[0].folder };
  });
}
