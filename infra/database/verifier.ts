import { pbkdf2Sync } from "node:crypto";
import { scramVerifier } from "../platform/local/postgres/scram";

/**
 * The SCRAM verifier of a role's password, the same one at every run: a random salt would be a change of the role at
 * every `up`. The salt is drawn from role and password at the cost of the verifier itself, so that it is no shortcut for
 * guessing; two roles with one password have two verifiers.
 */
export function stableVerifier(role: string, password: string): string {
  return scramVerifier(password, pbkdf2Sync(password, `switchyard salt of ${role}`, 4096, 16, "sha256"));
}
