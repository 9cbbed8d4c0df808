import { spawn, type ChildProcess } from "node:child_process";

/** A program that was started, and how it ends. */
export interface Running {
  readonly child: ChildProcess;
  /** Rejects with what it said, when it ended with anything but 0 or could not be started. Never unhandled. */
  readonly ended: Promise<void>;
  /** Ends it, if it still runs, and waits until it is gone. */
  readonly stop: () => Promise<void>;
}

/** Of what a program says, this much is kept: the end tells why. */
const keptCharacters = 8_192;

/** Starts a program whose standard error is kept for the message of its failure. */
export function start(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  read: "stdin" | "stdout",
): Running {
  const child = spawn(path, args, {
    env,
    stdio: [read === "stdin" ? "pipe" : "ignore", read === "stdout" ? "pipe" : "ignore", "pipe"],
  });
  let said = "";
  child.stderr?.setEncoding("utf8");
  child.stderr?.on("data", (text: string) => (said = (said + text).slice(-keptCharacters)));
  const ended = new Promise<void>((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) => {
      if (code === 0) done();
      else failed(new Error(reason(said) || `${path} ended with ${signal ?? String(code)}`));
    });
  });
  ended.catch(() => undefined);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill();
    await ended.catch(() => undefined);
  };
  return { child, ended, stop };
}

/** On one line, without the name of the program before each part. */
const reason = (said: string): string =>
  said
    .split("\n")
    .map((line) => line.replace(/^pg_(dump|restore): (error: )?/, "").trim())
    .filter((line) => line !== "")
    .slice(-12)
    .join("; ");
