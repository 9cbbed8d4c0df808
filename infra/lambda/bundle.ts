import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type * as Esbuild from "esbuild";
import { inProject } from "../providers/project";

/** Lambda's newest Node.js in every region, and what the function is compiled for. */
export const functionRuntime = "nodejs22.x";

/** The functions that there are, by their folders in `infra`; each begins in its `function.ts`. */
export type OwnFunction = "collector" | "digest";

/**
 * A function as one file of JavaScript, the same text for the same sources on every machine: whatever else it said would
 * be a change of the stack. Compiled by another process, while this one goes on.
 * @throws esbuild's own words about what can't be compiled
 */
export async function bundledFunction(of: OwnFunction): Promise<string> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used: only a stack on AWS has functions
  const esbuild = require("esbuild") as typeof Esbuild;
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(__dirname, "..", of, "function.ts")],
    // Paths in what is written are relative to here.
    absWorkingDir: join(__dirname, "../.."),
    ...{ bundle: true, write: false, platform: "node", format: "cjs", target: "node22" },
    ...{ minify: true, legalComments: "none", logLevel: "silent" },
    // What pg would rather use where it is there.
    external: ["pg-native", "pg-cloudflare"],
  });
  const [built] = outputFiles;
  if (built === undefined) throw new Error(`esbuild wrote nothing of infra/${of}/function.ts`);
  return built.text;
}

/**
 * Writes a function into a folder of the project. Whole or not at all: two programs may do so at a time.
 * @returns the file, relative to the project
 */
export async function writeFunction(of: OwnFunction, folder: string): Promise<string> {
  const file = `${folder}/index.js`;
  const text = await bundledFunction(of);
  await mkdir(inProject(folder), { recursive: true });
  const written = inProject(`${file}.${process.pid}`);
  await writeFile(written, text);
  await rename(written, inProject(file));
  return file;
}
