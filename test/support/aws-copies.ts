// ECS with copies that run: of each service in the account of a stand-in, one real process, with the variables and secrets
// that its task definition gives it.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findFree } from "../../infra/platform/local/process/ports";
import type { Account, Row, Rows } from "../plugins/aws/account";
import type { Services } from "../plugins/aws/api/balancer";
import { realCopies } from "../plugins/aws/api/ecs";
import { number, text, textsAt } from "../plugins/aws/values";

const root = resolve(__dirname, "../..");

/** What an image has in it, by its name without registry and tag. */
const images: Readonly<Record<string, string>> = {
  pages: join(root, "examples/pages/server.ts"),
  faulty: join(__dirname, "faulty.cjs"),
};

/** How often the account is looked at, and a copy asked whether it answers, in ms. */
const lookMs = 50;
const askMs = 20;

/** What a service should run. */
interface Wanted {
  service: string;
  taskDefinition: string;
  targetGroups: string[];
  image: string;
  environment: Record<string, string>;
}

interface Copy {
  wanted: Wanted;
  child: ChildProcess;
  port: number;
  output: string;
}

/**
 * Starts and stops copies as the account's services ask for. A service has one process, however many copies are desired: it
 * counts as that many. Another revision takes its place once it answers, and a process that ended is started again.
 */
export class AwsCopies {
  readonly #copies = new Map<string, Copy>();
  readonly #over = new AbortController();
  readonly #work: Promise<void>;

  /**
   * @param database where the instance really is, in place of what the task definition says
   * @param services is told where copies are, by target group: for load balancers
   */
  constructor(
    private readonly account: Account,
    private readonly database: { host: string; port: number },
    private readonly services: Services,
  ) {
    account.setOption(realCopies, true);
    this.#work = this.#run();
  }

  /** Ends every copy. @throws what went wrong meanwhile. */
  async stop(): Promise<void> {
    this.#over.abort();
    try {
      await this.#work;
    } finally {
      await Promise.all([...this.#copies.values()].map(end));
    }
  }

  /** What a service's copies have printed. */
  outputOf(service: string): string {
    return this.#copies.get(service)?.output ?? "";
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const wanted = this.account.change((rows) => rows.all("aws:ecs/service:Service").flatMap((row) => of(rows, row)));
      await Promise.all(wanted.map((each) => this.#bring(each)));
      const gone = [...this.#copies].filter(([name]) => !wanted.some(({ service }) => service === name));
      await Promise.all(gone.map(([, copy]) => this.#retire(copy)));
      await delay(lookMs);
    }
  }

  async #bring(wanted: Wanted): Promise<void> {
    const { service, taskDefinition, targetGroups } = wanted;
    const old = this.#copies.get(service);
    if (old?.wanted.taskDefinition === taskDefinition && old.child.exitCode === null && old.child.signalCode === null)
      return;
    const copy = await this.#start(wanted);
    if (copy === undefined) return;
    this.#copies.set(service, copy);
    for (const group of targetGroups) this.services[group] = { host: "127.0.0.1", port: copy.port };
    this.account.setOption(`runs ${service}`, taskDefinition);
    if (old !== undefined) await end(old);
  }

  async #retire(copy: Copy): Promise<void> {
    const { service, targetGroups } = copy.wanted;
    for (const group of targetGroups) this.services[group] = undefined;
    this.account.setOption(`runs ${service}`, null);
    this.#copies.delete(service);
    await end(copy);
  }

  /** @returns undefined where it ended, or all was over, before it answered. */
  async #start(wanted: Wanted): Promise<Copy | undefined> {
    const name = /([^/:@]+)[:@][^/]*$/.exec(wanted.image)?.[1] ?? wanted.image;
    const file = images[name];
    if (file === undefined)
      throw new Error(`there is no image ${wanted.image} here, only ${Object.keys(images).join(", ")}`);
    const port = await findFree(20_000 + Math.floor(Math.random() * 12_000));
    const { host, port: databasePort } = this.database;
    const child = spawn(process.execPath, ["--import", "tsx", file], {
      cwd: root,
      env: {
        ...{ PATH: process.env.PATH, ...wanted.environment, HOST: "127.0.0.1", PORT: String(port) },
        ...{ PGHOST: host, PGPORT: String(databasePort), PGSSLMODE: "disable", PGSSLROOTCERT: "" },
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const copy: Copy = { wanted, child, port, output: "" };
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (copy.output = (copy.output + chunk.toString()).slice(-100_000)));
    while (child.exitCode === null && child.signalCode === null) {
      if (await answers(port)) return copy;
      if (this.#over.signal.aborted) await end(copy);
      else await delay(askMs);
    }
    if (!this.#over.signal.aborted) console.error(`a copy of ${wanted.service} ended:\n${copy.output}`);
    return undefined;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/live`)).ok;
  } catch {
    return false;
  }
}

async function end({ child }: Copy): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGTERM");
  await closed;
}

/** What a service is to run; nothing while no copy is desired. */
function of(rows: Rows, { outs }: Row): Wanted[] {
  const taskDefinition = text(outs, "taskDefinition");
  const task = rows.get("aws:ecs/taskDefinition:TaskDefinition", taskDefinition);
  if (task === undefined || (number(outs, "desiredCount") ?? 0) === 0) return [];
  const [container] = JSON.parse(text(task.outs, "containerDefinitions")) as {
    image: string;
    environment: { name: string; value: string }[];
    secrets: { name: string; valueFrom: string }[];
  }[];
  if (container === undefined) return [];
  const { image, environment, secrets } = container;
  return [
    {
      ...{ service: text(outs, "name"), taskDefinition, image },
      targetGroups: textsAt(outs, "loadBalancers.targetGroupArn"),
      environment: Object.fromEntries([
        ...environment.map(({ name, value }) => [name, value] as const),
        ...secrets.map(({ name, valueFrom }) => [name, secretAt(rows, valueFrom)] as const),
      ]),
    },
  ];
}

/** The value at `<ARN of the secret>:<key>::<version>`, as ECS reads it. */
function secretAt(rows: Rows, valueFrom: string): string {
  const parts = valueFrom.split(":");
  const [arn, key = "", versionId] = [parts.slice(0, 7).join(":"), parts[7], parts[9]];
  const version = rows
    .all("aws:secretsmanager/secretVersion:SecretVersion")
    .find(({ outs }) => outs["secretId"] === arn && outs["versionId"] === versionId);
  const values = JSON.parse(text(version?.outs ?? {}, "secretString") || "{}") as Record<string, string>;
  const value = values[key];
  if (value === undefined) throw new Error(`Secrets Manager has no ${key} in version ${versionId ?? "none"} of ${arn}`);
  return value;
}
