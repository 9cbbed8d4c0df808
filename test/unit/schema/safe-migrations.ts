import type { Shape } from "./build";

/** The statements of the up, those of the down, and what is around them, when it is not an expand in transactions. */
export type SafeCase = readonly [up: string, down: string, shape?: Shape];

const BOTH: Shape = { up: "transaction:false", down: "transaction:false" };
const UP_ALONE: Shape = { up: "transaction:false" };
const CONTRACT: Shape = { phase: "contract" };
const CONTRACT_BOTH: Shape = { ...CONTRACT, ...BOTH };

const stamped = "created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()";

/** Written in the ways in which public projects write theirs: hand-typed, generated, dumped, in small letters, quoted. */
export const SAFE_MIGRATIONS: readonly SafeCase[] = [
  // New tables.
  [
    `CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, ${stamped});`,
    "DROP TABLE users;",
  ],
  [
    "CREATE TABLE IF NOT EXISTS teams (\n  id bigserial PRIMARY KEY,\n  name varchar(255) NOT NULL\n);",
    "DROP TABLE IF EXISTS teams;",
  ],
  [
    'CREATE TABLE "walks" (\n    "id"   UUID NOT NULL DEFAULT gen_random_uuid(),\n    "name" TEXT NOT NULL,\n    CONSTRAINT "walks_pkey" PRIMARY KEY ("id")\n);',
    'DROP TABLE "walks";',
  ],
  [
    "create table trails (id uuid primary key default gen_random_uuid(), region uuid references regions on delete cascade);\ncreate index on trails (region);",
    "drop table trails;",
  ],
  [
    "CREATE TABLE orders (id int8 PRIMARY KEY, total numeric(12,2) CHECK (total >= 0));\nCREATE INDEX orders_total ON orders (total);;",
    "DROP TABLE orders;",
  ],
  [
    "CREATE TABLE public.tags (id integer NOT NULL, label character varying(64) NOT NULL);\nALTER TABLE ONLY public.tags ADD CONSTRAINT tags_pkey PRIMARY KEY (id);",
    "DROP TABLE public.tags;",
  ],
  [
    "CREATE SEQUENCE receipts_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;\nCREATE TABLE receipts (id bigint NOT NULL DEFAULT nextval('receipts_id_seq'));\nALTER SEQUENCE receipts_id_seq OWNED BY receipts.id;",
    "DROP TABLE receipts;",
  ],
  [
    "CREATE TABLE members (team_id bigint NOT NULL, user_id bigint NOT NULL, PRIMARY KEY (team_id, user_id), FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE);",
    "DROP TABLE members;",
  ],
  ["CREATE TABLE stays (room int, during tstzrange, EXCLUDE USING gist (during WITH &&));", "DROP TABLE stays;"],
  [
    "CREATE TABLE events (id bigint NOT NULL, at timestamptz NOT NULL) PARTITION BY RANGE (at);\nCREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\nCREATE INDEX events_at ON events (at);",
    "DROP TABLE events;",
  ],
  ["CREATE TABLE log_2027 PARTITION OF log FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');", "DROP TABLE log_2027;"],
  ["CREATE TABLE prices (LIKE products INCLUDING DEFAULTS INCLUDING CONSTRAINTS);", "DROP TABLE prices;"],
  [
    "CREATE TABLE flags (k text PRIMARY KEY, v jsonb NOT NULL DEFAULT '{}'::jsonb);\nINSERT INTO flags (k, v) VALUES ('beta', '{\"on\": false}'), ('dark; mode', '[]');",
    "DROP TABLE flags;",
  ],
  ["CREATE TABLE words (w text, len int GENERATED ALWAYS AS (char_length(w)) STORED);", "DROP TABLE words;"],
  [
    "CREATE TABLE docs (body text, ts tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED);\nCREATE INDEX docs_ts ON docs USING gin (ts);",
    "DROP TABLE docs;",
  ],
  [
    "-- Accounts of the shop.\n/* One row a customer;\n   -- not a login. */\nCREATE TABLE accounts ( -- the table\n  id int8 /* key */ PRIMARY KEY\n);",
    "DROP TABLE accounts; -- gone",
  ],
  [
    "CREATE SCHEMA IF NOT EXISTS shop;\nCREATE TABLE shop.carts (id uuid PRIMARY KEY);\nCREATE INDEX carts_id ON shop.carts USING hash (id);",
    "DROP TABLE shop.carts;\nDROP SCHEMA shop;",
  ],
  ["CREATE TABLE copies AS SELECT 1 AS n WITH NO DATA;", "DROP TABLE copies;"],
  [
    "CREATE TABLE a1 (id bigint PRIMARY KEY);\nCREATE TABLE a2 (id bigint REFERENCES a1);\nALTER TABLE a2 ADD COLUMN x text NOT NULL;\nALTER TABLE a2 ADD CONSTRAINT a2_x UNIQUE (x);\nALTER TABLE a2 ALTER COLUMN x SET DEFAULT '';",
    "DROP TABLE a2; DROP TABLE a1;",
  ],
  [
    "CREATE TABLE b1 (id bigint);\nALTER TABLE b1 RENAME COLUMN id TO b1_id;\nALTER TABLE b1 RENAME TO b2;\nDROP TABLE b2;",
    "SELECT 1;",
  ],
  [
    "CREATE TABLE imports (id bigint, raw text);\nINSERT INTO imports VALUES (1, 'a');\nUPDATE imports SET raw = upper(raw);\nDELETE FROM imports;",
    "DROP TABLE imports;",
  ],
  // New columns.
  ["ALTER TABLE pages ADD COLUMN subtitle text;", "ALTER TABLE pages DROP COLUMN subtitle;"],
  [
    "ALTER TABLE pages ADD COLUMN IF NOT EXISTS lang varchar(8) NOT NULL DEFAULT 'en';",
    "ALTER TABLE pages DROP COLUMN IF EXISTS lang;",
  ],
  [
    "ALTER TABLE pages\n  ADD COLUMN a int,\n  ADD COLUMN b int DEFAULT 0 NOT NULL,\n  ADD COLUMN c timestamptz DEFAULT now();",
    "ALTER TABLE pages\n  DROP COLUMN a,\n  DROP COLUMN b,\n  DROP COLUMN c;",
  ],
  ["alter table only pages add column meta jsonb default '{}'::jsonb;", "alter table only pages drop column meta;"],
  [
    "ALTER TABLE pages ADD COLUMN seen_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP;",
    "ALTER TABLE pages DROP COLUMN seen_at;",
  ],
  [
    "ALTER TABLE pages ADD COLUMN author_id bigint REFERENCES users (id) ON DELETE SET NULL;",
    "ALTER TABLE pages DROP COLUMN author_id;",
  ],
  [
    "ALTER TABLE pages ADD COLUMN key uuid;\nALTER TABLE pages ALTER COLUMN key SET DEFAULT gen_random_uuid();",
    "ALTER TABLE pages DROP COLUMN key;",
  ],
  ["ALTER TABLE pages ADD COLUMN tags text[] NOT NULL DEFAULT ARRAY[]::text[];", "ALTER TABLE pages DROP COLUMN tags;"],
  [
    "ALTER TABLE pages ADD COLUMN price numeric(10, 2) DEFAULT 0.00;\nCOMMENT ON COLUMN pages.price IS 'In euros; NULL: not for sale';",
    "ALTER TABLE pages DROP COLUMN price;",
  ],
  [
    'ALTER TABLE "Pages" ADD COLUMN "isPublic" BOOLEAN NOT NULL DEFAULT false;',
    'ALTER TABLE "Pages" DROP COLUMN "isPublic";',
  ],
  [
    "ALTER TABLE pages ADD COLUMN rank int;\nALTER TABLE pages ADD CONSTRAINT rank_positive CHECK (rank > 0) NOT VALID;",
    "ALTER TABLE pages DROP COLUMN rank;",
  ],
  [
    "ALTER TABLE pages ADD COLUMN owner_id bigint;\nALTER TABLE pages ADD CONSTRAINT pages_owner_fk FOREIGN KEY (owner_id) REFERENCES users (id) NOT VALID;",
    "ALTER TABLE pages DROP COLUMN owner_id;",
  ],
  [
    "ALTER TABLE pages ADD COLUMN code text;\nCREATE UNIQUE INDEX CONCURRENTLY pages_code ON pages (code);",
    "ALTER TABLE pages DROP COLUMN code;",
    UP_ALONE,
  ],
  [
    "ALTER TABLE pages ADD COLUMN kind text DEFAULT 'page';\nALTER TABLE pages ALTER COLUMN kind DROP DEFAULT;",
    "ALTER TABLE pages DROP COLUMN kind;",
  ],
  ["ALTER TYPE address ADD ATTRIBUTE zip text;", "ALTER TYPE address DROP ATTRIBUTE zip;"],
  // Indexes.
  ["CREATE INDEX CONCURRENTLY pages_slug ON pages (slug);", "DROP INDEX CONCURRENTLY pages_slug;", BOTH],
  [
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS pages_slug ON public.pages USING btree (slug);",
    "DROP INDEX CONCURRENTLY IF EXISTS public.pages_slug;",
    BOTH,
  ],
  [
    "create index concurrently pages_recent on pages (created_at desc nulls last) where deleted_at is null;",
    "drop index concurrently pages_recent;",
    BOTH,
  ],
  [
    "CREATE INDEX CONCURRENTLY pages_title ON pages USING gin (title gin_trgm_ops);",
    "DROP INDEX CONCURRENTLY pages_title;",
    BOTH,
  ],
  [
    "CREATE INDEX CONCURRENTLY pages_ts ON pages USING gin (to_tsvector('simple', body));",
    "DROP INDEX CONCURRENTLY pages_ts;",
    BOTH,
  ],
  [
    "CREATE INDEX CONCURRENTLY users_email ON users (lower(email)) INCLUDE (id) WITH (fillfactor = 90);",
    "DROP INDEX CONCURRENTLY users_email;",
    BOTH,
  ],
  [
    "CREATE INDEX CONCURRENTLY a ON pages (a);\nCREATE INDEX CONCURRENTLY b ON pages (b);",
    "DROP INDEX CONCURRENTLY a;\nDROP INDEX CONCURRENTLY b;",
    BOTH,
  ],
  ["DROP INDEX CONCURRENTLY IF EXISTS pages_old;", "CREATE INDEX CONCURRENTLY pages_old ON pages (old);", BOTH],
  ["REINDEX INDEX CONCURRENTLY pages_slug;", "SELECT 1;", UP_ALONE],
  ["ALTER INDEX pages_slug RENAME TO pages_slug_idx;", "ALTER INDEX pages_slug_idx RENAME TO pages_slug;"],
  ["ALTER INDEX visits_at ATTACH PARTITION visits_2026_at;", "SELECT 1;"],
  ["CREATE STATISTICS pages_stats (dependencies) ON lang, status FROM pages;", "DROP STATISTICS pages_stats;"],
  [
    "SET maintenance_work_mem = '1GB';\nCREATE INDEX CONCURRENTLY big ON pages (body);\nRESET maintenance_work_mem;",
    "DROP INDEX CONCURRENTLY big;",
    BOTH,
  ],
  // Types, views, functions, triggers.
  [
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');\nCREATE TABLE people (name text, mood mood DEFAULT 'ok');",
    "DROP TABLE people;\nDROP TYPE mood;",
  ],
  ["ALTER TYPE status ADD VALUE IF NOT EXISTS 'archived' AFTER 'published';", "SELECT 1;"],
  ["ALTER TYPE status ADD VALUE 'review';", "SELECT 1;", UP_ALONE],
  [
    "CREATE TYPE level AS ENUM ('low');\nALTER TYPE level ADD VALUE 'high';\nCREATE TABLE risks (l level DEFAULT 'high');",
    "DROP TABLE risks; DROP TYPE level;",
  ],
  ["CREATE DOMAIN email AS text CHECK (value LIKE '%@%');", "DROP DOMAIN email;"],
  [
    "CREATE VIEW recent AS SELECT id, title FROM pages WHERE created_at > now() - interval '7 days';",
    "DROP VIEW recent;",
  ],
  [
    "CREATE OR REPLACE VIEW shop.open_orders AS\n  SELECT o.*, u.email FROM shop.orders o JOIN users u ON u.id = o.user_id WHERE NOT o.paid;",
    "DROP VIEW shop.open_orders;",
  ],
  [
    "CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) FROM orders GROUP BY 1 WITH NO DATA;\nCREATE UNIQUE INDEX totals_user ON totals (user_id);\nREFRESH MATERIALIZED VIEW totals;",
    "DROP MATERIALIZED VIEW totals;",
  ],
  ["REFRESH MATERIALIZED VIEW CONCURRENTLY totals;", "SELECT 1;"],
  [
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  NEW.updated_at := now(); -- DROP TABLE pages;\n  RETURN NEW;\nEND;\n$$;\nCREATE TRIGGER touch BEFORE UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION touch();",
    "DROP TRIGGER touch ON pages;\nDROP FUNCTION touch();",
  ],
  [
    "CREATE OR REPLACE FUNCTION slugify(v text) RETURNS text AS $body$\n  SELECT trim(both '-' from regexp_replace(lower($1), '[^a-z0-9]+', '-', 'g'));\n$body$ LANGUAGE sql IMMUTABLE STRICT;",
    "DROP FUNCTION slugify(text);",
  ],
  [
    "CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT a; SELECT a + b; END;",
    "DROP FUNCTION add(int, int);",
  ],
  [
    "CREATE FUNCTION whoami() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT session_user::text';",
    "DROP FUNCTION whoami();",
  ],
  [
    "CREATE OR REPLACE TRIGGER stamp BEFORE INSERT OR UPDATE ON pages FOR EACH ROW EXECUTE PROCEDURE moddatetime(updated_at);",
    "DROP TRIGGER stamp ON pages;",
  ],
  [
    "DROP TRIGGER IF EXISTS stamp ON pages;\nCREATE TRIGGER stamp BEFORE UPDATE ON pages FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch();",
    "DROP TRIGGER stamp ON pages;",
  ],
  ["CREATE PROCEDURE tidy() LANGUAGE plpgsql AS 'BEGIN DELETE FROM sessions; END';", "DROP PROCEDURE tidy();"],
  [
    "CREATE AGGREGATE product (numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1');",
    "DROP AGGREGATE product (numeric);",
  ],
  ["ALTER TABLE pages RENAME TO articles;\nCREATE VIEW pages AS SELECT * FROM articles;", "SELECT 1;"],
  [
    "CREATE TABLE notes (id bigint, owner text);\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON notes USING (owner = current_user);",
    "DROP TABLE notes;",
  ],
  [
    "DROP POLICY IF EXISTS own ON pages;\nCREATE POLICY own ON pages FOR SELECT USING (true);",
    "DROP POLICY own ON pages;",
  ],
  ["CREATE TEXT SEARCH CONFIGURATION en (COPY = english);", "DROP TEXT SEARCH CONFIGURATION en;"],
  // Settings of tables and columns.
  [
    "ALTER TABLE pages SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 90);",
    "ALTER TABLE pages RESET (autovacuum_vacuum_scale_factor, fillfactor);",
  ],
  [
    "ALTER TABLE pages ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN lang SET STATISTICS 500;",
    "ALTER TABLE pages ALTER COLUMN body SET STORAGE EXTENDED, ALTER COLUMN lang SET STATISTICS -1;",
  ],
  ["ALTER TABLE pages ALTER COLUMN status SET DEFAULT 'draft';", "ALTER TABLE pages ALTER COLUMN status DROP DEFAULT;"],
  ["ALTER TABLE pages ALTER id ADD GENERATED BY DEFAULT AS IDENTITY;", "ALTER TABLE pages ALTER id DROP IDENTITY;"],
  [
    "ALTER TABLE pages DROP CONSTRAINT IF EXISTS pages_title_check;",
    "ALTER TABLE pages ADD CONSTRAINT pages_title_check CHECK (title <> '') NOT VALID;",
  ],
  ["ALTER TABLE pages VALIDATE CONSTRAINT pages_owner_fk;", "SELECT 1;"],
  ["ALTER TABLE pages REPLICA IDENTITY FULL;", "ALTER TABLE pages REPLICA IDENTITY DEFAULT;"],
  [
    "ALTER TABLE log ATTACH PARTITION log_2028 FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');",
    "ALTER TABLE log DETACH PARTITION log_2028 CONCURRENTLY;",
    { down: "transaction:false" },
  ],
  [
    "COMMENT ON TABLE pages IS $$What visitors read; it's public$$;\nCOMMENT ON INDEX pages_slug IS NULL;",
    "COMMENT ON TABLE pages IS NULL;",
  ],
  [
    "SET LOCAL lock_timeout = '3s';\nSET LOCAL statement_timeout TO '1min';\nALTER TABLE pages ADD COLUMN note text;",
    "ALTER TABLE pages DROP COLUMN note;",
  ],
  [
    "SELECT pg_catalog.set_config('search_path', 'shop, public', true);\nCREATE TABLE bins (id int);",
    "DROP TABLE bins;",
  ],
  ["ANALYZE pages;", "SELECT 1;"],
  ["VACUUM (ANALYZE) pages;", "SELECT 1;", UP_ALONE],
  ["SELECT setval('users_id_seq', (SELECT max(id) FROM users));", "SELECT 1;"],
  // Rows.
  [
    "INSERT INTO settings (key, value) VALUES ('theme', 'light') ON CONFLICT (key) DO NOTHING;",
    "DELETE FROM settings WHERE key = 'theme';",
  ],
  ["INSERT INTO roles (name) SELECT 'editor';", "DELETE FROM roles WHERE name IN ('editor');"],
  [
    "UPDATE settings SET value = '10' WHERE key = 'page_size';",
    "UPDATE settings SET value = '20' WHERE key = 'page_size';",
  ],
  ["UPDATE pages SET status = 'draft' WHERE id = ANY (ARRAY[1, 2, 3]) AND slug IN ('a', 'b');", "SELECT 1;"],
  [
    "INSERT INTO days SELECT d::date FROM generate_series('2026-01-01'::date, '2026-12-31', '1 day') AS d;",
    "DELETE FROM days WHERE d IN (SELECT d FROM days ORDER BY d LIMIT 366);",
  ],
  [
    "INSERT INTO quotes VALUES (1, 'it''s; fine'), (2, E'a\\'b;\\n'), (3, $q$c;'$q$), (4, U&'d\\0061');",
    "DELETE FROM quotes WHERE id IN (1, 2, 3, 4);",
  ],
  [
    "-- switchyard: sync=rename table=pages old=title new=heading\n-- switchyard: backfill=id batch=500\nUPDATE pages SET heading = title WHERE heading IS NULL;",
    "SELECT 1;",
    UP_ALONE,
  ],
  [
    "-- switchyard: sync=split table=people old=name new=first_name,last_name\n--   forward=\"split_part(name, ' ', 1), split_part(name, ' ', 2)\"\n--   backward=\"first_name || ' ' || last_name\"\nALTER TABLE people ADD COLUMN first_name text, ADD COLUMN last_name text;\n-- switchyard: backfill=id\nUPDATE people SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);",
    "ALTER TABLE people DROP COLUMN first_name, DROP COLUMN last_name;",
    UP_ALONE,
  ],
  [
    'CREATE TABLE page_words (page_id bigint, words int);\n-- switchyard: sync=manual table=pages triggers=count_words differing="SELECT count(*) FROM pages WHERE false"\n-- switchyard: backfill=id\nINSERT INTO page_words SELECT id, length(body) FROM pages;',
    "DROP TABLE page_words;",
    UP_ALONE,
  ],
  // Waivers.
  [
    "-- switchyard: waiver=opaque reason=\"creates one job, takes no lock on a table of ours\"\nSELECT cron.schedule('tidy', '0 3 * * *', 'VACUUM sessions');",
    "SELECT 1;",
  ],
  [
    '-- switchyard: waiver=unbatched-write\n--   reason="at most 200 rows, counted on production"\nUPDATE languages SET name = initcap(name);',
    "SELECT 1;",
  ],
  [
    '-- switchyard: waiver=constraint-scans reason="it has 40 rows"\n-- switchyard: waiver=new-check reason="no release writes it"\nALTER TABLE languages ADD CONSTRAINT short CHECK (length(code) < 9);',
    "ALTER TABLE languages DROP CONSTRAINT short;",
  ],
  // Contracts.
  ["ALTER TABLE pages DROP COLUMN title;", "ALTER TABLE pages ADD COLUMN title text;", CONTRACT],
  ["DROP TABLE IF EXISTS legacy_pages;", "CREATE TABLE legacy_pages (id bigint PRIMARY KEY, body text);", CONTRACT],
  ["DROP VIEW recent;\nDROP FUNCTION slugify(text);\nDROP TYPE mood;", "SELECT 1;", CONTRACT],
  ["ALTER TABLE pages RENAME COLUMN heading TO title;", "SELECT 1;", CONTRACT],
  [
    "ALTER TABLE pages ADD CONSTRAINT slug_set CHECK (slug IS NOT NULL) NOT VALID;",
    "ALTER TABLE pages DROP CONSTRAINT slug_set;",
    CONTRACT,
  ],
  [
    "ALTER TABLE pages ADD CONSTRAINT slug_set CHECK (slug IS NOT NULL) NOT VALID;\nALTER TABLE pages VALIDATE CONSTRAINT slug_set;\nALTER TABLE pages ALTER COLUMN slug SET NOT NULL;\nALTER TABLE pages DROP CONSTRAINT slug_set;",
    "SELECT 1;",
    { ...CONTRACT, up: "transaction:false" },
  ],
  [
    "ALTER TABLE pages ADD CONSTRAINT pages_author FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID;",
    "ALTER TABLE pages DROP CONSTRAINT pages_author;",
    CONTRACT,
  ],
  [
    "CREATE UNIQUE INDEX CONCURRENTLY pages_slug_key ON pages (slug);",
    "DROP INDEX CONCURRENTLY pages_slug_idx;",
    CONTRACT_BOTH,
  ],
  ["ALTER TABLE pages ADD CONSTRAINT pages_slug_key UNIQUE USING INDEX pages_slug_key;", "SELECT 1;", CONTRACT],
  [
    "ALTER TABLE log DETACH PARTITION log_2020 CONCURRENTLY;",
    "ALTER TABLE log ATTACH PARTITION log_2020 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');",
    { ...CONTRACT, up: "transaction:false" },
  ],
  ["DROP TRIGGER sync_title ON pages;\nDROP FUNCTION sync_title();", "SELECT 1;", CONTRACT],
  [
    "ALTER TABLE pages ENABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON pages USING (tenant = current_setting('app.tenant')::int);",
    "ALTER TABLE pages DISABLE ROW LEVEL SECURITY;",
    CONTRACT,
  ],
  [
    "ALTER TABLE pages ALTER COLUMN lang DROP DEFAULT, ALTER COLUMN lang DROP NOT NULL;",
    "ALTER TABLE pages ALTER COLUMN lang SET DEFAULT 'en';",
    CONTRACT,
  ],
  [
    "DROP TABLE audit_2019;",
    '-- switchyard: irreversible="the rows are in the archive bucket, not in the database"',
    CONTRACT,
  ],
  ["ANALYZE;", '-- switchyard: waiver=empty-down reason="statistics need no way back"'],
];
