import { spawn } from "node:child_process";

export interface Run {
  command: string;
  /** The program that is given the command as its last argument. */
  interpreter: readonly string[];
  dir: string;
  environment: Record<string, string>;
  stdin: string;
  signal: AbortSignal;
  /** Each piece of output as it comes. */
  onOutput: (stream: "stdout" | "stderr", text: string) => void;
}

export interface Outcome {
  stdout: string;
  stderr: string;
}

/**
 * Runs a command to its end and gives back what it wrote, without the last newline.
 * @throws when it can't be started, ends with another code than 0, or is ended: with the command and all it wrote.
 */
export function run({ command, interpreter, dir, environment, stdin, signal, onOutput }: Run): Promise<Outcome> {
  const [program = "/bin/sh", ...args] = interpreter;
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`${reason}: running ${JSON.stringify(command)}:\n${all}`));
    const written = { stdout: "", stderr: "" };
    let all = "";
    // A process group of its own, so that it can be ended with everything it started.
    const child = spawn(program, [...args, command], {
      cwd: dir,
      env: { ...process.env, ...environment },
      detached: true,
    });
    const end = () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, "SIGKILL");
    };
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        written[stream] += text;
        all += text;
        onOutput(stream, text);
      });
    // A command that reads nothing closes its end: its exit code says whether that was right.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.once("error", (error) => {
      signal.removeEventListener("abort", end);
      fail(error.message);
    });
    child.once("close", (code, ending) => {
      signal.removeEventListener("abort", end);
      if (code === 0) resolve({ stdout: written.stdout.replace(/\n$/, ""), stderr: written.stderr.replace(/\n$/, "") });
      else fail(code === null ? `ended by ${String(ending)}` : `exit status ${code}`);
    });
  });
}
