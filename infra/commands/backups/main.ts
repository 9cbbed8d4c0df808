import { Command, Option } from "commander";
import { runToExit } from "../say";
import { list, type ListOptions } from "./list";
import { drill, verify, type TryOptions } from "./verify";

const json = () => new Option("--json", "print JSON, for programs (with npm run --silent)");
const stack = () => new Option("--stack <name>", "the stack (default: the selected one)");
const store = () => new Option("--store <folder>", "a store's folder, where there is no stack any more");

/** Examples below a command's help. */
const examples = (...lines: string[]): string => ["", "Examples:", ...lines.map((line) => `  ${line}`)].join("\n");

const program = new Command("npm run backups --")
  .description("Backups of the database: which there are, and whether they can be restored.")
  .helpCommand(false)
  .addHelpText("after", "\nEach command has its own --help, with examples. docs/backups.md has the exit codes.");

program
  .command("list")
  .description("Show every backup, when it was last read back, and how long its drill took. Changes nothing.")
  .addOption(stack())
  .addOption(store())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 the newest is verified, 3 it is not, there is none, or one is not to be trusted, 1 the store can't be read." +
      examples("npm run backups -- list", "npm run backups -- list --store /mnt/old/.switchyard/local/store"),
  )
  .action((options: ListOptions) => run(() => list(options)));

program
  .command("verify [id]")
  .description("Read a backup back from the store (default: the newest): its SHA-256, and a full decode.")
  .addOption(stack())
  .addOption(store())
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
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it restores to what was dumped, 1 it does not, or could not be tried." +
      examples("npm run backups -- drill", "npm run --silent backups -- drill --stack production --json"),
  )
  .action((id: string | undefined, options: TryOptions) => run(() => drill(id, options)));

async function run(work: () => Promise<number>): Promise<void> {
  process.exitCode = await work();
}

void runToExit(async () => {
  await program.parseAsync();
});
