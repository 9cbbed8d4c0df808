/** Pieces of SQL that the queries of the catalogue share. Each takes expressions, not values: none comes from outside. */

/** An object's name as a person writes it: with its schema, unless that is `public`; quoted where it must be. */
export const named = (schema: string, name: string): string =>
  `CASE ${schema} WHEN 'public' THEN quote_ident(${name}) ELSE format('%I.%I', ${schema}, ${name}) END`;

/** Schemas of the database's own: PostgreSQL's are not, nor is the one where the migrations' history is kept. */
export const ownSchema = (schema: string): string =>
  `(${schema} !~ '^pg_' AND ${schema} NOT IN ('information_schema', 'switchyard'))`;

/** Leaves out what an extension has made: it comes and goes with the extension, which is listed with its version. */
export const notOfExtension = (oid: string, catalog: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = ${oid} AND d.classid = '${catalog}'::regclass AND d.deptype = 'e')`;

export const comment = (oid: string, catalog: string): string => `'comment', obj_description(${oid}, '${catalog}')`;

export const owner = (oid: string): string => `'owner', pg_get_userbyid(${oid})`;

/**
 * Who may do what, one text. An ACL that was never touched is written out, so that it is like one which says the same.
 * @param kind of `acldefault`: 'r' for a relation, 'f' for a function, …
 */
export const grants = (acl: string, kind: string, ownerOid: string): string =>
  `'grants', (${aclText(`coalesce(${acl}, acldefault('${kind}', ${ownerOid}))`)})`;

/** The text of an ACL that is there. */
export const aclText = (acl: string): string => `
  SELECT string_agg(each.line, '; ' ORDER BY each.line) FROM (
    SELECT format('%s: %s', CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END,
        string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END, ', '
          ORDER BY a.privilege_type)) AS line
      FROM aclexplode(${acl}) AS a GROUP BY a.grantee
  ) AS each`;

/** Options such as fillfactor=70, in the order of their characters. */
export const options = (array: string): string => `(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(${array}) AS o)`;

/** The key of a relation that columns, indexes, triggers and rules belong to. */
export const relationKey = (relation: string, schema: string): string =>
  `CASE ${relation}.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'table ' END ||
    ${named(schema, `${relation}.relname`)}`;

/** Relations of the given kinds, `c`, with their schema `n` and key. */
export const relations = (...kinds: readonly string[]): string => `(
  SELECT c.*, n.nspname, ${named("n.nspname", "c.relname")} AS name, ${relationKey("c", "n.nspname")} AS key
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN (${kinds.map((kind) => `'${kind}'`).join(", ")}) AND ${ownSchema("n.nspname")}
     AND ${notOfExtension("c.oid", "pg_class")}
)`;

/** A query for the catalogue: the entry's key, what it belongs to, and its facts; those that are NULL are left out. */
export const entries = (key: string, of: string, facts: readonly string[], from: string): string =>
  `SELECT ${key} AS key, (${of})::text AS of, jsonb_strip_nulls(jsonb_build_object(${facts.join(",\n  ")})) AS facts ${from}`;
