-- switchyard: phase=expand
-- Safe beside old code: an index, as in 0005. Lists page by (created_at, id), neither of which ever changes.
-- migrate:up transaction:false

CREATE INDEX CONCURRENTLY pages_created_at_id ON pages (created_at, id);

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY IF EXISTS pages_created_at_id;
