// A function as AWS runs it: its bundle, in a process of its own, with the variables that it is declared with.

import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

export interface MetricLine extends Record<string, unknown> {
  _aws: {
    Timestamp: number;
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
  };
}

export class CalledFunction {
  #output = "";
  #errors = "";

  readonly #ended: Promise<never>;

  private constructor(private readonly child: ChildProcess) {
    this.#ended = once(child, "exit").then(() => assert.fail(`the function ended: ${this.#errors}`));
    this.#ended.catch(() => undefined);
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (this.#output += chunk));
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (this.#errors += chunk));
  }

  /** Nothing of this process's environment gets in. */
  static start(file: string, env: Readonly<Record<string, string>>): CalledFunction {
    const script = join(__dirname, "function-host.cjs");
    return new CalledFunction(
      fork(script, [file], { env, execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"], cwd: "/" }),
    );
  }

  /** One call with what a schedule hands over. @throws what it failed with */
  async callWith(event: object): Promise<void> {
    const answered = once(this.child, "message") as Promise<[{ error: string | null }]>;
    this.child.send(event);
    const [{ error }] = await Promise.race([answered, this.#ended]);
    if (error !== null) throw new Error(error);
  }

  /** One call of the collector. @returns the lines of metrics that it printed @throws what it failed with */
  async call(): Promise<MetricLine[]> {
    const from = this.#output.length;
    await this.callWith({});
    const lines = () => this.#output.slice(from).split("\n").filter(Boolean);
    // What is printed comes by another way than the answer.
    while (!this.#output.endsWith("\n") || !lines().some((line) => line.includes('"Collected":1')))
      if (this.child.stdout) await once(this.child.stdout, "data");
    return lines().map((line) => JSON.parse(line) as MetricLine);
  }

  /** All that it ever wrote. */
  get written(): string {
    return this.#output + this.#errors;
  }

  /** Waits until it has written this to its log: what is printed comes by another way than the answer. */
  async wrote(text: string): Promise<void> {
    while (!this.#output.includes(text))
      if (this.child.stdout) await Promise.race([once(this.child.stdout, "data"), this.#ended]);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    // Its last words are read by then.
    const ended = once(this.child, "close");
    this.child.kill();
    await ended;
  }
}

/** Secrets Manager with one secret: whoever signs wrongly is refused, as AWS refuses. */
export class OneSecret {
  asked = 0;
  private constructor(
    private readonly server: Server,
    readonly id: string,
    public password: string,
  ) {}

  static async start(
    id: string,
    password: string,
    keys: { id: string; secret: string; token: string },
  ): Promise<OneSecret> {
    const server = createServer((request, response) => {
      void buffer(request).then((body) => {
        const refuse = (type: string, message: string) =>
          response.writeHead(400).end(JSON.stringify({ __type: type, message }));
        if (!isSigned(request, body.toString(), keys))
          return refuse("InvalidSignatureException", "The signature is wrong");
        const { SecretId } = JSON.parse(body.toString()) as { SecretId: string };
        if (SecretId !== id)
          return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        secret.asked += 1;
        const SecretString = JSON.stringify({ username: "pages_monitoring", password: secret.password });
        return response.end(JSON.stringify({ ARN: id, SecretString }));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const secret = new OneSecret(server, id, password);
    return secret;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

/** Signature Version 4, by AWS's description of it ("Create a signed AWS API request"). */
function isSigned(
  request: IncomingMessage,
  body: string,
  keys: { id: string; secret: string; token: string },
): boolean {
  const { authorization = "" } = request.headers;
  const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/([\w-]+)\/secretsmanager\/aws4_request), SignedHeaders=([^,]+), Signature=(\w{64})$/.exec(authorization); // prettier-ignore
  const [, id, scope = "", region = "", names = "", signature] = found ?? [];
  if (id !== keys.id || request.headers["x-amz-security-token"] !== keys.token) return false;
  const sha = (text: string) => createHash("sha256").update(text).digest("hex");
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const signed = names.split(";");
  const headers = signed.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join("");
  const canonical = [request.method, request.url, "", headers, names, sha(body)].join("\n");
  const text = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, sha(canonical)].join("\n");
  const key = [scope.slice(0, 8), region, "secretsmanager", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${keys.secret}`); // prettier-ignore
  return signed.includes("host") && signed.includes("x-amz-target") && hmac(key, text).toString("hex") === signature;
}
