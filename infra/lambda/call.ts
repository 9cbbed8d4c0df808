import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

/** Milliseconds that AWS gets to answer. */
const answerMs = 5_000;

/** SHA-256 of Node.js, in the form that the signer asks for. */
class Sha256 {
  #hash: ReturnType<Sha256["begin"]>;
  constructor(private readonly secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = this.begin();
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {
    this.#hash = this.begin();
  }
  private begin() {
    return this.secret === undefined ? createHash("sha256") : createHmac("sha256", bytes(this.secret));
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

/** In whose name AWS is called: what Lambda gives every function in its environment. */
export interface Caller {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One call of AWS. */
export interface Call {
  /** As signatures name the service: "secretsmanager", "monitoring", "sns". */
  readonly service: string;
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly text: string;
}

/**
 * Calls AWS once, signed here: the client of one service would be more than everything else that a function is made of.
 * @returns what AWS answered, refusals too
 * @throws where nothing answers within 5 s: with the host, and why
 */
export async function callAws({ service, endpoint, headers, body }: Call, caller: Caller): Promise<Answer> {
  const { region, accessKeyId, secretAccessKey, sessionToken } = caller;
  const url = new URL(endpoint);
  const signer = new SignatureV4({
    ...{ service, region, sha256: Sha256 },
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
  });
  const signed = await signer.sign({
    ...{ method: "POST", protocol: url.protocol, hostname: url.hostname, path: "/", body },
    ...(url.port !== "" && { port: Number(url.port) }),
    headers: { host: url.host, ...headers },
  });
  try {
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(url, { method: "POST", headers: signed.headers, body, signal });
    return { ok: response.ok, status: response.status, text: await response.text() };
  } catch (cause) {
    const { message, cause: below } = cause as Error;
    throw new Error(`${url.host} doesn't answer (${below instanceof Error ? below.message : message})`, { cause });
  }
}
