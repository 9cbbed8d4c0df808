/**
 * How long a preview of production takes on platform aws, on the stand-in for AWS, against the preview of a program that
 * imports the same SDKs and declares nothing: in one run, so that both have the same machine to share. A third program declares
 * as many resources as production has, and runs nothing of this project: what the engine, the SDK and the plugin take for
 * them. Cold is without what Node.js and tsx keep of compiled files between runs, as on a fresh runner.
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

/** How long each of the programs took, in ms. */
interface Round {
  readonly program: number;
  readonly imports: number;
  readonly plain: number;
}

function print(what: string, rounds: readonly Round[]): void {
  const of = (whose: keyof Round): number => median(rounds.map((each) => each[whose]));
  const [program, imports, plain] = [of("program"), of("imports"), of("plain")];
  console.log(
    `  ${what.padEnd(32)} ${seconds(program)}, imports alone ${seconds(imports)}: ${(program / imports).toFixed(2)} (goal: 1.50 at most); ` +
      `as many plain resources ${seconds(plain)}: ${(program / plain).toFixed(2)}`,
  );
}

/** How many resources a preview says there are, or will be. */
function countOf(preview: string): number {
  const [, list = ""] = /^Resources:\n((?: +.*\n)+)/m.exec(preview) ?? [];
  const count = [...list.matchAll(/(\d+) (?:to create|unchanged)/g)].reduce((sum, [, each]) => sum + Number(each), 0);
  if (count === 0) throw new Error(`the preview of production names no resources:\n${preview}`);
  return count;
}

/** Prints medians of `times` previews, each with one of the imports and one of plain resources beside it. */
export async function benchPreview(times: number): Promise<void> {
  const caches = mkdtempSync(join(tmpdir(), "switchyard-caches-"));
  const kept = (whose: string) => {
    mkdirSync(join(caches, whose));
    return { TMPDIR: join(caches, whose), NODE_COMPILE_CACHE: join(caches, whose, "node") };
  };
  const imports = new EmptyProgram(importedModules(), kept("imports"));
  const aws = await AwsStack.start({ environment: kept("program") });
  let plain: EmptyProgram | undefined;
  const round = async (other: EmptyProgram, cold: boolean): Promise<Round> => {
    if (cold) for (const whose of ["imports", "program", "plain"]) forgetIn(join(caches, whose));
    const started = performance.now();
    await aws.must("production", "preview");
    return { program: performance.now() - started, imports: await imports.preview(), plain: await other.preview() };
  };
  const measure = async (what: string, other: EmptyProgram): Promise<void> => {
    for (const cold of [true, false]) {
      const rounds: Round[] = [];
      while (rounds.length < times) rounds.push(await round(other, cold));
      print(`${what}, ${cold ? "cold" : "warm"}`, rounds);
    }
  };
  try {
    await imports.create();
    aws.productionAlone();
    await aws.init("production");
    const count = countOf(await aws.must("production", "preview"));
    plain = new EmptyProgram(importedModules(), { ...aws.environment, ...kept("plain") }, count);
    await plain.create();
    console.log(`preview of production on the stand-in for AWS, ${count} resources, medians of ${times}`);
    await measure("nothing deployed yet", plain);
    await aws.must("production", "up", "--yes", "--skip-preview");
    await plain.up();
    await measure("all deployed", plain);
  } finally {
    imports.dispose();
    plain?.dispose();
    await aws.stop();
    rmSync(caches, { recursive: true, force: true });
  }
}
