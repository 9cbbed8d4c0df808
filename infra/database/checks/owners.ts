import { escapeIdentifier, type Client } from "pg";
import type { ExpectedAccess } from "../expectations";
import type { Finding } from "../finding";
import { roleNames } from "../names";
import { isOwn, isVisible } from "./catalog";

/** Every catalog of objects that have an owner, and what is left out of it because it follows another object. */
const catalogs: { catalog: string; owner: string; schema?: string; where?: string }[] = [
  {
    catalog: "pg_class",
    owner: "relowner",
    schema: "relnamespace",
    // A sequence of a column belongs to whom its table does; indexes too.
    where: `relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (SELECT FROM pg_depend
      WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND relkind = 'S' AND deptype IN ('a', 'i') AND refobjsubid > 0)`,
  },
  { catalog: "pg_proc", owner: "proowner", schema: "pronamespace" },
  {
    catalog: "pg_type",
    owner: "typowner",
    schema: "typnamespace",
    // Left out: rows of tables, arrays, multiranges.
    where: `typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind <> 'c')
      AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = pg_type.oid)`,
  },
  { catalog: "pg_namespace", owner: "nspowner", schema: "oid" },
  { catalog: "pg_operator", owner: "oprowner", schema: "oprnamespace" },
  { catalog: "pg_opclass", owner: "opcowner", schema: "opcnamespace" },
  { catalog: "pg_opfamily", owner: "opfowner", schema: "opfnamespace" },
  { catalog: "pg_collation", owner: "collowner", schema: "collnamespace" },
  { catalog: "pg_conversion", owner: "conowner", schema: "connamespace" },
  { catalog: "pg_ts_config", owner: "cfgowner", schema: "cfgnamespace" },
  { catalog: "pg_ts_dict", owner: "dictowner", schema: "dictnamespace" },
  { catalog: "pg_statistic_ext", owner: "stxowner", schema: "stxnamespace" },
  { catalog: "pg_largeobject_metadata", owner: "lomowner" },
  { catalog: "pg_publication", owner: "pubowner" },
  { catalog: "pg_event_trigger", owner: "evtowner" },
  { catalog: "pg_language", owner: "lanowner" },
  { catalog: "pg_foreign_data_wrapper", owner: "fdwowner" },
  { catalog: "pg_foreign_server", owner: "srvowner" },
];

const objects = catalogs
  .map(({ catalog, owner, schema, where = "true" }) => {
    // A large object is catalogued in one place, and known by another.
    const classid = `'${catalog === "pg_largeobject_metadata" ? "pg_largeobject" : catalog}'::regclass`;
    const visible = schema === undefined ? "true" : isVisible(`${catalog}.${schema}`);
    return `SELECT ${classid} AS classid, oid, ${owner} AS owner FROM ${catalog}
             WHERE ${isOwn(classid, `${catalog}.oid`)} AND ${visible} AND ${where}`;
  })
  .join(" UNION ALL ");

/** Object types whose ALTER is called otherwise than pg_identify_object calls them. */
const alterNames: Record<string, string> = {
  "composite type": "TYPE",
  "statistics object": "STATISTICS",
};

/** Everything in the database belongs to the owner; so does the database. */
export async function checkOwners(client: Client, { database }: ExpectedAccess): Promise<Finding[]> {
  const { owner } = roleNames(database);
  const { rows } = await client.query<{ type: string; identity: string; owner: string }>(
    `SELECT type, identity, pg_get_userbyid(owner) AS owner
       FROM (${objects}) AS objects, pg_identify_object(classid, objects.oid, 0)
      WHERE pg_get_userbyid(owner) <> $1
     UNION ALL
     SELECT 'database', quote_ident(datname), pg_get_userbyid(datdba) FROM pg_database
      WHERE datname = current_database() AND pg_get_userbyid(datdba) <> $1
     UNION ALL
     SELECT 'schema', 'public', pg_get_userbyid(nspowner) FROM pg_namespace
      WHERE nspname = 'public' AND pg_get_userbyid(nspowner) NOT IN ($1, 'pg_database_owner')
     ORDER BY 1, 2`,
    [owner],
  );
  return rows.map(({ type, identity, owner: found }) => ({
    object: `${type} ${identity}`,
    found: `owner ${found}`,
    expected: owner,
    mend: `ALTER ${alterNames[type] ?? type.toUpperCase()} ${identity} OWNER TO ${escapeIdentifier(owner)}`,
  }));
}
