import type { Client } from "pg";

/** Where the server of a session keeps its data, as it says itself. */
export async function dataFolderOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
  const [found] = rows;
  if (found === undefined) throw new Error("the server does not say where it keeps its data");
  return found.folder;
}
