/**
 * The server's configuration files. What RDS sets for staging and production is set alike here where it changes
 * behaviour: statistics of statements, lock waits and slow statements in the log, sessions idle in a transaction ended.
 */
export function settings(options: { port: number; maxConnections: number }): Record<string, string> {
  const values: Record<string, string | number> = {
    listen_addresses: "127.0.0.1",
    port: options.port,
    // Loopback and passwords only: no socket, so nobody gets in by sharing an account.
    unix_socket_directories: "",
    max_connections: options.maxConnections,
    password_encryption: "scram-sha-256",
    shared_preload_libraries: "pg_stat_statements",
    timezone: "UTC",
    log_timezone: "UTC",
    logging_collector: "on",
    log_directory: "log",
    // One file a weekday, overwritten a week later: it can't fill the disk.
    log_filename: "postgresql-%a.log",
    log_truncate_on_rotation: "on",
    log_rotation_age: "1d",
    log_line_prefix: "%m [%p] %q%u@%d %a ",
    log_lock_waits: "on",
    log_min_duration_statement: "1000",
    log_temp_files: 0,
    idle_in_transaction_session_timeout: "5min",
  };
  const lines = Object.entries(values).map(([name, value]) => `${name} = '${value}'`);
  return {
    "postgresql.conf": ["# Written anew at every start; change stack config instead.", ...lines, ""].join("\n"),
    "pg_hba.conf": ["# Written anew at every start.", "host all all 127.0.0.1/32 scram-sha-256", ""].join("\n"),
  };
}
