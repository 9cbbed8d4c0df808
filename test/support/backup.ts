// What the tests of backups share: a database with a bit of everything, and a store that can be held in the middle.

import { Readable } from "node:stream";
import type { ObjectStore } from "../../infra/providers/store/store";
import type { RealDatabase } from "./rehearsal";

/** Something of each kind that a backup has to hold. Its dump is larger than what pipes and buffers hold. */
export async function fill({ owner, name }: RealDatabase): Promise<void> {
  await owner.query(`
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text, at timestamptz, span interval,
      ratio double precision, bytes bytea, data jsonb, upper text GENERATED ALWAYS AS (upper(text)) STORED);
    INSERT INTO notes (text, at, span, ratio, bytes, data)
      SELECT i || E'\\t"\\\\\\n', timestamptz '2026-01-31 08:00+01' + i * interval '1 s', i * interval '1 day 2 hours', 1.0 / i,
             decode(md5(i::text), 'hex'), jsonb_build_object('i', i) FROM generate_series(1, 500) AS i;
    INSERT INTO notes (text) VALUES (NULL), (''), (NULL);
    CREATE TABLE "Odd ""name" ("t" int, t2 text); INSERT INTO "Odd ""name" VALUES (1, 'x'), (1, 'x');
    CREATE TABLE nothing (); CREATE UNLOGGED TABLE quick (id int); INSERT INTO quick VALUES (1);
    CREATE TABLE parts (id int, kind text) PARTITION BY LIST (kind);
    CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a'); CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
    INSERT INTO parts SELECT i, chr(96 + i % 3) FROM generate_series(1, 30) AS i;
    CREATE TABLE parent (id int); CREATE TABLE child (more text) INHERITS (parent);
    INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'two');
    CREATE SEQUENCE free_standing INCREMENT -3; SELECT nextval('free_standing'), nextval('free_standing');
    CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE moods (mood mood, which regclass);
    INSERT INTO moods VALUES ('good', 'notes');
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM notes;
    CREATE TABLE bulk AS SELECT i, gen_random_uuid()::text || gen_random_uuid() AS text FROM generate_series(1, 30000) AS i;
    CREATE SCHEMA other; CREATE TABLE other.notes (id int); INSERT INTO other.notes VALUES (7);
    SELECT lo_from_bytea(0, decode(repeat('0f', 1500000), 'hex')), lo_from_bytea(0, '');
    REFRESH MATERIALIZED VIEW counted;
    ALTER DATABASE ${name} SET TimeZone = 'Asia/Kolkata'; ALTER DATABASE ${name} SET DateStyle = 'German';
    ALTER DATABASE ${name} SET IntervalStyle = 'iso_8601'; ALTER DATABASE ${name} SET bytea_output = 'escape';
    ALTER DATABASE ${name} SET extra_float_digits = -4`);
}

export interface Held {
  readonly store: ObjectStore;
  /** Once the first bytes have passed. */
  readonly middle: Promise<void>;
  /** Lets the rest pass. */
  readonly release: () => void;
}

/** The same store, in which the first dump that is stored or read is held after its first bytes. */
export function held(store: ObjectStore, which: "put" | "get"): Held {
  let reached = (): void => undefined;
  let release = (): void => undefined;
  const middle = new Promise<void>((done) => (reached = done));
  const released = new Promise<void>((done) => (release = done));
  async function* holding(content: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      yield (chunk as Buffer).subarray(0, 100);
      reached();
      await released;
      yield (chunk as Buffer).subarray(100);
    }
  }
  const hold = (content: Readable): Readable => Readable.from(holding(content), { objectMode: false });
  return {
    middle,
    release: () => release(),
    store: {
      ...store,
      put: (key, content, options) =>
        store.put(key, which === "put" && content instanceof Readable ? hold(content) : content, options),
      get: async (key) => {
        const content = await store.get(key);
        return which === "get" && key.endsWith(".dump") ? hold(content) : content;
      },
    },
  };
}
