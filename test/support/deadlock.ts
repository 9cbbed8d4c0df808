import assert from "node:assert/strict";
import type { Client } from "pg";

/** Has each of two sessions wait for the row of `pages` that the other has changed, 1 or 2; PostgreSQL ends one of them. */
export async function deadlock(a: Client, b: Client): Promise<void> {
  await a.query("BEGIN; UPDATE pages SET n = 1 WHERE id = 1");
  await b.query("BEGIN; UPDATE pages SET n = 1 WHERE id = 2");
  const ended = await Promise.allSettled([
    a.query("UPDATE pages SET n = 1 WHERE id = 2"),
    b.query("UPDATE pages SET n = 1 WHERE id = 1"),
  ]);
  assert.equal(ended.filter(({ status }) => status === "rejected").length, 1);
}
