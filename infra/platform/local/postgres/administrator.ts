import type { Client } from "pg";

/** Modelled on RDS: the role that holds the service's privileges, and whose members administer without being superusers. */
export const administratorGroup = "rds_superuser";

/**
 * Makes `name` (with this password) what the master user is on RDS: CREATEDB, CREATEROLE, member of `rds_superuser`, no
 * superuser. What works here then works there. Run by the bootstrap superuser; safe to run again.
 *
 * `pg_stat_statements` is not a trusted extension: RDS lets its rds_superuser create it by a patch of its own. Here it
 * stands in template1, so that every database has it and `CREATE EXTENSION IF NOT EXISTS` finds it.
 */
export async function makeAdministrator(client: Client, template: Client, name: string, verifier: string) {
  const role = client.escapeIdentifier(name);
  const exists = async (rolname: string) =>
    (await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [rolname])).rowCount === 1;
  if (!(await exists(administratorGroup))) await client.query(`CREATE ROLE ${administratorGroup} NOLOGIN`);
  for (const granted of ["pg_monitor", "pg_signal_backend", "pg_read_all_data", "pg_write_all_data", "pg_checkpoint"])
    await client.query(`GRANT ${granted} TO ${administratorGroup} WITH ADMIN OPTION`);
  if (!(await exists(name))) await client.query(`CREATE ROLE ${role}`);
  await client.query(
    `ALTER ROLE ${role} LOGIN CREATEDB CREATEROLE NOSUPERUSER NOREPLICATION NOBYPASSRLS PASSWORD ${client.escapeLiteral(verifier)}`,
  );
  await client.query(`GRANT ${administratorGroup} TO ${role}`);
  // Its statements set passwords: none of them may reach the log, not even when one fails.
  await client.query(`ALTER ROLE ${role} SET log_min_error_statement = panic`);
  await client.query(`ALTER ROLE ${role} SET log_min_duration_statement = -1`);
  await template.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
}
