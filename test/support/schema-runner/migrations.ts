/**
 * Twelve migrations with everything that is run and recorded in a way of its own. No key comes from a sequence: a server
 * that was cut off skips up to 32 numbers of each.
 */
export const twelve: Record<string, string> = {
  "0001_people.sql": `-- switchyard: phase=expand
-- migrate:up
CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, email text);
INSERT INTO people SELECT n, 'Given' || n || ' Family' || n % 7, 'p' || n || '@example.org' FROM generate_series(1, 300) AS n;
-- migrate:down
DROP TABLE people;
`,
  "0002_notes.sql": `-- switchyard: phase=expand
-- migrate:up
ALTER TABLE people ADD COLUMN nick text;
CREATE TABLE notes (id bigint PRIMARY KEY, person bigint NOT NULL REFERENCES people, text text);
-- migrate:down
DROP TABLE notes;
ALTER TABLE people DROP COLUMN nick;
`,
  "0003_indexes.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY people_name_idx ON people (name);
CREATE INDEX CONCURRENTLY IF NOT EXISTS people_lower_idx ON people (lower(email));
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY people_lower_idx;
DROP INDEX CONCURRENTLY people_name_idx;
`,
  "0004_unique.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
SET maintenance_work_mem = '8MB';
CREATE UNIQUE INDEX CONCURRENTLY people_email_key ON people (email);
ALTER TABLE people ADD CONSTRAINT people_email_unique UNIQUE USING INDEX people_email_key;
RESET maintenance_work_mem;
-- migrate:down
ALTER TABLE people DROP CONSTRAINT people_email_unique;
`,
  "0005_first_notes.sql": `-- switchyard: phase=expand
-- migrate:up
INSERT INTO notes (id, person, text) SELECT id, id, 'about ' || name FROM people;
UPDATE people SET nick = left(name, 3) WHERE id % 2 = 0;
-- migrate:down
DELETE FROM notes;
`,
  "0006_given.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
ALTER TABLE people ADD COLUMN given text;
-- switchyard: backfill=id batch=100 waiver=backfill-without-sync reason="nothing writes it"
UPDATE people SET given = split_part(name, ' ', 1) WHERE given IS NULL;
CREATE INDEX CONCURRENTLY people_given_idx ON people (given);
-- migrate:down
ALTER TABLE people DROP COLUMN given;
`,
  "0007_drop_index.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
DROP INDEX CONCURRENTLY people_lower_idx;
-- migrate:down transaction:false
CREATE INDEX CONCURRENTLY people_lower_idx ON people (lower(email));
`,
  "0008_parts.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
CREATE TYPE mood AS ENUM ('calm');
ALTER TYPE mood ADD VALUE 'glad';
CREATE TABLE days (day int NOT NULL, mood mood) PARTITION BY RANGE (day);
CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (10);
CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (10) TO (20);
ALTER TABLE days DETACH PARTITION days_1 CONCURRENTLY;
-- migrate:down
DROP TABLE days_1, days;
DROP TYPE mood;
`,
  "0009_again.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
REINDEX INDEX CONCURRENTLY people_name_idx;
VACUUM people;
-- migrate:down
SELECT 1;
`,
  "0010_counts.sql": `-- switchyard: phase=expand verify="SELECT count(*) FROM notes" expect=300
-- migrate:up
CREATE FUNCTION note_count(bigint) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM notes WHERE person = $1 $$;
CREATE VIEW counts AS SELECT id, note_count(id) AS notes FROM people;
-- migrate:down
DROP VIEW counts;
DROP FUNCTION note_count(bigint);
`,
  "0011_body.sql": `-- switchyard: phase=expand sync=rename table=notes old=text new=body
-- migrate:up transaction:false
ALTER TABLE notes ADD COLUMN body text;
-- switchyard: backfill=id batch=120
UPDATE notes SET body = text WHERE body IS DISTINCT FROM text;
-- migrate:down
ALTER TABLE notes DROP COLUMN body;
`,
  "0012_last.sql": `-- switchyard: phase=expand
-- migrate:up
INSERT INTO notes (id, person, text) VALUES (301, 1, 'the last');
COMMENT ON TABLE notes IS 'what is known of people';
-- migrate:down
DELETE FROM notes WHERE text = 'the last';
`,
};
