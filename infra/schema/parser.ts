import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { constants, createContext, runInContext } from "node:vm";
import type { RawStmt } from "libpg-query";

/** The parser's word on a text: statements with byte offsets, or the first syntax error with a code point offset. */
export type ParseOutcome =
  | { readonly ok: true; readonly statements: readonly RawStmt[] }
  | { readonly ok: false; readonly message: string; readonly codePoint: number };

type PgQuery = Pick<typeof import("libpg-query"), "parseSync" | "hasSqlDetails">;

/** Compiles and links wasm bytes at once; run inside the parser's context, which has WebAssembly of its own. */
const INSTANTIATE =
  "(wasm) => (imports, done) => done(new WebAssembly.Instance(new WebAssembly.Module(wasm), imports))";

let loaded: PgQuery | undefined;
let loadTime = 0;

/**
 * Parses SQL with PostgreSQL 18's own grammar (libpg-query), synchronously.
 *
 * @throws Error only where libpg-query itself is missing or broken, never for bad SQL.
 */
export function parseSql(sql: string): ParseOutcome {
  if (sql.trim() === "") return { ok: true, statements: [] };
  const { parseSync, hasSqlDetails } = loadParser();
  try {
    return { ok: true, statements: parseSync(sql).stmts ?? [] };
  } catch (error) {
    if (hasSqlDetails(error)) {
      return { ok: false, message: error.message, codePoint: error.sqlDetails?.cursorPosition ?? 0 };
    }
    // The wasm stack ran out: as the server's own "stack depth limit exceeded", it says something about the SQL.
    if (error instanceof RangeError || (error as Error).name === "RangeError") {
      return { ok: false, message: "the statement is nested too deeply for the parser", codePoint: 0 };
    }
    throw error;
  }
}

/** Milliseconds that loading the parser took in this process; 0 before its first use. */
export function parserLoadTime(): number {
  return loadTime;
}

/**
 * libpg-query gets ready over promises only, but a Pulumi program in CommonJS can't await at its top level. So the
 * package runs in a context whose promises settle before `runInContext` returns (`microtaskMode`), with the wasm
 * compiled synchronously. Nothing of the package is changed; its own `parseSync` comes back.
 */
function loadParser(): PgQuery {
  if (loaded !== undefined) return loaded;
  const started = performance.now();
  const require = createRequire(__filename);
  const main = require.resolve("libpg-query");
  const folder = dirname(main);
  const fromPackage = createRequire(main);
  const wasm = readFileSync(join(folder, "libpg-query.wasm"));
  const context = createContext(constants.DONT_CONTEXTIFY, { microtaskMode: "afterEvaluate" });
  Object.assign(context, { process, console, performance, TextDecoder, setTimeout, clearTimeout });
  Object.assign(context, { JSON, Error, RangeError, TypeError });
  const evaluate = (file: string, requireFrom: (id: string) => unknown): unknown => {
    const module = { exports: {} as unknown };
    const body = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, "utf8")}\n})`;
    const wrapper = runInContext(body, context, { filename: file }) as (...args: unknown[]) => void;
    wrapper(module.exports, requireFrom, module, file, folder);
    return module.exports;
  };
  const engine = evaluate(join(folder, "libpg-query.js"), fromPackage) as (options: object) => Promise<unknown>;
  const link = runInContext(INSTANTIATE, context) as (wasm: Buffer) => unknown;
  const ready = (): Promise<unknown> => engine({ instantiateWasm: link(wasm) });
  context["load"] = () =>
    evaluate(main, (id) => (id === "./libpg-query.js" ? { __esModule: true, default: ready } : fromPackage(id)));
  loaded = runInContext("load()", context) as PgQuery;
  loadTime = performance.now() - started;
  return loaded;
}
