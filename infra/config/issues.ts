import { z } from "zod";
import { valueAt } from "./draft";
import { childrenOf, infoOf, schemaAt, unwrap } from "./key";
import { exampleFor } from "./example";
import { nearest } from "./nearest";
import { nothing, remove, set, shown, type IssueDetails, type Path, type Problem, type Way } from "./problem";
import { outline } from "./quote";
import { schema } from "./schema";
import { unknownKey } from "./unknown-key";

/** What zod has to say about a tree of raw values, as problems: one a key, whatever the number of issues. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], tree: unknown): Problem[] {
  const byKey = new Map<string, Problem>();
  for (const problem of issues.flatMap((issue) => describe(issue, tree))) {
    const key = JSON.stringify(problem.path);
    if (!byKey.has(key)) byKey.set(key, problem);
  }
  return [...byKey.values()];
}

function describe(issue: z.core.$ZodIssue, tree: unknown): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") return issue.keys.map((name) => unknownKey([...path, name], tree));
  const found = valueAt(tree, path);
  const top = path[0] ?? "";
  const details = issue.code === "custom" ? (issue.params?.details as IssueDetails | undefined) : undefined;
  if (details !== undefined) {
    const { allowed, ways, remark } = details;
    const note = remark === undefined ? {} : { remark: shown(remark, top) };
    return [{ path, ...note, found: shown(outline(found), top), allowed, ways: ways(path) }];
  }
  const key = schemaAt(schema, path);
  // Only details reach below the schema: anything else there is a mistake of ours, and no user's.
  if (key === undefined) throw new Error(`the config schema complains about a key that it does not know`);
  if (found === undefined) return [missing(path, key)];
  return [childrenOf(key) === undefined ? wrongValue(path, key, found) : notAnObject(path, key, found)];
}

function missing(path: Path, key: z.core.$ZodType): Problem {
  return { path, found: nothing, allowed: `required; ${infoOf(key).allowed}`, ways: [setByExample(path, key)] };
}

function wrongValue(path: Path, key: z.core.$ZodType, found: unknown): Problem {
  const top = path[0] ?? "";
  const { core } = unwrap(key);
  const meant =
    core instanceof z.ZodEnum && typeof found === "string" ? nearest(found, core.options.map(String)) : undefined;
  return {
    path,
    ...(meant === undefined ? {} : { remark: shown(`did you mean ${meant}?`, top) }),
    found: shown(outline(found), top),
    allowed: infoOf(key).allowed,
    ways: [meant === undefined ? setByExample(path, key) : [set(path, meant, top)]],
  };
}

function notAnObject(path: Path, key: z.core.$ZodType, found: unknown): Problem {
  const top = path[0] ?? "";
  const broken = typeof found === "string" && /^\s*[{[]/.test(found);
  const required = Object.entries(childrenOf(key) ?? {}).filter(([, child]) => unwrap(child).required);
  const refill = required.flatMap(([name, child]) => setByExample([...path, name], child));
  return {
    path,
    found: shown(broken ? `${outline(found)}, which can't be read as JSON` : outline(found), top),
    allowed: infoOf(key).allowed,
    ways: [[remove(path), ...refill]],
  };
}

/** The commands that give a key its example; a key that has none is taken out, so that its default holds. */
function setByExample(path: Path, key: z.core.$ZodType): Way {
  const example = exampleFor(path, key);
  return example.length === 0 ? [remove(path)] : example;
}
