import { readFileSync } from "node:fs";
import type { Client } from "pg";
import { inSession } from "../database/session";
import { inProject } from "./project";

/** Where a provider connects, and as whom. */
export interface Connection {
  host: string;
  port: number;
  database: string;
  user: string;
  /** `verify-ca` trusts the authority of the server's certificate, whatever name is in it: a tunnel's end has another. */
  sslmode: "disable" | "verify-ca" | "verify-full";
  /** File with the certificates that are trusted, absolute or relative to the project. @default those of Node.js */
  sslrootcert?: string;
}

/** How long to wait for a connection; a server on the same network answers in milliseconds. */
const connectMs = 10_000;

/**
 * Limits of a session until its work sets its own, in ms: a statement may read some 2 TB (at 100 MB/s), and what stands in its
 * way for a minute is somebody's to look at.
 */
const [statementTimeoutMs, lockTimeoutMs] = [6 * 3_600_000, 60_000];

const limits = {
  statement_timeout: statementTimeoutMs,
  lock_timeout: lockTimeoutMs,
  idle_in_transaction_session_timeout: 0,
  idle_session_timeout: 0,
  client_min_messages: "warning",
};

/**
 * A session for `work`, closed after it. Its own limits are set here, whatever the role's or the server's defaults are:
 * no statement waits for ever, and an idle session is not ended under us.
 * @param pipeline whether a query is sent before the one in front of it is answered
 * @throws with host, port and role, and what the server said; never with the password.
 */
export async function withConnection<T>(
  connection: Connection,
  password: string,
  name: string,
  work: (client: Client) => Promise<T>,
  { pipeline = false }: { pipeline?: boolean } = {},
): Promise<T> {
  const { host, port, database, user } = connection;
  const config = {
    ...{ host, port, database, user, password, application_name: name, ssl: tlsOf(connection) },
    ...{ connectionTimeoutMillis: connectMs, keepAlive: true, pipeline },
  };
  return inSession(config, limits, work).catch((error: unknown) => {
    if (isUntrusted(error)) throw withWayToTrust(error, connection);
    throw lacksDatabase(error) ? withWayBack(error as Error) : error;
  });
}

/** Codes of OpenSSL for a certificate of an authority that isn't trusted here. */
const untrusted = new Set(["SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "DEPTH_ZERO_SELF_SIGNED_CERT"]); // prettier-ignore

const isUntrusted = (error: unknown): error is Error =>
  error instanceof Error && untrusted.has((error.cause as { code?: string } | undefined)?.code ?? "");

/** No machine trusts RDS's authorities by itself, so this is the first thing that a first `up` from outside meets. */
function withWayToTrust({ message, cause }: Error, { sslrootcert }: Connection): Error {
  const found = sslrootcert === undefined ? "of what Node.js trusts by itself" : `in ${sslrootcert} (rds.caBundle)`;
  return new Error(
    `${message}. The authority of its certificate is none ${found}, expected AWS's bundle of RDS certificates ` +
      "(https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem): pulumi config set --path rds.caBundle <file>",
    { cause },
  );
}

/** Whether there is no such database on the server. */
export const lacksDatabase = (error: unknown): boolean =>
  error instanceof Error && ((error as { code?: string }).code === "3D000" || lacksDatabase(error.cause));

/** State doesn't see by itself that a database was dropped. */
const wayBack =
  "If somebody has dropped it: set restore.from to a backup (npm run backups -- list), and run pulumi up --refresh, which " +
  "makes the database anew and fills it from there";

/** A session that is opened while another one is has its error told once. */
const withWayBack = (error: Error): Error =>
  error.message.includes(wayBack) ? error : new Error(`${error.message}. ${wayBack}`, { cause: error.cause });

function tlsOf({ sslmode, sslrootcert }: Connection) {
  if (sslmode === "disable") return false;
  return {
    rejectUnauthorized: true,
    ...(sslrootcert !== undefined && { ca: trustedIn(inProject(sslrootcert)) }),
    ...(sslmode === "verify-ca" && { checkServerIdentity: () => undefined }),
  };
}

function trustedIn(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`can't read the certificates that are trusted: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether the server can't be reached at all, as opposed to refusing what was asked, or to a file that we lack. */
export function isUnreachable(error: unknown): boolean {
  const codes = [error, (error as Error).cause].map((each) => (each as { code?: string } | undefined)?.code ?? "");
  // 57P03: starting up. 57P01, 57P02: shutting down.
  return (
    codes.some((code) => /^(E(?!NOENT$|ISDIR$)[A-Z]+|57P0[123])$/.test(code)) ||
    /timeout expired/.test((error as Error).message)
  );
}
