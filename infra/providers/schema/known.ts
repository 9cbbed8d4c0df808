import type { Client } from "pg";
import { compareVersions } from "../../schema";

/**
 * A database that was dropped and made anew holds nothing, not even that migrations were ever applied to it: to apply them
 * again would put an empty one into service, while there are backups of what is missing. One whose migrations were all taken
 * back has its history.
 * @param known versions that were applied when the last `up` ended, in order
 * @param acceptLoss versions whose loss is accepted
 * @throws where it is empty, and the first of those is not accepted
 */
export async function assertIsKnown(
  client: Client,
  { known = [], acceptLoss }: { known?: readonly string[]; acceptLoss: readonly string[] },
): Promise<void> {
  const [first] = known;
  if (first === undefined || acceptLoss.some((version) => compareVersions(version, first) === 0)) return;
  const { rows } = await client.query<{ database: string; there: boolean }>(
    "SELECT current_database() AS database, to_regclass('switchyard.migrations') IS NOT NULL AS there",
  );
  const [{ database, there } = { database: "", there: false }] = rows;
  if (there) return;
  throw new Error(
    `${database} has no history, and ${known.length} migrations (up to ${known.at(-1) ?? ""}) were applied to it when the last ` +
      "pulumi up ended: it was dropped, or is another database. To have the data back: npm run backups -- list, " +
      "pulumi config set --path restore.from <id>, and pulumi up. To begin with an empty one, and lose it: " +
      `pulumi config set --path 'acceptLoss[0]' ${first} --type string`,
  );
}
