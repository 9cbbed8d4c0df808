import { Command, Option } from "commander";
import { runToExit } from "../say";
import { archive, type ArchiveOptions } from "./archive";
import { list, type ListOptions } from "./list";
import { drop, restore, type DropOptions, type RestoreOptions } from "./restore";
import { take, type TakeOptions } from "./take";
import { drill, verify, type TryOptions } from "./verify";

const json = () => new Option("--json", "print JSON, for programs (with npm run --silent)");
const stack = () => new Option("--stack <name>", "the stack (default: the selected one)");
const store = () => new Option("--store <where>", "a store's folder or s3://bucket/prefix, where there is no stack");
const schema = (what: string) => new Option("--schema <name>", what);
const ofSchema = () => schema("backups of that schema alone (default: of the whole database)");
const ofArchive = () => new Option("--archive <id>", "the backup in that archive (default: those of the store)");

/** Examples below a command's help. */
const examples = (...lines: string[]): string => ["", "Examples:", ...lines.map((line) => `  ${line}`)].join("\n");

const program = new Command("npm run backups --")
  .description("Backups of the database: which there are, whether they can be restored, and one now.")
  .helpCommand(false)
  .addHelpText("after", "\nEach command has its own --help, with examples. docs/backups.md has the exit codes.");

program
  .command("list")
  .description("Show every backup, when it was last read back, and how long its drill took. Changes nothing.")
  .addOption(stack())
  .addOption(store())
  .addOption(ofSchema())
  .addOption(ofArchive())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 the newest is verified, 3 it is not, there is none, or one is not to be trusted, 1 the store can't be read." +
      examples(
        "npm run backups -- list",
        "npm run backups -- list --store /mnt/old/.switchyard/local/store",
        "AWS_REGION=eu-west-1 npm run backups -- list --store s3://switchyard-production-store-1234",
      ),
  )
  .action((options: ListOptions) => run(() => list(options)));

program
  .command("take")
  .description("Take a backup now, as an up would, and read it back; those that may go are deleted after it.")
  .addOption(stack())
  .addOption(schema("that schema alone, restored into a scratch database at once: no other way shows that it can be"))
  .option("--drill", "restore it into a scratch database as well, and compare")
  .option("--dump", "dump it, also where config asks for a snapshot, or for none of that size")
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it is taken and verified, 1 it is not." +
      examples("npm run backups -- take --drill", "npm run backups -- take --schema audit"),
  )
  .action((options: TakeOptions) => run(() => take(options)));

program
  .command("verify [id]")
  .description("Read a backup back from the store (default: the newest): its SHA-256, and a full decode.")
  .addOption(stack())
  .addOption(store())
  .addOption(ofSchema())
  .addOption(new Option("--archive <id>", "everything in that archive; with a backup's id, that backup in it"))
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it is what was written, 1 it is not, or it could not be read." +
      examples("npm run backups -- verify"),
  )
  .action((id: string | undefined, options: TryOptions) => run(() => verify(id, options)));

program
  .command("drill [id]")
  .description(
    "The same, and restore it into a scratch database of the stack's server, compare what it holds, and drop it again.",
  )
  .addOption(stack())
  .addOption(ofSchema())
  .addOption(ofArchive())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it restores to what was dumped, 1 it does not, or could not be tried." +
      examples("npm run backups -- drill", "npm run --silent backups -- drill --stack production --json"),
  )
  .action((id: string | undefined, options: TryOptions) => run(() => drill(id, options)));

program
  .command("restore <id>")
  .description(
    "Make a new database from a backup on the stack's server, verified and closed to all but its administrator, to look at " +
      "and to copy rows back from. Nothing is switched: that is the key restore.from.",
  )
  .requiredOption("--into <name>", "name of the new database")
  .addOption(stack())
  .addOption(schema("that schema alone: of its own backup, or of one of the whole database (default: all of it)"))
  .addOption(ofArchive())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it is there and holds what was dumped, 1 it is not." +
      examples(
        "npm run backups -- restore 2026-01-31T08-00-00.000Z-1a2b3c4d --into look",
        "npm run backups -- restore 2026-01-31T08-00-00.000Z-1a2b3c4d --into look_audit --schema audit",
      ),
  )
  .action((id: string, options: RestoreOptions) => run(() => restore(id, options)));

program
  .command("drop [name]")
  .description("Drop a database that restore has made, and no other; without a name, show which there are.")
  .addOption(stack())
  .addOption(json())
  .addHelpText("after", "\nExit code: 0 it is dropped, 1 it is not." + examples("npm run backups -- drop look"))
  .action((name: string | undefined, options: DropOptions) => run(() => drop(name, options)));

program
  .command("archive [id]")
  .description(
    "Copy a verified backup (default: the newest), the records, the releases and the config without its secrets to where no " +
      "retention deletes them, before a stack is destroyed.",
  )
  .addOption(stack())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it is archived and read back, 1 it is not." +
      examples("npm run backups -- take --drill && npm run backups -- archive"),
  )
  .action((id: string | undefined, options: ArchiveOptions) => run(() => archive(id, options)));

async function run(work: () => Promise<number>): Promise<void> {
  process.exitCode = await work();
}

void runToExit(async () => {
  await program.parseAsync();
});
