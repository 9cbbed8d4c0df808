import { z } from "zod";
import { complete, type Config } from "./config";
import { factsOf } from "./draft";
import { problemsOf } from "./issues";
import { childrenOf, schemaAt } from "./key";
import { ConfigError, type Source } from "./message";
import type { Path, Problem } from "./problem";
import { readTree } from "./read";
import { rules, schema } from "./schema";

/**
 * Parses and checks a stack's config.
 * @param raw full keys ("switchyard:greenWeight") and their values as text, structured ones as JSON: what
 *   `pulumi.runtime.allConfig()` returns. Keys outside the project's namespace ("aws:region") are not looked at.
 * @param source names stack and project, for the keys and commands in messages.
 * @param secretKeys full keys whose values no message may show.
 * @throws ConfigError that lists every problem at once.
 */
export function loadConfig(
  raw: Readonly<Record<string, string>>,
  source: Source,
  secretKeys: Iterable<string> = [],
): Config {
  const prefix = `${source.project}:`;
  const isOwn = (key: string): boolean => key.startsWith(prefix);
  const nameOf = (key: string): string => key.slice(prefix.length);
  const own = new Map(
    Object.entries(raw)
      .filter(([key]) => isOwn(key))
      .map(([key, text]) => [nameOf(key), text]),
  );
  const secret = new Set([...secretKeys].filter(isOwn).map(nameOf));

  const tree = readTree(own);
  const parsed = schema.safeParse(tree);
  const facts = factsOf(schema, tree);
  const problems = arrange(
    problemsOf(parsed.error?.issues ?? [], tree),
    rules.flatMap((rule) => rule(facts)),
  );
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems, { ...source, secret });
  return complete(parsed.data, [...secret]);
}

/**
 * One list, in the order in which the commands can be followed: sections that are missing or wrong as a whole before the
 * keys in them. What a rule says of a key stands alone: one that may not be there at all need not be well-formed, and what
 * is in it even less.
 */
function arrange(ofKeys: readonly Problem[], ofRules: readonly Problem[]): Problem[] {
  const told = new Set(ofRules.map(({ path }) => JSON.stringify(path)));
  const isTold = (path: Path): boolean => path.some((_, at) => told.has(JSON.stringify(path.slice(0, at + 1))));
  const all = [...ofKeys.filter(({ path }) => !isTold(path)), ...ofRules];
  const isSection = ({ path }: Problem): boolean => childrenOf(schemaAt(schema, path) ?? z.never()) !== undefined;
  return [...all.filter(isSection), ...all.filter((problem) => !isSection(problem))];
}
