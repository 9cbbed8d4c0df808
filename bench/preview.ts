/**
 * How long a preview of production takes on platform aws, on the stand-in for AWS, against the preview of a program that
 * imports the same SDKs and declares nothing: in one run, so that both have the same machine to share. Cold is without what
 * Node.js and tsx keep of compiled files between runs, as on a fresh runner.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AwsStack } from "../test/support/aws-stack";
import { EmptyProgram } from "./empty";

const checkout = resolve(__dirname, "..");

/** Modules of Pulumi's SDKs that the program on platform aws imports values of. */
function importedModules(): string[] {
  const files = globSync(["infra/*.ts", "infra/{database,providers,platform/aws}/**/*.ts"], { cwd: checkout });
  const found = files.flatMap((file) => {
    const text = readFileSync(join(checkout, file), "utf8");
    return [...text.matchAll(/^import (?!type )[^;]*? from "(@pulumi\/[^"]+)"/gm)].map(([, module = ""]) => module);
  });
  return [...new Set(found)].sort();
}

/** Leaves the folder itself: processes of a moment ago may still look for it. */
function forgetIn(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

interface Pair {
  readonly program: number;
  readonly imports: number;
}

function print(what: string, pairs: readonly Pair[]): void {
  const [program, imports] = [median(pairs.map((each) => each.program)), median(pairs.map((each) => each.imports))];
  console.log(
    `  ${what.padEnd(32)} ${seconds(program)}, imports alone ${seconds(imports)}: ${(program / imports).toFixed(2)} (goal: 1.50 at most)`,
  );
}

/** Prints medians of `times` previews, each with one of the imports beside it. */
export async function benchPreview(times: number): Promise<void> {
  const caches = mkdtempSync(join(tmpdir(), "switchyard-caches-"));
  const kept = (whose: string) => {
    mkdirSync(join(caches, whose));
    return { TMPDIR: join(caches, whose), NODE_COMPILE_CACHE: join(caches, whose, "node") };
  };
  const imports = new EmptyProgram(importedModules(), kept("imports"));
  const aws = await AwsStack.start({ environment: kept("program") });
  const pair = async (cold: boolean): Promise<Pair> => {
    if (cold) for (const whose of ["imports", "program"]) forgetIn(join(caches, whose));
    const started = performance.now();
    await aws.must("production", "preview");
    return { program: performance.now() - started, imports: await imports.preview() };
  };
  const measure = async (what: string): Promise<void> => {
    for (const cold of [true, false]) {
      const pairs: Pair[] = [];
      while (pairs.length < times) pairs.push(await pair(cold));
      print(`${what}, ${cold ? "cold" : "warm"}`, pairs);
    }
  };
  try {
    await imports.create();
    aws.productionAlone();
    await aws.init("production");
    console.log(`preview of production on the stand-in for AWS, medians of ${times}`);
    await measure("nothing deployed yet");
    await aws.must("production", "up", "--yes", "--skip-preview");
    await measure("all deployed");
  } finally {
    imports.dispose();
    await aws.stop();
    rmSync(caches, { recursive: true, force: true });
  }
}
