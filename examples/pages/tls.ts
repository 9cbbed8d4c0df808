import { readFileSync } from "node:fs";
import { createSecureContext, type ConnectionOptions } from "node:tls";

/** What pg takes as `ssl`: false for none, or the options of the TLS connection. */
export type Tls = false | ConnectionOptions;

/**
 * libpq's PGSSLMODE and PGSSLROOTCERT. pg itself knows the former, but takes `require` and `verify-ca` for `verify-full`,
 * and overlooks the latter, so that a server with a certificate of its own authority (as RDS has) is never accepted.
 * `allow` and `prefer` are refused elsewhere: pg can't fall back to an unencrypted connection.
 *
 * @param mode disable (or empty), require, verify-ca, verify-full
 * @param rootCertificate a PEM file, or "system" (or empty) for the authorities that Node.js trusts
 * @param report takes what is wrong with the file
 */
export function readTls(mode: string, rootCertificate: string, report: (problem: string) => void): Tls {
  if (mode === "" || mode === "disable") return false;
  const own = rootCertificate === "" || rootCertificate === "system" ? undefined : rootCertificate;
  const ca = own === undefined ? undefined : readAuthorities(own, report);
  // As in libpq: `require` checks the certificate only where a root certificate was given, and never the name.
  if (mode === "require" && ca === undefined) return { rejectUnauthorized: false };
  return mode === "verify-full" ? { ca } : { ca, checkServerIdentity: () => undefined };
}

function readAuthorities(file: string, report: (problem: string) => void): string | undefined {
  try {
    const pem = readFileSync(file, "utf8");
    if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new Error("it holds no PEM certificate");
    // Reads the certificates now: one that is damaged would otherwise show up at each connection.
    createSecureContext({ ca: pem });
    return pem;
  } catch (error) {
    report(`PGSSLROOTCERT: "${file}" can't be used, ${(error as Error).message}; expected a PEM file, or "system"`);
    return undefined;
  }
}
