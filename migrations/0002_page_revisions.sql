-- switchyard: phase=expand
-- Safe beside old code: only a new table. The foreign key is checked for its own (no) rows, and locks pages against
-- writes just while the empty table is made.
-- migrate:up

-- What a page was at each of its versions, the current one included.
CREATE TABLE page_revisions (
  page_id uuid NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
  version bigint NOT NULL CHECK (version >= 1),
  title text NOT NULL,
  content jsonb NOT NULL,
  status text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (page_id, version)
);

-- migrate:down

DROP TABLE page_revisions;
