import type { Node, RangeVar } from "libpg-query";

/** Names of all node types of PostgreSQL's parse tree. */
export type Tag = Node extends infer N ? (N extends unknown ? keyof N : never) : never;
/** The node type of that name. */
export type NodeOf<T extends Tag> = Extract<Node, Record<T, unknown>> extends Record<T, infer V> ? V : never;

/** The node's content where it is of that type. */
export function as<T extends Tag>(node: Node | undefined, tag: T): NodeOf<T> | undefined {
  return node !== undefined && tag in node ? (node as Record<T, NodeOf<T>>)[tag] : undefined;
}

/** Those nodes of a list that are of that type. */
export function all<T extends Tag>(nodes: readonly Node[] | undefined, tag: T): NodeOf<T>[] {
  const found: NodeOf<T>[] = [];
  for (const node of nodes ?? []) {
    const content = as(node, tag);
    if (content !== undefined) found.push(content);
  }
  return found;
}

/** The name of the node's type. */
export function tagOf(node: Node): Tag {
  return Object.keys(node)[0] as Tag;
}

/** The strings of a list such as a qualified name. */
export function strings(nodes: readonly Node[] | undefined): string[] {
  return all(nodes, "String").map((part) => part.sval ?? "");
}

/** `schema.name`, leaving out the schemas that everybody means: `public` and `pg_catalog`. */
export function dotted(parts: readonly string[]): string {
  const [schema] = parts;
  return (parts.length > 1 && (schema === "public" || schema === "pg_catalog") ? parts.slice(1) : parts).join(".");
}

export function tableOf(relation: RangeVar | undefined): string {
  const parts = [relation?.schemaname, relation?.relname].filter((part) => part !== undefined);
  return dotted(parts);
}

/** The name of an object in a DROP, COMMENT or the like, whichever form the grammar gives it. */
export function objectName(node: Node | undefined): string {
  const list = as(node, "List");
  if (list !== undefined) return dotted(strings(list.items));
  const withArguments = as(node, "ObjectWithArgs");
  if (withArguments !== undefined) return dotted(strings(withArguments.objname));
  const type = as(node, "TypeName");
  if (type !== undefined) return dotted(strings(type.names));
  return as(node, "String")?.sval ?? tableOf(as(node, "RangeVar"));
}

/** Calls `visit` for every node below `value`, itself included; stops descending where it returns false. */
export function walk(value: unknown, visit: (tag: Tag, node: object) => unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (typeof child !== "object" || child === null) continue;
    if (isNode(key, child as object) && visit(key as Tag, child as object) === false) continue;
    walk(child, visit);
  }
}

/** Node types begin with a capital, fields with a small letter. */
const isNode = (key: string, child: object): boolean => key.charCodeAt(0) < 97 && !Array.isArray(child);

/** What a tree holds, in its order. */
interface Contents {
  readonly nodes: Map<string, object[]>;
  readonly relations: RangeVar[];
}

/** Of each tree that was asked for: a dozen rules ask each statement, and one walk answers all of them. */
const known = new WeakMap<object, Contents>();

function contentsOf(tree: object): Contents {
  const before = known.get(tree);
  if (before !== undefined) return before;
  const contents: Contents = { nodes: new Map(), relations: [] };
  gather(tree, contents);
  known.set(tree, contents);
  return contents;
}

function gather(value: object, contents: Contents): void {
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object" && item !== null) gather(item as object, contents);
    return;
  }
  if (typeof (value as RangeVar).relname === "string") contents.relations.push(value);
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    if (typeof child !== "object" || child === null) continue;
    if (isNode(key, child)) {
      const alike = contents.nodes.get(key);
      if (alike === undefined) contents.nodes.set(key, [child]);
      else alike.push(child);
    }
    gather(child, contents);
  }
}

/** The content of a node that is given with its type around it; the node and its content are asked by turns. */
function unwrap(value: object): { tag?: string; content: object } {
  if (Array.isArray(value)) return { content: value };
  const [tag = "", ...others] = Object.keys(value);
  const content = (value as Record<string, unknown>)[tag];
  const wrapped = others.length === 0 && typeof content === "object" && content !== null && isNode(tag, content);
  return wrapped ? { tag, content } : { content: value };
}

/** All nodes of a type below `value`, in the order of the tree. */
export function find<T extends Tag>(value: unknown, tag: T): readonly NodeOf<T>[] {
  if (typeof value !== "object" || value === null) return [];
  const { tag: own, content } = unwrap(value);
  const below = (contentsOf(content).nodes.get(tag) ?? []) as NodeOf<T>[];
  return own === tag ? [content as NodeOf<T>, ...below] : below;
}

/** All functions called below `value`, as written but for `pg_catalog`, in small letters, each with its node. */
export function calls(value: unknown): { name: string; call: NodeOf<"FuncCall"> }[] {
  return find(value, "FuncCall").map((call) => ({ name: dotted(strings(call.funcname)), call }));
}

/** All columns named below `value`, without their table. */
export function columnsIn(value: unknown): string[] {
  return find(value, "ColumnRef").flatMap((ref) => strings(ref.fields).at(-1) ?? []);
}

/** Whether an option such as CONCURRENTLY or FULL is on in a list of DefElems. */
export function hasOption(options: readonly Node[] | undefined, name: string): boolean {
  return all(options, "DefElem").some((option) => {
    if (option.defname !== name) return false;
    const value = as(option.arg, "String")?.sval ?? "true";
    return !["false", "off", "0"].includes(value) && as(option.arg, "Integer")?.ival !== 0;
  });
}

/** All relations named below `value`, in whichever field, without those that a WITH clause defines. */
export function relationsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const defined = find(value, "CommonTableExpr").map((cte) => cte.ctename);
  const named = contentsOf(unwrap(value).content).relations.filter(
    ({ schemaname, relname }) => !(schemaname === undefined && defined.includes(relname)),
  );
  return [...new Set(named.map(tableOf))];
}
