import { aclText, comment, entries, grants, named, notOfExtension, owner, ownSchema } from "./catalogue-parts";

/** Objects of a catalogue that have a schema, `x`, and their name. */
const inSchema = (catalog: string, namespace: string, name: string): string =>
  `FROM (SELECT x.*, n.nspname, ${named("n.nspname", `x.${name}`)} AS named FROM ${catalog} AS x
     JOIN pg_namespace AS n ON n.oid = x.${namespace}
    WHERE ${ownSchema("n.nspname")} AND ${notOfExtension("x.oid", catalog)}) AS x`;

const schemas = entries(
  "'schema ' || quote_ident(x.nspname)",
  "NULL",
  [owner("x.nspowner"), grants("x.nspacl", "n", "x.nspowner"), comment("x.oid", "pg_namespace")],
  `FROM pg_namespace AS x WHERE ${ownSchema("x.nspname")} AND ${notOfExtension("x.oid", "pg_namespace")}`,
);

/** A column's own type, and the arrays and multiranges that come with a type, are not listed. */
const types = entries(
  `CASE x.typtype WHEN 'e' THEN 'enum ' WHEN 'd' THEN 'domain ' ELSE 'type ' END || x.named`,
  "NULL",
  [
    `'kind', CASE x.typtype WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range' WHEN 'b' THEN 'base' WHEN 'p' THEN 'shell' END`,
    `'labels', CASE x.typtype WHEN 'e' THEN
       (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = x.oid) END`,
    `'columns', (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ||
         CASE WHEN a.attcollation <> (SELECT typcollation FROM pg_type WHERE oid = a.atttypid)
           THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, ', ' ORDER BY a.attnum)
       FROM pg_attribute AS a WHERE a.attrelid = nullif(x.typrelid, 0) AND a.attnum > 0 AND NOT a.attisdropped)`,
    "'type', CASE x.typtype WHEN 'd' THEN format_type(x.typbasetype, x.typtypmod) END",
    "'default', x.typdefault",
    "'not null', CASE WHEN x.typnotnull THEN 'yes' END",
    `'collation', CASE WHEN x.typcollation <> (SELECT typcollation FROM pg_type WHERE oid = x.typbasetype)
       THEN x.typcollation::regcollation::text END`,
    `'constraints', (SELECT string_agg(format('%I %s', conname, pg_get_constraintdef(oid)), ', ' ORDER BY conname)
       FROM pg_constraint WHERE contypid = x.oid AND contype = 'c')`,
    `'range of', (SELECT concat_ws(', ', rngsubtype::regtype, rngsubopc::text, nullif(rngcollation, 0)::regcollation,
         nullif(rngcanonical::oid, 0)::regprocedure, nullif(rngsubdiff::oid, 0)::regprocedure)
       FROM pg_range WHERE rngtypid = x.oid)`,
    `'functions', CASE x.typtype WHEN 'b' THEN concat_ws(', ', x.typinput, x.typoutput, x.typlen, x.typalign, x.typstorage) END`,
    owner("x.typowner"),
    grants("x.typacl", "T", "x.typowner"),
    comment("x.oid", "pg_type"),
  ],
  `${inSchema("pg_type", "typnamespace", "typname")}
    WHERE x.typtype <> 'm' AND NOT (x.typelem <> 0 AND x.typsubscript = 'array_subscript_handler'::regproc)
      AND (x.typrelid = 0 OR EXISTS (SELECT FROM pg_class WHERE oid = x.typrelid AND relkind = 'c'))`,
);

const functions = entries(
  `CASE x.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || x.named ||
    '(' || pg_get_function_identity_arguments(x.oid) || ')'`,
  "NULL",
  [
    "'definition', CASE WHEN x.prokind <> 'a' THEN pg_get_functiondef(x.oid) END",
    `'aggregates by', (SELECT concat_ws(', ', a.aggtransfn, a.aggtranstype::regtype, a.agginitval,
         nullif(a.aggfinalfn::oid, 0)::regproc, nullif(a.aggcombinefn::oid, 0)::regproc, nullif(a.aggsortop, 0)::regoper,
         a.aggkind, x.proparallel) FROM pg_aggregate AS a WHERE a.aggfnoid = x.oid)`,
    "'returns', CASE x.prokind WHEN 'a' THEN pg_get_function_result(x.oid) END",
    owner("x.proowner"),
    grants("x.proacl", "f", "x.proowner"),
    comment("x.oid", "pg_proc"),
  ],
  inSchema("pg_proc", "pronamespace", "proname"),
);

const operators = entries(
  "'operator ' || x.oid::regoperator::text",
  "NULL",
  [
    `'definition', concat_ws(', ', x.oprcode, nullif(x.oprcom, 0)::regoperator, nullif(x.oprnegate, 0)::regoperator,
       nullif(x.oprrest::oid, 0)::regproc, nullif(x.oprjoin::oid, 0)::regproc, x.oprcanmerge, x.oprcanhash)`,
    owner("x.oprowner"),
    comment("x.oid", "pg_operator"),
  ],
  inSchema("pg_operator", "oprnamespace", "oprname"),
);

const operatorClasses = entries(
  "'operator class ' || x.named || ' for ' || (SELECT amname FROM pg_am WHERE oid = x.opcmethod)",
  "NULL",
  [
    "'type', x.opcintype::regtype::text",
    "'default', CASE WHEN x.opcdefault THEN 'yes' END",
    `'members', (SELECT string_agg(member, ', ' ORDER BY member) FROM (
       SELECT format('%s %s', amopstrategy, amopopr::regoperator) AS member FROM pg_amop WHERE amopfamily = x.opcfamily
       UNION ALL SELECT format('%s %s', amprocnum, amproc::regprocedure) FROM pg_amproc WHERE amprocfamily = x.opcfamily
     ) AS each)`,
    owner("x.opcowner"),
    comment("x.oid", "pg_opclass"),
  ],
  inSchema("pg_opclass", "opcnamespace", "opcname"),
);

