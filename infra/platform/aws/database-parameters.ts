import type { MajorVersion } from "../../config";

/** One parameter of PostgreSQL, and whether the server has to start anew for it. */
export interface Parameter {
  readonly name: string;
  readonly value: string;
  readonly applyMethod: "immediate" | "pending-reboot";
}

const now = (name: string, value: string): Parameter => ({ name, value, applyMethod: "immediate" });
const atStart = (name: string, value: string): Parameter => ({ name, value, applyMethod: "pending-reboot" });

/** The family of parameter groups of a major version. */
export const familyOf = (major: MajorVersion): string => `postgres${major}`;

/** How PostgreSQL is run: nobody without TLS, nothing slow or locked without a line in the log, and room as config says. */
export const parametersOf = (maxConnections: number): readonly Parameter[] => [
  // RDS's own since 15: said as RDS has it, since it keeps its word on when of a value that doesn't change, and the two would
  // differ for ever.
  atStart("rds.force_ssl", "1"),
  now("log_lock_waits", "1"),
  now("log_min_duration_statement", "1000"),
  now("log_statement", "ddl"),
  now("log_temp_files", "0"),
  now("log_autovacuum_min_duration", "0"),
  // Five minutes in ms: whoever began a transaction and went for coffee holds its locks no longer.
  now("idle_in_transaction_session_timeout", "300000"),
  atStart("shared_preload_libraries", "pg_stat_statements,auto_explain"),
  now("auto_explain.log_min_duration", "1000"),
  atStart("max_connections", String(maxConnections)),
];
