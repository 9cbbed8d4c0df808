import { Command } from "commander";
import { TrafficUnreachable } from "../platform/traffic";
import { systemClock } from "../providers/traffic/clock";
import { describe } from "../providers/traffic/mark";
import { untilNobodyWalks, type Unclaimed } from "../providers/traffic/others";
import { lockFolder, locksIn, remove, type Lock } from "./lock-file";
import { ownerOf, type OwnerState } from "./lock-owner";
import { stackNamed } from "./pulumi";
import { runToExit, say, sayJson } from "./say";
import { listenerOf } from "./walk-listener";

interface UnlockOptions {
  readonly stack?: string;
  readonly json?: true;
}

/** Exit codes, the same for people and programs. */
const CODES = { cleared: 0, error: 1, refused: 3, nothing: 4 } as const;

/** What came of it. */
interface Result {
  readonly exitCode: number;
  readonly message: string;
  readonly locks: readonly Lock[];
}

/** Clears the lock of a stack when nobody can be behind it any more. */
async function unlock(named: string | undefined): Promise<Result & { stack: string }> {
  const stack = await stackNamed(named);
  const locks = locksIn(lockFolder(stack));
  const result = (code: keyof typeof CODES, message: string) => ({
    stack,
    locks,
    exitCode: CODES[code],
    message: `stack ${stack}: ${message}`,
  });
  if (locks.length === 0) return result("nothing", "nothing to clear, it has no lock");
  const owners = locks.map((lock) => ({ lock, ...ownerOf(lock) }));
  const held = owners.find(({ state }) => state !== "gone");
  if (held !== undefined) return result("refused", refusal(stack, held.lock, held));
  const walk = await walkOf(stack);
  if (typeof walk === "string") return result("refused", `the lock stays: ${walk}`);
  for (const lock of locks) remove(lock);
  const cleared = owners.map(({ lock, because }) => `the lock of ${ownerName(lock)} is cleared: ${because}`).join("; ");
  const left =
    walk.left === undefined
      ? ""
      : `. ${describe(walk.left)} was left behind at greenWeight ${walk.live?.greenWeight ?? "unknown"}: the next up ` +
        `takes it up or goes back, and npm run abort -- --stack ${stack} goes back now`;
  return result("cleared", `${cleared}${left}. Next: npx pulumi preview --stack ${stack}, which shows what differs`);
}

const ownerName = ({ username, hostname, pid, since }: Lock): string =>
  `${username} on ${hostname}, process ${pid}, since ${since.toISOString()}`;

function refusal(stack: string, lock: Lock, { state, because }: OwnerState): string {
  const found = `locked by ${ownerName(lock)}, and the lock stays: ${because}.`;
  const abort = `npm run abort -- --stack ${stack} ends its walk`;
  return state === "runs"
    ? `${found} Wait until it has ended; ${abort}, after which it fails; kill -INT ${lock.pid} is what Ctrl-C is in its terminal`
    : `${found} When it is surely gone, npx pulumi cancel --stack ${stack} clears the lock; ${abort}`;
}

/** The listener without a walk that lives; or why it can't be told that there is none. */
async function walkOf(stack: string): Promise<Unclaimed | string> {
  const listener = await listenerOf(stack);
  // Weights are the balancer's: without it there are none to walk with, and a walk that lost it finds others later.
  if (listener === undefined || !listener.mayRun) return { live: undefined };
  try {
    return await untilNobodyWalks(listener.traffic, {
      clock: systemClock,
      say: (line) => void process.stderr.write(`${line}\n`),
    });
  } catch (error) {
    const why = (error as Error).message;
    return error instanceof TrafficUnreachable ? `whether a walk is under way can't be asked: ${why}` : why;
  }
}

async function run({ stack, json }: UnlockOptions): Promise<number> {
  const { exitCode, message, locks, stack: name } = await unlock(stack);
  if (json === true)
    sayJson({
      stack: name,
      locks: locks.map(({ pid, username, hostname, since }) => ({ pid, username, hostname, since })),
      message,
      exitCode,
    });
  else if (exitCode === CODES.refused) process.stderr.write(`${message}\n`);
  else say(message);
  return exitCode;
}

const program = new Command("npm run unlock --")
  .description("Clear the lock that a killed pulumi left on a stack, when it and its walk are provably gone.")
  .option("--stack <name>", "the stack (default: the selected one)")
  .option("--json", "print JSON, for programs (with npm run --silent)")
  .addHelpText(
    "after",
    "\nExit code: 0 cleared, 4 there is no lock, 3 its owner or a walk may be there still, 1 it can't be looked at." +
      "\n\nExamples:\n  npm run unlock\n  npm run --silent unlock -- --stack production --json\n\ndocs/walks.md has the rest.",
  )
  .action(async (options: UnlockOptions) => {
    process.exitCode = await run(options);
  });

void runToExit(async () => {
  await program.parseAsync();
});
