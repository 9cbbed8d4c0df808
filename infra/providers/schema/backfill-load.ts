import type { Client } from "pg";

/**
 * What else the server has to do, as far as any role may see it: `pg_stat_activity` hides what sessions of other roles do,
 * `pg_locks` does not hide who is in a transaction and who waits.
 */
export interface Load {
  /** Other sessions of this database with a transaction open at that moment. */
  readonly active: number;
  /** Those of them that wait for a lock. */
  readonly waiting: number;
  /** How far the slowest replica is behind in applying WAL, in ms; 0 where none is, or where the role may not see it. */
  readonly lagMs: number;
  /** WAL that the slowest replication slot in use keeps, in bytes. */
  readonly slotBytes: number;
}

/** One look at the server. Within a batch's transaction it also sees who waits for that batch's rows. */
export async function lookAtLoad(client: Client): Promise<Load> {
  const { rows } = await client.query<Load>(`
    WITH others AS (
      SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND usesysid IS NOT NULL AND pid <> pg_backend_pid()
    ), locks AS (
      SELECT l.pid, l.granted, l.locktype FROM pg_locks l JOIN others USING (pid)
    )
    SELECT (SELECT count(DISTINCT pid) FROM locks WHERE granted AND locktype = 'virtualxid')::int AS active,
           (SELECT count(DISTINCT pid) FROM locks WHERE NOT granted AND locktype <> 'advisory')::int AS waiting,
           coalesce((SELECT max(extract(epoch FROM replay_lag)) FROM pg_stat_replication), 0)::float8 * 1000 AS "lagMs",
           coalesce((SELECT max(pg_current_wal_lsn() - coalesce(confirmed_flush_lsn, restart_lsn))
                       FROM pg_replication_slots WHERE active), 0)::float8 AS "slotBytes"`);
  return rows[0] as Load;
}
