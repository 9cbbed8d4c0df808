// A real balancer process and real HTTP backends for tests, all on free loopback ports.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { BalancerClient } from "../../infra/platform/local/balancer/client";

const main = resolve(__dirname, "../../infra/platform/local/balancer/main.ts");
export const token = "test-admin-token-0123456789";

export interface RunningBalancer {
  client: BalancerClient;
  adminPort: number;
  pid: number;
  /** Every line that it has written to stdout and stderr. */
  lines: string[];
  /** Sends a signal and waits for the exit; gives the exit code, or the signal's name. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | string>;
}

/** Where balancers of a test keep their state; removed by `clear`. */
export async function stateFolder(): Promise<{ path: string; clear(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "balancer-"));
  return { path, clear: () => rm(path, { recursive: true, force: true }) };
}

interface Started {
  child: ReturnType<typeof spawn>;
  lines: string[];
  exited: Promise<number | string>;
  ready: Promise<number | undefined>;
}

function start(folder: string, env: Record<string, string>): Started {
  // Fast checks keep the tests short; what is tested does not depend on the interval.
  const fast = { HEALTH_INTERVAL_MS: "50", HEALTH_TIMEOUT_MS: "1000" };
  const child = spawn(process.execPath, ["--import", "tsx", main, "--state", folder], {
    env: { PATH: process.env.PATH, ADMIN_TOKEN: token, ADMIN_PORT: "0", ...fast, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let settle: (adminPort: number | undefined) => void;
  const ready = new Promise<number | undefined>((resolveReady) => (settle = resolveReady));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      const port = /"adminPort":(\d+).*"msg":"ready"/.exec(line)?.[1];
      if (port !== undefined) settle(Number(port));
    });
  }
  // `close` and not `exit`: by then all output has been read.
  const exited = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  void exited.then(() => settle(undefined));
  return { child, lines, exited, ready };
}

/** Starts a balancer and waits until it is ready. */
export async function startBalancer(folder: string, env: Record<string, string> = {}): Promise<RunningBalancer> {
  const { child, lines, exited, ready } = start(folder, env);
  const adminPort = await ready;
  if (adminPort === undefined) throw new Error(`The balancer ended before it was ready:\n${lines.join("\n")}`);
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<number | string> => {
    child.kill(signal);
    return exited;
  };
  return { client: new BalancerClient({ adminPort, token }), adminPort, pid: child.pid ?? 0, lines, end };
}

/** Starts a balancer that is expected to give up; gives its exit code and output. */
export async function startInVain(folder: string, env: Record<string, string> = {}) {
  const { child, lines, exited, ready } = start(folder, env);
  if ((await ready) !== undefined) {
    child.kill("SIGKILL");
    throw new Error("The balancer started although it should not have.");
  }
  return { code: await exited, output: lines.join("\n") };
}

export interface Backend {
  host: "127.0.0.1";
  port: number;
  /** Requests seen, health checks not counted, newest last. */
  seen: IncomingMessage[];
  /** What /health/live answers; 200 at the start. */
  healthStatus: number;
  server: http.Server;
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A tiny HTTP server that says its colour.
 * @param handler default: 200 with the colour as text
 */
export async function startBackend(colour: string, handler?: Handler, port = 0): Promise<Backend> {
  const seen: IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    response.setHeader("x-colour", colour);
    if (request.url === "/health/live") {
      response.writeHead(backend.healthStatus).end();
      return;
    }
    seen.push(request);
    if (handler) handler(request, response);
    else response.end(colour);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const backend: Backend = {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    seen,
    healthStatus: 200,
    server,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return backend;
}

/** In milliseconds; the machine may have much else to do. */
const patience = 60_000;

/** Waits until `condition` holds. @throws Error naming `what` after a minute */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited a minute in vain until ${what}.`);
    await setTimeout(10);
  }
}

/** Waits until every registered target is healthy. */
export async function untilHealthy(client: BalancerClient): Promise<void> {
  await until("every target is healthy", async () => {
    const { targets } = await client.state();
    return [...targets.blue, ...targets.green].every(({ health }) => health.state === "healthy");
  });
}

/** Whether a port on loopback accepts connections. */
export async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Takes a port on loopback, as any other program might. */
export async function occupy(port = 0): Promise<{ port: number; free(): void }> {
  const server = net.createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, free: () => server.close() };
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** One request on a connection of its own; rejects when there is no whole answer. */
export function ask(port: number, options: http.RequestOptions & { body?: string } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolveAnswer, reject) => {
    const request = http.request({ host: "127.0.0.1", port, agent: false, ...rest }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("error", reject);
      response.once("end", () => {
        resolveAnswer({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    request.once("error", reject);
    request.end(body);
  });
}
