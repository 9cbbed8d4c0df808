import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A statement that any server does at once. */
export const trivial = (n: number): string => `CREATE TABLE bench_${n} (id bigint PRIMARY KEY, name text);`;

/** Runs `work` with a folder of `count` trivial migrations, and removes it. */
export async function withMigrations<T>(count: number, work: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  try {
    for (let n = 1; n <= count; n += 1) {
      const undo = `DROP TABLE bench_${n};`;
      const text = `-- switchyard: phase=expand\n-- migrate:up\n${trivial(n)}\n\n-- migrate:down\n${undo}\n`;
      writeFileSync(join(folder, `${String(n).padStart(6, "0")}_bench_${n}.sql`), text);
    }
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
