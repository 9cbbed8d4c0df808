// Stands between a client and moto: lets AWS fail as it does, answers in pages, and knows percentile ranks, none of which moto
// does. Whatever no rule is for goes through as it is.

import { once } from "node:events";
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface Asked {
  /** Such as `ModifyListener` or `GetMetricData`; for S3, the method and path. */
  readonly action: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** @param forward asks moto; with what it is given instead of what was asked. */
export type Rule = (asked: Asked, forward: (instead?: Partial<Asked>) => Promise<Reply>) => Promise<Reply> | Reply;

export class MotoProxy {
  readonly #rules = new Map<string, Rule>();
  /** Every action that was asked for, in order. */
  readonly asked: string[] = [];

  private constructor(
    private readonly moto: string,
    private readonly server: Server,
  ) {}

  static async start(moto: string): Promise<MotoProxy> {
    const server = createServer();
    const proxy = new MotoProxy(moto, server);
    server.on("request", (from, to) => {
      proxy.#answer(from).then(
        ({ status, headers, body }) => {
          const length = from.method === "HEAD" ? (headers["content-length"] ?? 0) : body.length;
          to.writeHead(status, { ...without(headers, "transfer-encoding"), "content-length": length });
          to.end(body);
        },
        // As when the network breaks.
        () => to.destroy(),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** From now on this rule answers an action; undefined takes it away. */
  on(action: string, rule: Rule | undefined): void {
    if (rule === undefined) this.#rules.delete(action);
    else this.#rules.set(action, rule);
  }

  /** No rule any more, and nothing was asked. */
  clear(): void {
    this.#rules.clear();
    this.asked.length = 0;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    const closed = once(this.server, "close");
    this.server.close();
    await closed;
  }

  async #answer(from: IncomingMessage): Promise<Reply> {
    const body = await buffer(from);
    const asked = {
      action: actionOf(from, body),
      method: from.method ?? "GET",
      path: from.url ?? "/",
      headers: from.headers,
      body,
    };
    this.asked.push(asked.action);
    const rule = this.#rules.get(asked.action) ?? this.#rules.get(asked.method);
    const forward = (instead: Partial<Asked> = {}) => this.#forward({ ...asked, ...instead });
    return rule === undefined ? forward() : rule(asked, forward);
  }

  async #forward({ method, path, headers, body }: Asked): Promise<Reply> {
    const kept = { ...without(headers, "transfer-encoding", "expect"), "content-length": body.length };
    const sent = request(`${this.moto}${path}`, { method, headers: kept });
    sent.end(body);
    const [reply] = (await once(sent, "response")) as [IncomingMessage];
    return { status: reply.statusCode ?? 502, headers: reply.headers, body: await buffer(reply) };
  }
}

const without = (headers: IncomingHttpHeaders, ...names: string[]): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

function actionOf({ headers, method = "", url = "" }: IncomingMessage, body: Buffer): string {
  const target = headers["x-amz-target"];
  if (typeof target === "string") return target.split(".").at(-1) ?? "";
  const form = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  if (form) return new URLSearchParams(body.toString()).get("Action") ?? "";
  return `${method} ${url}`;
}

/** What ELBv2 and STS answer when they refuse. */
export const queryError = (code: string, message: string, status = 400): Reply => ({
  status,
  headers: { "content-type": "text/xml" },
  body: Buffer.from(
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
  ),
});

/** What CloudWatch answers when it refuses. */
export const jsonError = (code: string, message: string, status = 400): Reply => ({
  status,
  headers: { "content-type": "application/x-amz-json-1.0", "x-amzn-query-error": `${code};Sender` },
  body: Buffer.from(JSON.stringify({ __type: `com.amazonaws.cloudwatch#${code}`, message })),
});

/** What S3 answers when it refuses. */
export const s3Error = (code: string, message: string, status: number): Reply => ({
  status,
  headers: { "content-type": "application/xml" },
  body: Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`),
});

export const xml = (text: string): Reply => ({
  status: 200,
  headers: { "content-type": "text/xml" },
  body: Buffer.from(text),
});

export const json = (value: unknown): Reply => ({
  status: 200,
  headers: { "content-type": "application/x-amz-json-1.0" },
  body: Buffer.from(JSON.stringify(value)),
});
