import { comment, entries, grants, named, options, owner, relations } from "./catalogue-parts";

const tables = entries(
  "c.key",
  "NULL",
  [
    "'kind', CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' END",
    "'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END",
    "'access method', (SELECT amname FROM pg_am WHERE oid = c.relam)",
    "'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace)",
    "'of type', nullif(c.reloftype, 0)::regtype::text",
    "'partitioned by', CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END",
    `'partition', CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END`,
    `'inherits', (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid)`,
    `'row security', CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'on'
       WHEN c.relforcerowsecurity THEN 'off, but forced' END`,
    `'replica identity', CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full'
       WHEN 'i' THEN (SELECT 'index ' || indexrelid::regclass FROM pg_index WHERE indrelid = c.oid AND indisreplident) END`,
    `'storage parameters', ${options("c.reloptions")}`,
    `'storage parameters of its TOAST table', ${options("(SELECT t.reloptions FROM pg_class AS t WHERE t.oid = c.reltoastrelid)")}`,
    `'foreign server', (SELECT srvname || coalesce(' ' || ${options("f.ftoptions")}, '')
       FROM pg_foreign_table AS f JOIN pg_foreign_server AS s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid)`,
    owner("c.relowner"),
    grants("c.relacl", "r", "c.relowner"),
    comment("c.oid", "pg_class"),
  ],
  `FROM ${relations("r", "p", "f")} AS c`,
);

const views = entries(
  "c.key",
  "NULL",
  [
    "'definition', pg_get_viewdef(c.oid)",
    `'options', ${options("c.reloptions")}`,
    "'filled', CASE WHEN NOT c.relispopulated THEN 'no' END",
    "'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace)",
    owner("c.relowner"),
    grants("c.relacl", "r", "c.relowner"),
    comment("c.oid", "pg_class"),
  ],
  `FROM ${relations("v", "m")} AS c`,
);

/** Their order is left out: a column that was dropped and comes back is the last one, and nothing reads by position. */
const columns = entries(
  "'column ' || c.name || '.' || quote_ident(a.attname)",
  "c.key",
  [
    "'type', format_type(a.atttypid, a.atttypmod)",
    "'default', CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END",
    `'generated', CASE a.attgenerated WHEN 's' THEN pg_get_expr(d.adbin, d.adrelid) || ' stored'
       WHEN 'v' THEN pg_get_expr(d.adbin, d.adrelid) || ' virtual' END`,
    "'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END",
    // From PostgreSQL 18 on NOT NULL is a constraint too. Its name is left out: DROP and SET NOT NULL choose a new one.
    `'not null', CASE WHEN a.attnotnull THEN 'yes' || coalesce((
       SELECT substring(pg_get_constraintdef(k.oid) FROM '(?: NO INHERIT| NOT VALID)+$') FROM pg_constraint AS k
        WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]), '') END`,
    "'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END",
    "'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END",
    "'compression', nullif(a.attcompression, '')::text",
    "'statistics target', nullif(a.attstattarget, -1)::text",
    `'options', ${options("a.attoptions || a.attfdwoptions")}`,
    "'inherited', CASE WHEN a.attinhcount > 0 THEN CASE WHEN a.attislocal THEN 'and declared' ELSE 'yes' END END",
    grants("a.attacl", "c", "c.relowner"),
    "'comment', col_description(c.oid, a.attnum)",
  ],
  `FROM ${relations("r", "p", "f", "v", "m")} AS c
   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   JOIN pg_type AS t ON t.oid = a.atttypid
   LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum`,
);

/** Constraint triggers are listed as triggers, NOT NULL with its column. */
const constraints = entries(
  "'constraint ' || c.name || '.' || quote_ident(k.conname)",
  "c.key",
  [
    "'definition', pg_get_constraintdef(k.oid)",
    // ALTER TABLE … DISABLE TRIGGER ALL switches foreign keys off.
    `'switched off', (SELECT 'yes' FROM pg_trigger WHERE tgconstraint = k.oid AND tgisinternal AND tgenabled <> 'O' LIMIT 1)`,
    comment("k.oid", "pg_constraint"),
  ],
  `FROM ${relations("r", "p", "f")} AS c JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype NOT IN ('n', 't')`,
);

