import type { Client } from "pg";
import { stableVerifier } from "../../../database/verifier";
import { isUnreachable, withConnection } from "../../../providers/connection";
import { hasUnknown, sameInputs, type Difference, type Provider } from "../../../providers/contract";
import type { RdsAdministratorInputs as Inputs } from "./resource";

/** The role of RDS whose members administer without being superusers. */
const group = "rds_superuser";

/**
 * 28P01: another password. 28000: no such role, or one that may not log in. What pg_hba.conf refuses has the same code; RDS
 * alone writes that file.
 */
const refusedLogin = new Set(["28P01", "28000"]);

const isRefused = (error: unknown): boolean =>
  refusedLogin.has(((error as Error).cause as { code?: string } | undefined)?.code ?? "");

/** Inputs by which the role is another one; the master's password is not among them. */
const identity = ({ connection, administrator, password, instance }: Inputs): object => ({
  connection,
  administrator,
  password,
  instance,
});

/** Whether the role can log in is asked each time: what was restored from a snapshot has a password of before. */
async function diff(olds: Inputs, news: Inputs): Promise<Difference> {
  if (hasUnknown(identity(news)) || !sameInputs(identity(olds), identity(news))) return { changes: true };
  const { connection, administrator, password } = news;
  try {
    await withConnection({ ...connection, user: administrator }, password, "switchyard-preview", (client) =>
      client.query("SELECT"),
    );
    return { changes: false };
  } catch (error) {
    if (isRefused(error)) return { changes: true };
    // What needs a database that is down says so itself.
    if (isUnreachable(error)) return { changes: false };
    throw error;
  }
}

async function bringUp(inputs: Inputs): Promise<Inputs> {
  const { connection, masterPassword, administrator } = inputs;
  try {
    await withConnection(connection, masterPassword, "switchyard-administrator", (client) => make(client, inputs));
    return inputs;
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw new Error(
      `${(error as Error).message}. Its password is the one that Secrets Manager held when this \`up\` began, and RDS changes ` +
        `it every week: run pulumi up again. It is needed once, to make the role ${administrator}`,
      { cause: error },
    );
  }
}

/** In one transaction, and safe to run again: nobody sees the role half made. */
async function make(client: Client, { administrator, password }: Inputs): Promise<void> {
  const role = client.escapeIdentifier(administrator);
  const there = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [administrator]);
  await client.query("BEGIN");
  if (there.rowCount === 0) await client.query(`CREATE ROLE ${role}`);
  // The verifier, not the password: RDS logs DDL.
  const verifier = client.escapeLiteral(stableVerifier(administrator, password));
  await client.query(
    `ALTER ROLE ${role} LOGIN INHERIT CREATEDB CREATEROLE VALID UNTIL 'infinity' PASSWORD ${verifier}`,
  );
  await client.query(`GRANT ${group} TO ${role}`);
  await client.query("COMMIT");
}

export const provider: Provider<Inputs, Inputs> = {
  diff,
  create: async (inputs) => ({ id: `${inputs.instance}/${inputs.administrator}`, outs: await bringUp(inputs) }),
  update: (_olds, news) => bringUp(news),
  // It owns roles and grants of what the instance holds, and goes with it.
  delete: () => Promise.resolve(),
};
