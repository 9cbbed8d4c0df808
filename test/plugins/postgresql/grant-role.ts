import { escapeIdentifier, type Client } from "pg";
import type { Schema } from "../protocol/schema";
import type { Operations } from "./kind";
import { row, step } from "./server";

interface GrantRole {
  role: string;
  grantRole: string;
  withAdminOption: boolean;
}

const schema: Schema = {
  properties: {
    role: { type: "string", required: true, replaces: true },
    grantRole: { type: "string", required: true, replaces: true },
    withAdminOption: { type: "boolean", default: false, replaces: true },
  },
};

const revoke = ({ role, grantRole }: GrantRole, client: Client) =>
  step(
    `revoking role ${grantRole} from ${role}`,
    client.query(`REVOKE ${escapeIdentifier(grantRole)} FROM ${escapeIdentifier(role)}`),
  );

export const grantRole: Operations<GrantRole> = {
  schema,
  id: ({ role, grantRole, withAdminOption }) => `${role}_${grantRole}_${String(withAdminOption)}`,
  create: (server, values, { signal }) =>
    server.transaction(undefined, signal, async (client) => {
      await revoke(values, client);
      const { role, grantRole, withAdminOption } = values;
      const option = withAdminOption ? " WITH ADMIN OPTION" : "";
      const sql = `GRANT ${escapeIdentifier(grantRole)} TO ${escapeIdentifier(role)}${option}`;
      await step(`granting role ${grantRole} to ${role}`, client.query(sql));
    }),
  // As in the official plugin, the first row counts: since 16 a membership may have one of each grantor.
  read: (server, { role, grantRole }, { signal }) =>
    server.session(undefined, signal, (client) =>
      row(
        client,
        `SELECT admin_option AS "withAdminOption" FROM pg_auth_members
          WHERE pg_get_userbyid(member) = $1 AND pg_get_userbyid(roleid) = $2 LIMIT 1`,
        [role, grantRole],
      ),
    ),
  delete: (server, values, { signal }) =>
    server.transaction(undefined, signal, async (client) => {
      await revoke(values, client);
    }),
};
