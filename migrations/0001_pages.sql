-- switchyard: phase=expand
-- Safe beside old code: only a new table, which no release knows yet.
-- migrate:up

CREATE TABLE pages (
  id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
  slug text NOT NULL CONSTRAINT pages_slug_key UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 200),
  title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 300),
  content jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(content) = 'object'),
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published')),
  -- Grows by one with each change; a writer names the version that it has read.
  version bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
  -- Milliseconds, as JavaScript keeps them: a list's cursor must name a row's time exactly.
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);

-- migrate:down

DROP TABLE pages;
