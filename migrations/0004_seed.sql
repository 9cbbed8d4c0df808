-- switchyard: phase=expand
-- Safe beside old code: only new rows, under keys derived from their numbers. Times, texts and keys come from n alone,
-- so that every database gets the same rows.
-- migrate:up

INSERT INTO pages (id, slug, title, content, status, version, created_at, updated_at)
SELECT
  uuid_generate_v5(uuid_ns_url(), 'switchyard:pages/' || n),
  'sample-page-' || n,
  concat_ws(
    ' ',
    (ARRAY[
      'Autumn', 'Coastal', 'Quiet', 'Wooden', 'Bright', 'Northern', 'Hidden', 'Slow', 'Copper', 'Winter',
      'Painted', 'Gentle', 'Crooked', 'Silver', 'Distant', 'Humble', 'Early', 'Velvet', 'Broad', 'Mossy',
      'Ancient', 'Crimson', 'Restless'
    ])[n % 23 + 1],
    (ARRAY[
      'bakery', 'harbour', 'workshop', 'garden', 'library', 'bicycle', 'lantern', 'orchard', 'railway', 'kitchen',
      'theatre', 'museum', 'lighthouse', 'vineyard', 'printer', 'pottery', 'brewery', 'observatory', 'bookshop',
      'aquarium', 'carpenter', 'florist', 'tailor', 'apiary', 'quarry', 'monastery', 'windmill', 'ferry',
      'glacier', 'meadow', 'archive', 'bridge', 'chapel', 'distillery', 'embassy', 'foundry', 'gallery', 'hostel',
      'island', 'jetty', 'kiosk', 'laundry', 'market', 'nursery', 'oasis', 'pavilion', 'quay', 'reservoir',
      'stadium', 'tannery', 'university', 'valley', 'weaver', 'yard', 'zeppelin', 'cinema', 'dairy', 'estuary',
      'fountain', 'greenhouse', 'hangar'
    ])[n % 61 + 1],
    (ARRAY[
      'notes', 'guide', 'opening hours', 'price list', 'stories', 'journal', 'travel tips'
    ])[n % 7 + 1],
    n
  ),
  jsonb_build_object(
    'blocks',
    jsonb_build_array(
      jsonb_build_object('type', 'heading', 'text', 'Sample page ' || n),
      jsonb_build_object('type', 'paragraph', 'text', repeat('Text of sample page ' || n || '. ', n % 5 + 40))
    )
  ),
  CASE WHEN n % 3 = 0 THEN 'draft' ELSE 'published' END,
  3,
  timestamptz '2025-01-01 00:00:00+00' + n * interval '1 minute',
  timestamptz '2025-01-01 02:00:00+00' + n * interval '1 minute'
FROM generate_series(1, 3000) AS n;

-- switchyard: waiver=unbatched-write reason="9,000 new rows, made within a second; only rows of this file are read"
INSERT INTO page_revisions (page_id, version, title, content, status, created_at)
SELECT
  pages.id,
  v,
  pages.title || CASE v WHEN 3 THEN '' ELSE ', draft ' || v END,
  CASE v WHEN 3 THEN pages.content ELSE jsonb_build_object('blocks', jsonb_build_array()) END,
  CASE v WHEN 3 THEN pages.status ELSE 'draft' END,
  pages.created_at + (v - 1) * interval '1 hour'
FROM generate_series(1, 3000) AS n
CROSS JOIN generate_series(1, 3) AS v
JOIN pages ON pages.id = uuid_generate_v5(uuid_ns_url(), 'switchyard:pages/' || n);

-- switchyard: waiver=unbatched-write reason="6,000 new rows, made within a second; only rows of this file are read"
INSERT INTO page_plugins (page_id, name, settings, attached_at, updated_at)
SELECT
  pages.id,
  plugin.name,
  jsonb_build_object('position', plugin.position, 'columns', n % 4 + 1),
  pages.created_at,
  pages.created_at
FROM generate_series(1, 3000) AS n
JOIN pages ON pages.id = uuid_generate_v5(uuid_ns_url(), 'switchyard:pages/' || n)
CROSS JOIN LATERAL (
  VALUES
    ((ARRAY['gallery', 'map', 'calendar'])[n % 3 + 1], 1),
    ((ARRAY['contact-form', 'newsletter'])[n % 2 + 1], 2)
) AS plugin (name, position);

-- migrate:down

-- Their revisions and plugins go with them; pages that people made stay.
-- switchyard: waiver=unbatched-write reason="3,000 rows by primary key, sample data that nobody writes to for long"
DELETE FROM pages
WHERE id IN (SELECT uuid_generate_v5(uuid_ns_url(), 'switchyard:pages/' || n) FROM generate_series(1, 3000) AS n);
