// A small service over one table, in two releases: one knows people's name and mail, the other one first_name, last_name
// and contact. What they say over HTTP is the same, so that clients can't tell them apart.

import { createServer, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { Pool } from "pg";

export interface Person {
  first: string;
  last: string;
  contact: string;
}

interface Release {
  insert: string;
  /** By the key of a change. */
  change: Record<"person" | "contact", string>;
  select: string;
}

const old: Release = {
  insert: "INSERT INTO people (id, name, mail) VALUES ($1, $2 || ' ' || $3, $4)",
  change: {
    person: "UPDATE people SET name = $2 || ' ' || $3 WHERE id = $1",
    contact: "UPDATE people SET mail = $2 WHERE id = $1",
  },
  select:
    "SELECT split_part(name, ' ', 1) AS first, split_part(name, ' ', 2) AS last, mail AS contact FROM people WHERE id = $1",
};

const recent: Release = {
  insert: "INSERT INTO people (id, first_name, last_name, contact) VALUES ($1, $2, $3, $4)",
  change: {
    person: "UPDATE people SET first_name = $2, last_name = $3 WHERE id = $1",
    contact: "UPDATE people SET contact = $2 WHERE id = $1",
  },
  select: "SELECT first_name AS first, last_name AS last, contact FROM people WHERE id = $1",
};

const release = process.env["SHAPE"] === "old" ? old : recent;
const pool = new Pool({ max: 8, application_name: `people-${process.env["SHAPE"] ?? ""}` });

/** GET, POST (a new person) and PATCH (name or contact alone) of /people/<id>. */
async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  const id = Number(/^\/people\/(\d+)$/.exec(request.url ?? "")?.[1]);
  if (request.url === "/health/live") return { status: 200, body: {} };
  if (request.method === "GET") {
    const { rows } = await pool.query<Person>(release.select, [id]);
    return { status: rows.length === 1 ? 200 : 404, body: rows[0] ?? null };
  }
  const given = (await json(request)) as Partial<Person>;
  if (request.method === "POST") await pool.query(release.insert, [id, given.first, given.last, given.contact]);
  else if ("contact" in given) await pool.query(release.change.contact, [id, given.contact]);
  else await pool.query(release.change.person, [id, given.first, given.last]);
  return { status: 200, body: {} };
}

const server = createServer((request, response) => {
  answer(request)
    .catch((error: unknown) => ({ status: 500, body: { error: String(error) } }))
    .then(({ status, body }) =>
      response.writeHead(status, { "x-colour": process.env["COLOUR"] }).end(JSON.stringify(body)),
    )
    .catch((error: unknown) => console.error(error));
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
