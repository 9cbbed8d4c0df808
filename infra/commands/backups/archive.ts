import { root } from "../../../tools/project.cjs";
import { archivesPrefix } from "../../backup/stack-archive";
import { archiveStack } from "../../providers/backup/stack-archive";
import { pulumi } from "../pulumi";
import { CommandError, say, sayJson } from "../say";
import { findDump, findSource, stackOf, told } from "./source";
import { tell } from "./verify";

export interface ArchiveOptions {
  readonly stack?: string;
  readonly json?: true;
}

/**
 * Copies what is left of a stack when it is gone below a prefix of its own: a verified backup, the records of its rollouts,
 * its releases, and its config without its secrets.
 * @param id of the backup. @default the newest
 * @returns the exit code: 0
 * @throws CommandError
 */
export async function archive(id: string | undefined, options: ArchiveOptions): Promise<number> {
  const source = await findSource(options);
  const { name } = stackOf(source, "an archive");
  const backup = await findDump(source, id, "to archive");
  if (backup.verification === undefined)
    throw new CommandError(
      `the backup ${backup.manifest.id} was never read back, so nobody knows whether it is worth keeping: npm run backups -- verify ${backup.manifest.id}`,
    );
  const documents = await describe(name);
  const made = await told(() =>
    archiveStack(source.store, { stack: name, backup, documents, folder: root, say: tell }),
  );
  if (options.json === true) sayJson({ archive: made.id, backup: made.backup, files: made.files.length, exitCode: 0 });
  else
    say(
      `${made.id} holds ${made.files.length} objects of stack ${name}, with the database as it was at ${made.backup.takenAt}: ` +
        source.store.where(`${archivesPrefix}/${made.id}`),
    );
  return 0;
}

/** The engine leaves out what is secret, of config and of outputs, where nobody asks it to show that. */
async function describe(stack: string): Promise<Record<string, unknown>> {
  const outputs = JSON.parse(await pulumi(["stack", "output", "--json"], stack)) as Record<string, unknown>;
  const { releases, weights, schemaVersion, url } = outputs;
  return {
    "release.json": { stack, releases, weights, schemaVersion, url },
    "config.json": JSON.parse(await pulumi(["config", "--json"], stack)) as unknown,
  };
}
