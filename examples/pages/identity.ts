import { ServerResponse, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ServiceConfig } from "./config";
import { errorBody } from "./errors";

type Identity = Pick<ServiceConfig, "colour" | "release">;

const identityHeaders = ({ colour, release }: Identity) => ({ "x-colour": colour, "x-release": release });

/**
 * The class of all responses of this process. It sets the headers where a response begins, so that those which Node.js
 * gives by itself (a missing Host, an unknown Expect) carry them too.
 */
export function responsesFrom(identity: Identity): typeof ServerResponse {
  return class<Request extends IncomingMessage> extends ServerResponse<Request> {
    constructor(...args: ConstructorParameters<typeof ServerResponse<Request>>) {
      super(...args);
      for (const [name, value] of Object.entries(identityHeaders(identity))) this.setHeader(name, value);
    }
  };
}

/** What can go wrong before there is a request, as Node.js names it. */
const unreadable: Record<string, { status: string; code: string; message: string } | undefined> = {
  HPE_HEADER_OVERFLOW: { status: "431 Request Header Fields Too Large", code: "headers_too_large", message: "the headers are too large" }, // prettier-ignore
  ERR_HTTP_REQUEST_TIMEOUT: { status: "408 Request Timeout", code: "request_timeout", message: "the request did not arrive in time" }, // prettier-ignore
};

/** Answers what is not HTTP: there is no response to write to, only the socket. */
export function answerUnreadable(identity: Identity) {
  return (error: Error & { code?: string }, socket: Duplex): void => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const { status, ...body } = unreadable[error.code ?? ""] ?? {
      status: "400 Bad Request",
      code: "invalid_http",
      message: "the request is not valid HTTP",
    };
    const text = JSON.stringify(errorBody(body));
    const headers = {
      ...identityHeaders(identity),
      "content-type": "application/json; charset=utf-8",
      "content-length": String(Buffer.byteLength(text)),
      connection: "close",
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.end([`HTTP/1.1 ${status}`, ...lines, "", text].join("\r\n"));
  };
}
