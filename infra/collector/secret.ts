import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

/** Milliseconds that Secrets Manager gets to answer. */
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

/** Where a call of AWS goes, and in whose name: what Lambda gives every function in its environment. */
export interface Caller {
  readonly region: string;
  /** Where Secrets Manager is. */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * The password in a secret whose text is JSON. One call, signed here: the whole client of Secrets Manager would be more than
 * everything else that the function is made of.
 * @throws with the secret's ARN and what AWS said; never with what is in it
 */
export async function passwordIn(secretId: string, caller: Caller): Promise<string> {
  const { region, accessKeyId, secretAccessKey, sessionToken } = caller;
  const url = new URL(caller.endpoint);
  const signer = new SignatureV4({
    ...{ service: "secretsmanager", region, sha256: Sha256 },
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
  });
  const body = JSON.stringify({ SecretId: secretId });
  const { headers } = await signer.sign({
    ...{ method: "POST", protocol: url.protocol, hostname: url.hostname, path: "/", body },
    ...(url.port !== "" && { port: Number(url.port) }),
    headers: {
      host: url.host,
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "secretsmanager.GetSecretValue",
    },
  });
  const failed = (why: string, cause?: unknown) => new Error(`can't read the secret ${secretId}: ${why}`, { cause });
  let answered: { ok: boolean; text: string; status: number };
  try {
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(url, { method: "POST", headers, body, signal });
    answered = { ok: response.ok, status: response.status, text: await response.text() };
  } catch (cause) {
    const { message, cause: below } = cause as Error;
    throw failed(`${url.host} doesn't answer (${below instanceof Error ? below.message : message})`, cause);
  }
  if (!answered.ok) throw failed(`${answered.status} ${answered.text.slice(0, 300)}`);
  return passwordOf(answered.text) ?? raise(failed("expected JSON with a password in it"));
}

function passwordOf(answer: string): string | undefined {
  try {
    const { SecretString = "{}" } = JSON.parse(answer) as { SecretString?: string };
    const { password } = JSON.parse(SecretString) as { password?: unknown };
    return typeof password === "string" ? password : undefined;
  } catch {
    // An error of JSON.parse quotes what it read.
    return undefined;
  }
}

function raise(error: Error): never {
  throw error;
}
