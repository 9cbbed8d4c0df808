-- switchyard: phase=expand
-- Safe beside old code: a nullable column without a default changes the catalogue only, and code that doesn't know it
-- neither reads nor writes it, so the check can't refuse what it writes. NOT VALID takes the strong lock for a moment
-- without reading the table; VALIDATE then reads it under a lock that lets writes go on, in a transaction of its own.
-- Each statement may run twice, so a run that was killed goes on with it.
-- migrate:up transaction:false

ALTER TABLE pages ADD COLUMN IF NOT EXISTS summary text;

ALTER TABLE pages
  DROP CONSTRAINT IF EXISTS pages_summary_check,
  ADD CONSTRAINT pages_summary_check CHECK (char_length(summary) <= 500) NOT VALID;

ALTER TABLE pages VALIDATE CONSTRAINT pages_summary_check;

-- migrate:down

-- Summaries that were written meanwhile are lost; pages and their revisions stay.
ALTER TABLE pages DROP COLUMN summary;