const indexes = entries(
  `'index ' || ${named("n.nspname", "i.relname")}`,
  `coalesce((SELECT 'constraint ' || c.name || '.' || quote_ident(k.conname) FROM pg_constraint AS k
     WHERE k.conindid = x.indexrelid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')), c.key)`,
  [
    "'definition', pg_get_indexdef(x.indexrelid)",
    "'valid', CASE WHEN NOT (x.indisvalid AND x.indisready AND x.indislive) THEN 'no' END",
    "'clustered', CASE WHEN x.indisclustered THEN 'yes' END",
    "'partition of', (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = x.indexrelid)",
    "'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = i.reltablespace)",
    `'statistics targets', (SELECT string_agg(format('%s: %s', attnum, attstattarget), ', ' ORDER BY attnum)
       FROM pg_attribute WHERE attrelid = x.indexrelid AND attstattarget >= 0)`,
    comment("x.indexrelid", "pg_class"),
  ],
  `FROM ${relations("r", "p", "m")} AS c JOIN pg_index AS x ON x.indrelid = c.oid
   JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_namespace AS n ON n.oid = i.relnamespace`,
);

/** Where a sequence stands is data. */
const sequences = entries(
  "'sequence ' || c.name",
  `SELECT 'table ' || ${named("tn.nspname", "t.relname")} FROM pg_depend AS d JOIN pg_class AS t ON t.oid = d.refobjid
     JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
    WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')`,
  [
    "'type', s.seqtypid::regtype::text",
    "'start', s.seqstart::text",
    "'increment', s.seqincrement::text",
    "'minimum', s.seqmin::text",
    "'maximum', s.seqmax::text",
    "'cache', s.seqcache::text",
    "'cycle', CASE WHEN s.seqcycle THEN 'yes' END",
    "'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END",
    `'owned by', (SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_depend AS d
       JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
        AND d.deptype IN ('a', 'i'))`,
    owner("c.relowner"),
    grants("c.relacl", "s", "c.relowner"),
    comment("c.oid", "pg_class"),
  ],
  `FROM ${relations("S")} AS c JOIN pg_sequence AS s ON s.seqrelid = c.oid`,
);

const triggers = entries(
  "'trigger ' || c.name || '.' || quote_ident(t.tgname)",
  "c.key",
  [
    "'definition', pg_get_triggerdef(t.oid)",
    "'fires', CASE t.tgenabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on a replica' WHEN 'A' THEN 'always' END",
    comment("t.oid", "pg_trigger"),
  ],
  `FROM ${relations("r", "p", "f", "v")} AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal`,
);

const rules = entries(
  "'rule ' || c.name || '.' || quote_ident(r.rulename)",
  "c.key",
  [
    "'definition', pg_get_ruledef(r.oid)",
    "'fires', CASE r.ev_enabled WHEN 'D' THEN 'never' WHEN 'R' THEN 'on a replica' WHEN 'A' THEN 'always' END",
    comment("r.oid", "pg_rewrite"),
  ],
  `FROM ${relations("r", "p", "f", "v")} AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid AND r.rulename <> '_RETURN'`,
);

const policies = entries(
  "'policy ' || c.name || '.' || quote_ident(p.polname)",
  "c.key",
  [
    `'for', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END`,
    "'restrictive', CASE WHEN NOT p.polpermissive THEN 'yes' END",
    `'to', (SELECT string_agg(role, ', ' ORDER BY role)
       FROM (SELECT CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END AS role FROM unnest(p.polroles) AS r) AS each)`,
    "'using', pg_get_expr(p.polqual, p.polrelid)",
    "'with check', pg_get_expr(p.polwithcheck, p.polrelid)",
    comment("p.oid", "pg_policy"),
  ],
  `FROM ${relations("r", "p")} AS c JOIN pg_policy AS p ON p.polrelid = c.oid`,
);

const statistics = entries(
  `'statistics ' || ${named("n.nspname", "s.stxname")}`,
  "c.key",
  [
    "'definition', pg_get_statisticsobjdef(s.oid)",
    "'target', nullif(s.stxstattarget, -1)::text",
    owner("s.stxowner"),
    comment("s.oid", "pg_statistic_ext"),
  ],
  `FROM ${relations("r", "p", "f", "m")} AS c JOIN pg_statistic_ext AS s ON s.stxrelid = c.oid
   JOIN pg_namespace AS n ON n.oid = s.stxnamespace`,
);

/** Tables, and all that is theirs. */
export const relationQueries: readonly string[] = [
  tables,
  views,
  columns,
  constraints,
  indexes,
  sequences,
  triggers,
  rules,
  policies,
  statistics,
];
