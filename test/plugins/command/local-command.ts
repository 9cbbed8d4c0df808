import { randomBytes } from "node:crypto";
import { compare, type Context, type Failure, type Kind } from "../protocol/plugin";
import { hasUnknown, unknown, type Properties } from "../protocol/values";
import { run } from "./run";

interface Inputs {
  create?: string;
  update?: string;
  delete?: string;
  triggers?: unknown[];
  environment?: Record<string, string>;
  stdin?: string;
  dir?: string;
  interpreter?: string[];
  logging?: Logging;
  addPreviousOutputInEnv?: boolean;
}

const loggings = ["stdout", "stderr", "stdoutAndStderr", "none"] as const;
type Logging = (typeof loggings)[number];

interface Outputs extends Inputs {
  stdout: string;
  stderr: string;
}

const text = { what: "a string", is: (value: unknown) => typeof value === "string" };

const properties: Record<keyof Inputs, { what: string; is(value: unknown): boolean }> = {
  create: text,
  update: text,
  delete: text,
  stdin: text,
  dir: text,
  triggers: { what: "a list", is: Array.isArray },
  interpreter: { what: "a list of strings", is: (value) => Array.isArray(value) && value.every(text.is) },
  environment: {
    what: "strings by name",
    is: (value) => typeof value === "object" && value !== null && Object.values(value).every(text.is),
  },
  logging: {
    what: `one of ${loggings.join(", ")}`,
    is: (value) => (loggings as readonly unknown[]).includes(value),
  },
  addPreviousOutputInEnv: { what: "true or false", is: (value) => typeof value === "boolean" },
};

function check(news: Properties): Failure[] {
  return Object.entries(news).flatMap(([property, value]) => {
    const known = (properties as Record<string, (typeof properties)[keyof Inputs] | undefined>)[property];
    if (["assetPaths", "archivePaths"].includes(property))
      return { property, reason: "the stand-in does not offer this; leave it out, or install the official plugin" };
    if (known === undefined)
      return { property, reason: `there is no such property; there are ${Object.keys(properties).join(", ")}` };
    if (hasUnknown(value) || known.is(value)) return [];
    return { property, reason: `found ${JSON.stringify(value)}, expected ${known.what}` };
  });
}

/** Runs one of the commands; the next one finds what this one wrote in its environment. */
async function work(command: string | undefined, inputs: Inputs, before: Partial<Outputs>, context: Context) {
  const { stdout = "", stderr = "" } = before;
  if (command === undefined) return { stdout, stderr };
  const { logging = "stdoutAndStderr", addPreviousOutputInEnv = true } = inputs;
  const lines = new Lines(context);
  const outcome = await run({
    command,
    interpreter: inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"],
    dir: inputs.dir ?? process.cwd(),
    environment: {
      ...inputs.environment,
      ...(addPreviousOutputInEnv && stdout !== "" ? { PULUMI_COMMAND_STDOUT: stdout } : {}),
      ...(addPreviousOutputInEnv && stderr !== "" ? { PULUMI_COMMAND_STDERR: stderr } : {}),
    },
    stdin: inputs.stdin ?? "",
    signal: context.signal,
    onOutput: (stream, written) => {
      if (logging === "stdoutAndStderr" || logging === stream) lines.add(stream, written);
    },
  }).finally(() => lines.flush());
  return outcome;
}

/** Hands on output to the engine line by line. */
class Lines {
  readonly #begun = { stdout: "", stderr: "" };
  #said = Promise.resolve();

  constructor(readonly context: Context) {}

  add(stream: "stdout" | "stderr", written: string): void {
    const lines = (this.#begun[stream] + written).split("\n");
    this.#begun[stream] = lines.pop() ?? "";
    for (const line of lines) this.#said = this.#said.then(() => this.context.log(line));
  }

  async flush(): Promise<void> {
    await this.#said;
    for (const rest of Object.values(this.#begun)) if (rest !== "") await this.context.log(rest);
  }
}

export const localCommand: Kind = {
  check,
  diff: (olds, news) => {
    const inputs = Object.entries(olds).filter(([key]) => key in properties);
    return compare(Object.fromEntries(inputs), news, ["triggers"]);
  },
  plan: (news) => ({ ...news, stdout: unknown, stderr: unknown }),
  async create(news, context) {
    const inputs = news as Inputs;
    const outcome = await work(inputs.create, inputs, {}, context);
    return { id: `${context.name}${randomBytes(4).toString("hex")}`, outs: { ...news, ...outcome } };
  },
  async update(olds, news, context) {
    const inputs = news as Inputs;
    return { ...news, ...(await work(inputs.update ?? inputs.create, inputs, olds, context)) };
  },
  // What a command has done can't be asked for: state stands.
  read: (id, olds) => {
    if (olds === undefined) throw new Error(`can't import ${id}: a command has nothing to read`);
    return Promise.resolve({ id, outs: olds });
  },
  async delete(olds, context) {
    const inputs = olds as Partial<Outputs>;
    await work(inputs.delete, inputs, inputs, context);
  },
};
