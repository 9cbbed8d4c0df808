-- switchyard: phase=expand
-- Safe beside old code: only a new table, as in 0002.
-- migrate:up

CREATE TABLE page_plugins (
  page_id uuid NOT NULL REFERENCES pages (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(name) <= 100),
  settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
  attached_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (page_id, name)
);

-- migrate:down

DROP TABLE page_plugins;
