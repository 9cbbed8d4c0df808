import type { RoleKind } from "./names";

/** Kinds of objects as GRANT has them; "table" is also a view, "function" also a procedure. */
export type ObjectKind = "database" | "schema" | "table" | "sequence" | "function";

/** Who may hold a privilege: a role of the database, or everybody. */
export type Grantee = Exclude<RoleKind, "owner"> | "public";

/** What each may do with one kind of object; who is left out may do nothing. The owner may do all, by being the owner. */
export type Privileges = Partial<Record<Grantee, readonly string[]>>;

/** The schema of the service's own tables. */
export const serviceSchema = "public";

/** What the database itself lets in: PostgreSQL's own default lets everybody connect. */
export const onDatabase: Privileges = {
  migrator: ["CONNECT"],
  blue: ["CONNECT"],
  green: ["CONNECT"],
  readonly: ["CONNECT"],
  monitoring: ["CONNECT"],
};

const readWrite = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/** In the service's schema. Monitoring needs it too: it is where the extensions live, pg_stat_statements among them. */
export const inServiceSchema: Record<Exclude<ObjectKind, "database">, Privileges> = {
  schema: { blue: ["USAGE"], green: ["USAGE"], readonly: ["USAGE"], monitoring: ["USAGE"] },
  table: { blue: readWrite, green: readWrite, readonly: ["SELECT"] },
  sequence: { blue: ["USAGE", "SELECT"], green: ["USAGE", "SELECT"], readonly: ["SELECT"] },
  function: { blue: ["EXECUTE"], green: ["EXECUTE"] },
};

/**
 * In every other schema: what the migrator keeps there (`switchyard`, the history of migrations) a release may read, to
 * know whether the schema fits it, and never write.
 */
export const inOtherSchemas: Record<Exclude<ObjectKind, "database">, Privileges> = {
  schema: { blue: ["USAGE"], green: ["USAGE"], readonly: ["USAGE"] },
  table: { blue: ["SELECT"], green: ["SELECT"], readonly: ["SELECT"] },
  sequence: {},
  function: {},
};

/** What `kind` of object in `schema` is open to. */
export const privilegesOn = (kind: Exclude<ObjectKind, "database">, schema: string): Privileges =>
  (schema === serviceSchema ? inServiceSchema : inOtherSchemas)[kind];

/** One ALTER DEFAULT PRIVILEGES FOR ROLE owner. Without `schema` it holds in all of them. */
export interface DefaultPrivilege {
  kind: Exclude<ObjectKind, "database">;
  schema?: string;
  grantee: Grantee;
  privileges: readonly string[];
}

/**
 * What objects that the owner creates later are born with. PostgreSQL adds a schema's defaults to those of all schemas
 * and can't take away from them, so the ones of all schemas are the narrow ones, and the service's schema adds to them:
 * a schema that nobody has thought of is readable, never writable.
 */
export function defaultPrivileges(): DefaultPrivilege[] {
  const entries = (kind: DefaultPrivilege["kind"], privileges: Privileges, schema?: string): DefaultPrivilege[] =>
    Object.entries(privileges).map(([grantee, each]) => ({
      kind,
      schema,
      grantee: grantee as Grantee,
      privileges: each,
    }));
  return [
    // PostgreSQL's own default lets everybody call a new function; it can be taken away only for all schemas at once.
    { kind: "function", grantee: "public", privileges: [] },
    ...entries("schema", inOtherSchemas.schema),
    ...entries("table", inOtherSchemas.table),
    ...(["table", "sequence", "function"] as const).flatMap((kind) =>
      entries(kind, inServiceSchema[kind], serviceSchema).filter(
        ({ grantee, privileges }) => !sameSet(privileges, inOtherSchemas[kind][grantee] ?? []),
      ),
    ),
  ];
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each) => b.includes(each));
