import type { Client } from "pg";

/** A privilege on a database; `grantee` null for everybody. */
interface Granted {
  readonly grantee: string | null;
  readonly privilege: string;
}

const to = (client: Client, { grantee }: Granted): string =>
  grantee === null ? "PUBLIC" : client.escapeIdentifier(grantee);

/** Who but its owner may do what with a database: connecting is the first of it. */
async function grantedOn(client: Client, database: string): Promise<Granted[]> {
  const { rows } = await client.query<Granted>(
    `SELECT CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END AS grantee, a.privilege_type AS privilege
       FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
      WHERE d.datname = $1 AND a.grantee <> d.datdba`,
    [database],
  );
  return rows;
}

/**
 * Lets nobody in but the owner, and the administrator, who is its member.
 * @throws when somebody else has granted a way in, which only they can take back
 */
export async function closeTo(client: Client, database: string): Promise<void> {
  const on = `DATABASE ${client.escapeIdentifier(database)}`;
  for (const each of await grantedOn(client, database))
    await client.query(`REVOKE ${each.privilege} ON ${on} FROM ${to(client, each)}`);
  const [left] = await grantedOn(client, database);
  if (left !== undefined)
    throw new Error(
      `${left.grantee ?? "everybody"} keeps ${left.privilege} on ${database}, which another role than its owner has granted; ` +
        "take it back as that role, and run pulumi up again",
    );
}

/** Opens `open` to whom `like` is open to, and closes `like`. */
export async function moveAccess(client: Client, like: string, open: string): Promise<void> {
  const granted = await grantedOn(client, like);
  await closeTo(client, like);
  const on = `DATABASE ${client.escapeIdentifier(open)}`;
  for (const each of granted) await client.query(`GRANT ${each.privilege} ON ${on} TO ${to(client, each)}`);
}

/** Settings whose value is a list of names: as one quoted text it would be a single name. Source: pg_dump's own list. */
const lists = new Set(["search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"]);

/** Gives `scratch` the settings that the database of `real`'s session has of its own; a dump of one database has none. */
export async function copySettings(real: Client, scratch: string): Promise<void> {
  const { rows } = await real.query<{ role: string | null; setting: string }>(
    `SELECT CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END AS role, unnest(s.setconfig) AS setting
       FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname = current_database()`,
  );
  const database = real.escapeIdentifier(scratch);
  for (const { role, setting } of rows) {
    const end = setting.indexOf("=");
    const [name, value] = [setting.slice(0, end), setting.slice(end + 1)];
    const whose =
      role === null ? `DATABASE ${database}` : `ROLE ${real.escapeIdentifier(role)} IN DATABASE ${database}`;
    const written = lists.has(name) ? value : real.escapeLiteral(value);
    await real.query(`ALTER ${whose} SET ${real.escapeIdentifier(name)} TO ${written}`);
  }
}