const collations = entries(
  "'collation ' || x.named",
  "NULL",
  [
    // Locale columns have other names in other majors; what differs from server to server (its version) is left out.
    `'definition', (SELECT string_agg(format('%s %s', fact, value), ', ' ORDER BY fact)
       FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(x.*))) AS f (fact, value)
      WHERE fact ~ '^coll|^icu' AND fact NOT IN ('collname', 'collnamespace', 'collowner', 'collversion')
         OR fact IN ('colliculocale', 'colllocale'))`,
    owner("x.collowner"),
    comment("x.oid", "pg_collation"),
  ],
  inSchema("pg_collation", "collnamespace", "collname"),
);

const searchConfigurations = entries(
  "'text search configuration ' || x.named",
  "NULL",
  [
    "'parser', (SELECT prsname FROM pg_ts_parser WHERE oid = x.cfgparser)",
    `'mapping', (SELECT string_agg(format('%s %s', m.maptokentype, m.mapdict::regdictionary), ', ' ORDER BY m.maptokentype, m.mapseqno)
       FROM pg_ts_config_map AS m WHERE m.mapcfg = x.oid)`,
    owner("x.cfgowner"),
    comment("x.oid", "pg_ts_config"),
  ],
  inSchema("pg_ts_config", "cfgnamespace", "cfgname"),
);

const searchDictionaries = entries(
  "'text search dictionary ' || x.named",
  "NULL",
  [
    "'template', (SELECT tmplname FROM pg_ts_template WHERE oid = x.dicttemplate)",
    "'options', x.dictinitoption",
    owner("x.dictowner"),
    comment("x.oid", "pg_ts_dict"),
  ],
  inSchema("pg_ts_dict", "dictnamespace", "dictname"),
);

/** PostgreSQL's own have oids below 16384 (FirstNormalObjectId). */
const casts = entries(
  "format('cast %s as %s', x.castsource::regtype, x.casttarget::regtype)",
  "NULL",
  [
    "'definition', concat_ws(', ', nullif(x.castfunc, 0)::regprocedure, x.castcontext, x.castmethod)",
    comment("x.oid", "pg_cast"),
  ],
  `FROM pg_cast AS x WHERE x.oid >= 16384 AND ${notOfExtension("x.oid", "pg_cast")}`,
);

const extensions = entries(
  "'extension ' || quote_ident(x.extname)",
  "NULL",
  ["'version', x.extversion", "'schema', x.extnamespace::regnamespace::text"],
  "FROM pg_extension AS x WHERE x.extname <> 'plpgsql'",
);

const publications = entries(
  "'publication ' || quote_ident(x.pubname)",
  "NULL",
  [
    `'publishes', concat_ws(', ', CASE WHEN x.puballtables THEN 'all tables' END, CASE WHEN x.pubinsert THEN 'insert' END,
       CASE WHEN x.pubupdate THEN 'update' END, CASE WHEN x.pubdelete THEN 'delete' END,
       CASE WHEN x.pubtruncate THEN 'truncate' END, CASE WHEN x.pubviaroot THEN 'via root' END)`,
    `'tables', (SELECT string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' ORDER BY t.schemaname, t.tablename)
       FROM pg_publication_tables AS t WHERE t.pubname = x.pubname)`,
    owner("x.pubowner"),
    comment("x.oid", "pg_publication"),
  ],
  "FROM pg_publication AS x",
);

const foreignServers = entries(
  "'foreign server ' || quote_ident(x.srvname)",
  "NULL",
  [
    "'wrapper', (SELECT fdwname FROM pg_foreign_data_wrapper WHERE oid = x.srvfdw)",
    // Passwords belong to user mappings, which are not read.
    "'options', (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(x.srvoptions) AS o)",
    owner("x.srvowner"),
    grants("x.srvacl", "S", "x.srvowner"),
    comment("x.oid", "pg_foreign_server"),
  ],
  `FROM pg_foreign_server AS x WHERE ${notOfExtension("x.oid", "pg_foreign_server")}`,
);

const eventTriggers = entries(
  "'event trigger ' || quote_ident(x.evtname)",
  "NULL",
  [
    "'definition', concat_ws(', ', x.evtevent, x.evtfoid::regproc, x.evtenabled, array_to_string(x.evttags, ' '))",
    owner("x.evtowner"),
    comment("x.oid", "pg_event_trigger"),
  ],
  `FROM pg_event_trigger AS x WHERE ${notOfExtension("x.oid", "pg_event_trigger")}`,
);

const defaultPrivileges = entries(
  `format('default privileges of %s on %s%s', pg_get_userbyid(x.defaclrole),
     CASE x.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
       WHEN 'n' THEN 'schemas' ELSE x.defaclobjtype::text END,
     coalesce(' in ' || nullif(x.defaclnamespace, 0)::regnamespace::text, ''))`,
  "NULL",
  [`'gives', (${aclText("x.defaclacl")})`],
  "FROM pg_default_acl AS x",
);

/** What stands for itself: schemas, types, functions, and the rarer kinds. */
export const typeQueries: readonly string[] = [
  schemas,
  types,
  functions,
  operators,
  operatorClasses,
  collations,
  searchConfigurations,
  searchDictionaries,
  casts,
  extensions,
  publications,
  foreignServers,
  eventTriggers,
  defaultPrivileges,
];
