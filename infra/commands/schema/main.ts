import { Command, Option } from "commander";
import { runToExit } from "../say";
import { accept, type AcceptOptions } from "./accept";
import { lint, type LintOptions } from "./lint";
import { createMigration, type NewOptions } from "./new";
import { rehearsePending, type RehearseOptions } from "./rehearse";
import { status, type StatusOptions } from "./status";

const json = () => new Option("--json", "print JSON, for programs (with npm run --silent)");
const stack = () => new Option("--stack <name>", "the stack (default: the selected one)");
const databaseUrl = () =>
  new Option(
    "--database-url <url>",
    "a database named by hand, as postgres://USER@HOST:PORT/DATABASE with the password in PGPASSWORD; DATABASE_URL " +
      "may hold the same, with the password in it",
  );

/** Examples below a command's help. */
const examples = (...lines: string[]): string => ["", "Examples:", ...lines.map((line) => `  ${line}`)].join("\n");

const program = new Command("npm run schema --")
  .description("Migrations of the database: what is applied, what is pending, and what to do about it.")
  .helpCommand(false)
  .addHelpText("after", "\nEach command has its own --help, with examples. docs/commands.md has the exit codes.");

program
  .command("status")
  .description("Show every migration, what is pending with its locks, and what to run next. Changes nothing.")
  .addOption(stack())
  .addOption(databaseUrl())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 nothing is pending, 3 something is, 1 an up would be refused or the database can't be asked." +
      examples(
        "npm run schema -- status",
        "npm run --silent schema -- status --stack production --json",
        "DATABASE_URL=postgres://… npm run schema -- status",
      ),
  )
  .action((options: StatusOptions) => run(() => status(options)));

program
  .command("new <name>")
  .description("Write the next migration file, to be filled in. No file is ever written over.")
  .option("--contract", "a migration that old code does not survive (default: an expand)")
  .option("--no-transaction", "statement by statement, for CREATE INDEX CONCURRENTLY and backfills")
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it was written, 1 it was not." +
      examples("npm run schema -- new add_subtitle", "npm run schema -- new drop_old_title --contract"),
  )
  .action((name: string, options: NewOptions) => run(() => createMigration(name, options)));

program
  .command("lint [files...]")
  .description("Judge migrations as preview does, as if all that come before one were in use. Asks no database.")
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 no problem, 1 problems, or they can't be judged (then stdout is empty)." +
      examples("npm run schema -- lint", "npm run schema -- lint migrations/0008_add_subtitle.sql"),
  )
  .action((files: string[], options: LintOptions) => run(() => lint(files, options)));

program
  .command("rehearse")
  .description(
    "Run every pending migration up, down and up on a scratch copy beside the database, which stays as it is.",
  )
  .option("--from <dump>", "restore the copy from this dump (pg_dump -Fc); without it, it has the structure alone")
  .addOption(stack())
  .addOption(databaseUrl())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 all passed or none is pending, 1 one failed or could not be rehearsed." +
      examples("npm run schema -- rehearse", "npm run schema -- rehearse --stack staging --from backups/latest.dump"),
  )
  .action((options: RehearseOptions) => run(() => rehearsePending(options)));

program
  .command("accept <version>")
  .description(
    "Accept that the file of an applied migration was edited or deleted: in the stack's config, with a reason.",
  )
  .requiredOption("--reason <text>", "why the difference does no harm; kept beside the exception")
  .addOption(stack())
  .addOption(databaseUrl())
  .addOption(json())
  .addHelpText(
    "after",
    "\nExit code: 0 it is accepted, 1 there is nothing to accept, or it could not be written." +
      examples('npm run schema -- accept 0003 --reason "only a comment was reworded"'),
  )
  .action((version: string, options: AcceptOptions) => run(() => accept(version, options)));

async function run(work: () => Promise<number> | number): Promise<void> {
  process.exitCode = await work();
}

void runToExit(async () => {
  await program.parseAsync();
});
