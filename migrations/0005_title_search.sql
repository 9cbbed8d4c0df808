-- switchyard: phase=expand
-- Safe beside old code: an index changes no result. CONCURRENTLY lets reads and writes go on while it is built. Without
-- IF NOT EXISTS, which would take an invalid index that a failed build left for a finished one.
-- migrate:up transaction:false

CREATE INDEX CONCURRENTLY pages_title_trgm ON pages USING gin (title gin_trgm_ops);

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY IF EXISTS pages_title_trgm;
