import { Command } from "commander";
import { systemClock } from "../providers/traffic/clock";
import { describe } from "../providers/traffic/mark";
import { stackNamed } from "./pulumi";
import { CommandError, runToExit, say, sayJson } from "./say";
import { endWalk, type WalkEnd } from "./walk-end";
import { listenerOf } from "./walk-listener";

interface AbortOptions {
  readonly stack?: string;
  readonly json?: true;
}

/** Exit codes, the same for people and programs. */
const CODES = { aborted: 0, error: 1, nothing: 4 } as const;

const codeOf = ({ outcome }: WalkEnd): number =>
  ({
    aborted: CODES.aborted,
    "put back": CODES.aborted,
    nothing: CODES.nothing,
    arrived: CODES.nothing,
    stayed: CODES.error,
  })[outcome];

/** Ends the walk of a stack, without the stack's lock. @returns the exit code */
async function abort({ stack: named, json }: AbortOptions): Promise<number> {
  const stack = await stackNamed(named);
  const listener = await listenerOf(stack);
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const end: WalkEnd =
    listener === undefined
      ? { outcome: "nothing", greenWeight: undefined }
      : await endWalk(listener.traffic, { clock: systemClock, say: tell });
  const exitCode = codeOf(end);
  const { outcome, greenWeight, walk } = end;
  const message = `stack ${stack}: ${sentenceOf(end)}`;
  if (json === true)
    sayJson({
      stack,
      outcome,
      walk: walk?.id ?? null,
      from: walk?.from ?? null,
      to: walk?.to ?? null,
      greenWeight: greenWeight ?? null,
      message,
      exitCode,
    });
  else if (exitCode === CODES.error) throw new CommandError(message);
  else say(message);
  return exitCode;
}

function sentenceOf({ outcome, greenWeight, walk, next }: WalkEnd): string {
  if (walk === undefined)
    return greenWeight === undefined
      ? "nothing to abort, it has no listener yet"
      : `nothing to abort, no walk is on the listener; greenWeight is ${greenWeight}`;
  // What goes nowhere is no walk, but the watch after a migration.
  if (outcome === "aborted" && walk.from === walk.to)
    return `${walk.id} is aborted, and its up runs nothing further; greenWeight is ${walk.from ?? "as it was"}, as before`;
  const where = `greenWeight is ${greenWeight === undefined ? "nowhere, as there is no listener any more" : greenWeight}`;
  const also = next === undefined ? "" : `. Meanwhile ${describe(next)} has begun: abort again to end that`;
  const back = `Before the next up, set greenWeight back to ${walk.from ?? "where it was"} in the config, or it walks again`;
  const said = {
    nothing: "",
    aborted: `walk ${walk.id} is aborted; ${where} again. ${back}`,
    "put back": `walk ${walk.id} was left behind by a process that is gone; ${where} again. ${back}`,
    arrived: `walk ${walk.id} had arrived before it could be aborted; ${where}. Going back is a return: set greenWeight in the config, and npx pulumi up`,
    stayed: `walk ${walk.id} ended, but did not go back to ${walk.from ?? "where it began"}; ${where}. The up that walked says why`,
  };
  return said[outcome] + also;
}

const program = new Command("npm run abort --")
  .description("End the walk of a stack from another shell: its weights go back to where it began, and its up fails.")
  .option("--stack <name>", "the stack (default: the selected one)")
  .option("--json", "print JSON, for programs (with npm run --silent)")
  .addHelpText(
    "after",
    "\nExit code: 0 aborted, 4 nothing to abort, 1 it could not be." +
      "\n\nExamples:\n  npm run abort\n  npm run --silent abort -- --stack production --json\n\ndocs/walks.md has the rest.",
  )
  .action(async (options: AbortOptions) => {
    process.exitCode = await abort(options);
  });

void runToExit(async () => {
  await program.parseAsync();
});
