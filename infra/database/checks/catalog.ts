/** Objects of PostgreSQL itself are numbered below this (FirstNormalObjectId). */
const firstOwnOid = 16_384;

/** Schemas of other sessions' temporary tables, and of what PostgreSQL keeps behind a table. */
const hiddenSchemas = "^pg_(toast|temp)";

/** SQL: whether the object is the service's own, and not PostgreSQL's or an extension's. */
export const isOwn = (classid: string, oid: string): string =>
  `${oid} >= ${firstOwnOid} AND NOT EXISTS (SELECT FROM pg_depend
    WHERE classid = ${classid} AND objid = ${oid} AND deptype = 'e')`;

/** SQL: whether a schema, by its OID, is one that a session can see. */
export const isVisible = (namespace: string): string =>
  `coalesce((SELECT seen.nspname !~ '${hiddenSchemas}' FROM pg_namespace AS seen WHERE seen.oid = ${namespace}), true)`;
