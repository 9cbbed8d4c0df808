/** `npm run bench -- <what>`: figures that the documentation states, measured on this machine. Lists them without an argument. */
import { Command, InvalidArgumentError, Option } from "commander";
import { benchBackup } from "./backup";
import { benchBackfill } from "./schema/backfill";
import { benchPreview } from "./preview";
import { benchRollback, rollbackPlatforms } from "./rollback";
import { benchPlanning } from "./schema/planning";
import { printResults } from "./schema/report";
import { benchRunner } from "./schema/runner";
import { benchVerdict } from "./verdict";

const PARTS = ["runner", "planning", "backfill"] as const;

interface SchemaOptions {
  readonly only?: (typeof PARTS)[number];
  readonly rows: number;
  readonly migrations: number;
  readonly postgres: "15" | "18";
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("Give a whole number from 1.");
  return value;
}

async function schema({ only, rows, migrations, postgres }: SchemaOptions): Promise<void> {
  const major = postgres === "15" ? 15 : 18;
  const wanted = (part: (typeof PARTS)[number]): boolean => only === undefined || only === part;
  if (wanted("planning")) printResults("Planning", await benchPlanning(migrations));
  if (wanted("runner")) printResults(`Runner, PostgreSQL ${major}`, await benchRunner(major, migrations));
  if (wanted("backfill"))
    printResults(`Backfill, PostgreSQL ${major}`, await benchBackfill(major, rows, (line) => console.error(line)));
}

const program = new Command("npm run bench --").description("Measures what the documentation states.");
program
  .command("schema")
  .description("migrations through the runner against psql, planning of many files, a backfill against one UPDATE")
  .addOption(new Option("--only <part>", "one of them").choices(PARTS))
  .option("--rows <n>", "rows of the table that is backfilled", whole, 3_000_000)
  .option("--migrations <n>", "how many migrations are planned and run", whole, 1_000)
  .addOption(new Option("--postgres <major>", "which server").choices(["15", "18"]).default("18"))
  .action(schema);
program
  .command("verdict")
  .description("how often a verdict is wrong, by simulation: the tables of docs/verdict.md")
  .option("--write", "put them into docs/verdict.md", false)
  .action(({ write }: { write: boolean }) => benchVerdict(write));
program
  .command("backup")
  .description("a backup against plain pg_dump, a restore against plain pg_restore, and the memory beside them")
  .option("--megabytes <n>", "size of the database, about", whole, 1_000)
  .action(async ({ megabytes }: { megabytes: number }) => {
    printResults(`Backup of ${megabytes} MB`, await benchBackup(megabytes, (line) => console.error(line)));
  });
program
  .command("preview")
  .description(
    "a preview of production on platform aws, cold and warm, against a program that only imports the same SDKs, and one of plain resources",
  )
  .option("--times <n>", "how many of each", whole, 5)
  .action(({ times }: { times: number }) => benchPreview(times));
program
  .command("rollback")
  .description("from the command's start to green's last answer, on both platforms, against an empty program")
  .option("--times <n>", "how many of each", whole, 5)
  .addOption(new Option("--only <platform>", "one of them").choices(rollbackPlatforms))
  .action(async ({ times, only }: { times: number; only?: (typeof rollbackPlatforms)[number] }) => {
    for (const platform of rollbackPlatforms)
      if ([platform, undefined].includes(only)) await benchRollback(platform, times);
  });

if (process.argv.length <= 2) program.outputHelp();
else
  program.parseAsync().catch((error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
  });
