import type { Client } from "pg";
import { highestColourLimitOf, connectionsFor } from "../../config";
import type { Finding } from "../finding";

/**
 * The server has a connection for each that the roles may take. Config holds their limits against `database.maxConnections`,
 * which PostgreSQL takes when it starts alone: until then the roles could take what isn't there.
 * @param colourLimit the CONNECTION LIMIT of each colour's role
 */
export async function checkRoom(client: Client, colourLimit: number): Promise<Finding[]> {
  const { rows } = await client.query<{ most: number }>("SELECT current_setting('max_connections')::int AS most");
  const most = rows[0]?.most ?? 0;
  const needed = connectionsFor(colourLimit);
  if (needed <= most) return [];
  const fits = highestColourLimitOf(most);
  return [
    {
      object: "the server",
      found: `max_connections ${most}`,
      expected: `at least ${needed} for both colours' database.colourConnectionLimit of ${colourLimit}`,
      mend:
        "a start of PostgreSQL, which database.maxConnections waits for (aws rds reboot-db-instance)" +
        (fits < 1 ? "" : `, or with database.colourConnectionLimit ${fits}`),
      bySql: false,
    },
  ];
}
