import { compareVersions, versionKey } from "./names";
import type { Migration, Release, SchemaStep, State } from "./types";

/** Does this step enlarge what releases can run, or reduce it? */
export function effectOf({ migration, direction }: SchemaStep): "widen" | "narrow" {
  return (migration.phase === "expand") === (direction === "up") ? "widen" : "narrow";
}

/** Can the release not serve once this contract is applied? */
export function isBrokenBy(release: Release, contract: Migration): boolean {
  return contract.phase === "contract" && compareVersions(release.schema, contract.breaksBelow ?? contract.version) < 0;
}

/** Can the release not serve after this step? Steps that widen break nothing. */
export function stepBreaks(step: SchemaStep, release: Release): boolean {
  if (effectOf(step) === "widen") return false;
  return step.direction === "up"
    ? isBrokenBy(release, step.migration)
    : compareVersions(release.schema, step.migration.version) >= 0;
}

/**
 * The first expand that the release needs and the schema surely holds not, by version; the release's own `schema` when
 * no migration of that version is known.
 */
export function firstMissing(release: Release, state: State, known: readonly Migration[]): string | undefined {
  const applied = new Set(state.applied.map(({ version }) => versionKey(version)));
  const upTo = known.filter(({ version }) => compareVersions(version, release.schema) <= 0);
  const missing = upTo
    .filter(({ version, phase }) => phase === "expand" && !applied.has(versionKey(version)))
    .sort((a, b) => compareVersions(a.version, b.version))[0];
  if (missing !== undefined) return missing.version;
  const isKnown =
    versionKey(release.schema) === "0" || upTo.some(({ version }) => compareVersions(version, release.schema) === 0);
  return isKnown ? undefined : release.schema;
}

/** The contracts that may be applied and past which the release can't serve. */
export function pointsOfNoReturn(release: Release, state: State): Migration[] {
  const maybe = state.half === null ? state.applied : [...state.applied, state.half];
  return maybe.filter((migration) => isBrokenBy(release, migration));
}
