import { spawn } from "node:child_process";

export interface Outcome {
  code: number;
  /** Both streams, in order of arrival. */
  output: string;
}

/** Runs a command to its end; kills it when `timeoutMs` is over. A command that is not there gives code 127. */
export function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => (output += chunk));
    }
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve({ code: 127, output: `${command}: not found` });
      else reject(error);
    });
    child.once("close", (code, signal) => {
      if (signal !== null) output += `\n${command} was ended by ${signal} after ${(options.timeoutMs ?? 0) / 1000} s`;
      resolve({ code: code ?? 1, output });
    });
  });
}
