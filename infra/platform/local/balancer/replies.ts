// The balancer's own answers: fixed ones, and those for which no target gave one.

import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { codeOf } from "./errors";
import type { Exchange } from "./exchange";

/** Tells the balancer's answers from a target's, like `Server: awselb/2.0`. */
const serverName = "switchyard-balancer";

export interface Reply {
  status: number;
  text: string;
}

function bodyOf({ status, text }: Reply): string {
  return `${status} ${STATUS_CODES[status] ?? ""}: ${text}\n`;
}

/** Answers a request in the balancer's own name. */
export function answer(response: ServerResponse, status: number, text: string): void {
  const body = bodyOf({ status, text });
  // The reason is given, lest the one of a target's answer that could not be sent on stays.
  response.writeHead(status, STATUS_CODES[status] ?? "", {
    server: serverName,
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** The same on the bare socket of an upgrade request; closes it. */
export function answerRaw(socket: Duplex, status: number, text: string): void {
  const body = bodyOf({ status, text });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    `server: ${serverName}`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

/**
 * Status and words for a request that its target did not answer, as an ALB gives them
 * (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html):
 * 504 when it did not connect or answer in time, 408 when it was the client that stopped sending, 502 for the rest.
 * @param received whether the client had sent its whole request
 */
export function explain(error: unknown, exchange: Exchange, received: boolean): Reply {
  const target = exchange.target?.name ?? "the target";
  const code = codeOf(error) ?? "";
  if (exchange.wasCut) return { status: 502, text: `the balancer stopped waiting for ${target}` };
  if (exchange.timedOut) {
    return received
      ? { status: 504, text: `${target} did not answer before the idle timeout` }
      : { status: 408, text: "the rest of the request did not come before the idle timeout" };
  }
  if (code === "ECONNECT_TIMEOUT" || code === "ETIMEDOUT") {
    return { status: 504, text: `no connection to ${target} before the connection timeout` };
  }
  if (code === "ECONNREFUSED") return { status: 502, text: `${target} refused the connection` };
  if (code === "ECONNRESET" || code === "EPIPE") {
    return { status: 502, text: `${target} closed the connection before it answered` };
  }
  return { status: 502, text: `${target} gave no valid answer (${code || "no reason known"})` };
}
