/** The extensions of every database, in the service's schema. */
export const extensions = ["uuid-ossp", "pg_trgm", "pg_stat_statements"] as const;
