import { treeOf } from "./statement";
import { as, relationsIn, tableOf } from "./tree";
import type { Migration, Statement } from "./types";

/** Stands for things that the files don't tell. */
const ANYTHING = "*";

/** Tells whether two sets of statements name a thing in common, so that their order matters. */
export class Touches {
  /** An index or view, and what it is made over. */
  private readonly over = new Map<string, readonly string[]>();
  private readonly cache = new WeakMap<readonly Statement[], ReadonlySet<string>>();

  /** @param files where indexes and views are made, so that dropping one is known to touch its tables */
  constructor(files: readonly Migration[]) {
    for (const statement of files.flatMap((file) => file.up.statements)) {
      if (!statement.kind.includes("INDEX") && !statement.kind.includes("VIEW")) continue;
      const { node } = treeOf(statement);
      const index = as(node, "IndexStmt");
      if (index?.idxname !== undefined) this.over.set(`index ${index.idxname}`, [tableOf(index.relation)]);
      const view = as(node, "ViewStmt");
      if (view !== undefined) this.over.set(tableOf(view.view), relationsIn(view.query));
      const materialised = as(node, "CreateTableAsStmt");
      if (materialised !== undefined) this.over.set(tableOf(materialised.into?.rel), relationsIn(materialised.query));
    }
  }

  /** Whether their order matters; when in doubt, it does. */
  meet(a: readonly Statement[], b: readonly Statement[]): boolean {
    const left = this.names(a);
    const right = this.names(b);
    if (left.size === 0 || right.size === 0) return false;
    if (left.has(ANYTHING) || right.has(ANYTHING)) return true;
    return [...left].some((name) => right.has(name));
  }

  private names(statements: readonly Statement[]): ReadonlySet<string> {
    const cached = this.cache.get(statements);
    if (cached !== undefined) return cached;
    const found = new Set<string>();
    const add = (name: string): void => {
      if (found.has(name)) return;
      found.add(name);
      const [schema, table] = name.split(".");
      if (table !== undefined && !name.includes(" ")) found.add(`schema ${schema ?? ""}`);
      const below = this.over.get(name);
      if (below !== undefined) below.forEach(add);
      else if (name.startsWith("index ")) found.add(ANYTHING);
    };
    for (const statement of statements) {
      statement.tables.forEach(add);
      // A new index is its table's; which one is known from the statement itself.
      for (const name of statement.objects) {
        if (name.startsWith("index ") && statement.tables.length > 0) found.add(name);
        else add(name);
      }
    }
    this.cache.set(statements, found);
    return found;
  }
}
