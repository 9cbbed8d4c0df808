/**
 * What a database's own schemas hold, as plain data: two catalogues are alike exactly when their JSON is. A key is what a
 * person calls the object: "table pages", "column pages.title", "index pages_slug_idx"; the schema `public` is left out.
 * Keys, and the facts of each entry, are in the order of their characters.
 */
export type Catalogue = Readonly<Record<string, CatalogueEntry>>;

export interface CatalogueEntry {
  /** The key of what it belongs to and goes with: the table of a column. */
  readonly of?: string;
  /** Such as `definition`, `default`, `owner`, `grants`. One that PostgreSQL has at its usual value is left out. */
  readonly facts: Readonly<Record<string, string>>;
}

/** One way in which two catalogues differ. */
export interface CatalogueDifference {
  /** The key of the entry. */
  readonly object: string;
  /** The fact that differs; left out where the whole object is on one side only. */
  readonly fact?: string;
  /** What it was; left out where there was nothing. */
  readonly before?: string;
  readonly after?: string;
  /** How many columns, constraints and the like come or go with it; they have no difference of their own. */
  readonly parts?: number;
}

/** Every difference, in the order of the objects' keys; none where the catalogues are alike. */
export function compareCatalogues(before: Catalogue, after: Catalogue): CatalogueDifference[] {
  const objects = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return objects.flatMap((object) => {
    const [old, now] = [entryOf(before, object), entryOf(after, object)];
    if (old !== undefined && now !== undefined) return changedFacts(object, old.facts, now.facts);
    const [there, all, others] = old === undefined ? [now, after, before] : [old, before, after];
    if (there === undefined || comesWithAnother(there, all, others)) return [];
    const parts = partsOf(object, all);
    const whole = { object, ...(parts === 0 ? {} : { parts }) };
    return [old === undefined ? { ...whole, after: summary(there) } : { ...whole, before: summary(there) }];
  });
}

/** How the two sides are called in lines. */
export interface Sides {
  /** @default "before" */
  readonly before: string;
  /** @default "after" */
  readonly after: string;
}

/** Longest value in a line, in characters. */
const VALUE_WIDTH = 300;

/**
 * One line for each difference, as a person reads it: "index pages_slug_idx: only before: CREATE INDEX …".
 * @param most how many lines; one more says how many are left out. Default 40.
 */
export function formatDifferences(
  differences: readonly CatalogueDifference[],
  sides: Sides = { before: "before", after: "after" },
  most = 40,
): string[] {
  const lines = differences.slice(0, most).map((difference) => formatDifference(difference, sides));
  const rest = differences.length - lines.length;
  return rest > 0 ? [...lines, `and ${rest} more`] : lines;
}

function formatDifference({ object, fact, before, after, parts }: CatalogueDifference, sides: Sides): string {
  if (fact === undefined) {
    const side = before === undefined ? sides.after : sides.before;
    const withParts = parts === undefined ? "" : `, with ${parts} ${parts === 1 ? "part" : "parts"} of it`;
    const value = oneLine(before ?? after ?? "");
    return `${object}: only ${side}${withParts}${value === "" ? "" : `: ${value}`}`;
  }
  const [old, now, line] = firstDifferentLine(before, after);
  return `${object}: ${fact}${line}: ${shown(old)} ${sides.before}, ${shown(now)} ${sides.after}`;
}

const shown = (value: string | undefined): string => (value === undefined ? "none" : oneLine(value) || '""');

/** Of two texts of several lines, a function's bodies above all, the first line that differs says most. */
function firstDifferentLine(
  before: string | undefined,
  after: string | undefined,
): [string | undefined, string | undefined, string] {
  if (before === undefined || after === undefined || !`${before}${after}`.includes("\n")) return [before, after, ""];
  const [old, now] = [before.split("\n"), after.split("\n")];
  const at = old.findIndex((line, index) => line !== now[index]);
  const first = at === -1 ? old.length : at;
  return [old[first], now[first], `, line ${first + 1}`];
}

function oneLine(text: string): string {
  const characters = Array.from(text.replace(/\s+/g, " ").trim());
  return characters.length <= VALUE_WIDTH ? characters.join("") : `${characters.slice(0, VALUE_WIDTH - 1).join("")}…`;
}

const entryOf = (catalogue: Catalogue, object: string): CatalogueEntry | undefined =>
  Object.hasOwn(catalogue, object) ? catalogue[object] : undefined;

function changedFacts(
  object: string,
  before: CatalogueEntry["facts"],
  after: CatalogueEntry["facts"],
): CatalogueDifference[] {
  const facts = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return facts
    .filter((fact) => before[fact] !== after[fact])
    .map((fact) => ({
      object,
      fact,
      ...(before[fact] === undefined ? {} : { before: before[fact] }),
      ...(after[fact] === undefined ? {} : { after: after[fact] }),
    }));
}

/** Whether what it belongs to, at any distance, is on its side only: that is the difference to name. */
function comesWithAnother({ of }: CatalogueEntry, all: Catalogue, others: Catalogue): boolean {
  if (of === undefined) return false;
  const owner = entryOf(all, of);
  if (owner === undefined) return false;
  return entryOf(others, of) === undefined || comesWithAnother(owner, all, others);
}

function partsOf(object: string, all: Catalogue): number {
  const children = Object.keys(all).filter((key) => all[key]?.of === object);
  return children.reduce((count, child) => count + 1 + partsOf(child, all), 0);
}

/** What a whole object is, in a few words: its definition, or its facts but for who may do what. */
function summary({ facts }: CatalogueEntry): string {
  if (facts.definition !== undefined) return facts.definition;
  return Object.entries(facts)
    .filter(([fact]) => fact !== "owner" && fact !== "grants")
    .map(([fact, value]) => (fact === "type" ? value : `${fact} ${value}`))
    .join(", ");
}
