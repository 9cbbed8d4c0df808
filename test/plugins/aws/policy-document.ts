import type { Properties } from "../protocol/values";
import { text, textsAt, valuesAt } from "./values";

/** IAM's JSON of a policy, as the official plugin writes it: lists of one are bare, statements of a later source win. */
export function policyDocument(args: Properties): Properties {
  const statements = (args["statements"] as Properties[] | undefined) ?? [];
  const sources = [...textsAt(args, "sourceJson"), ...textsAt(args, "sourcePolicyDocuments")].flatMap(statementsOf);
  const overrides = [...textsAt(args, "overrideJson"), ...textsAt(args, "overridePolicyDocuments")].flatMap(
    statementsOf,
  );
  const merged = [...sources, ...statements.map(asStatement), ...overrides];
  const named = new Map<unknown, Properties>();
  for (const statement of merged) named.set(statement["Sid"] ?? Symbol("unnamed"), statement);
  const document = {
    Version: text(args, "version") || "2012-10-17",
    ...(args["policyId"] !== undefined && { Id: args["policyId"] }),
    Statement: [...named.values()],
  };
  const json = JSON.stringify(document, null, 2);
  return { ...args, id: String(json.length), json, minifiedJson: JSON.stringify(document) };
}

const statementsOf = (json: string): Properties[] =>
  [(JSON.parse(json) as { Statement?: Properties | Properties[] }).Statement ?? []].flat();

const bare = (values: string[]): string | string[] =>
  values.length === 1 ? (values[0] ?? "") : values.toSorted().toReversed();

function asStatement(statement: Properties): Properties {
  const lists = { actions: "Action", notActions: "NotAction", resources: "Resource", notResources: "NotResource" };
  const named: Properties = { ...(statement["sid"] !== undefined && { Sid: statement["sid"] }) };
  named["Effect"] = statement["effect"] ?? "Allow";
  for (const [key, name] of Object.entries(lists))
    if (textsAt(statement, key).length > 0) named[name] = bare(textsAt(statement, key));
  for (const [key, name] of [
    ["principals", "Principal"],
    ["notPrincipals", "NotPrincipal"],
  ] as const)
    if (valuesAt(statement, key).length > 0) named[name] = principalsOf(valuesAt(statement, key) as Properties[]);
  const conditions = valuesAt(statement, "conditions") as Properties[];
  if (conditions.length > 0) named["Condition"] = conditionsOf(conditions);
  return named;
}

function principalsOf(principals: Properties[]): unknown {
  const byType: Record<string, string[]> = {};
  for (const each of principals) (byType[text(each, "type")] ??= []).push(...textsAt(each, "identifiers"));
  if (JSON.stringify(byType) === '{"*":["*"]}') return "*";
  return Object.fromEntries(Object.entries(byType).map(([type, identifiers]) => [type, bare(identifiers)]));
}

function conditionsOf(conditions: Properties[]): Properties {
  const byTest: Record<string, Properties> = {};
  for (const each of conditions)
    (byTest[text(each, "test")] ??= {})[text(each, "variable")] = bare(textsAt(each, "values"));
  return byTest;
}
