import { compareVersions } from "../config/version";
/** What retention needs to know of a backup. */
export interface StoredBackup {
  readonly id: string;
  /** Unix time in ms. */
  readonly takenAt: number;
  /** Read back and decoded since it was stored, at least once. */
  readonly verified: boolean;
  /** Migrations that it has applied. */
  readonly applied: readonly string[];
  /** Lossy contracts that were taken back before it was taken. */
  readonly scars: readonly string[];
}

export interface Keep {
  /** How many of the newest verified ones are kept, 1 or more. */
  readonly last: number;
  /** Days for which every one is kept, 0 or more. */
  readonly days: number;
}

const dayMs = 86_400_000;

/**
 * The backups that may go: none of the newest verified ones, none that is young, and none that a point of no return needs.
 * Only verified ones count towards `last`: any number that nobody could restore must not push out one that somebody can.
 * @param lossy versions of lossy contracts that are applied, or were and whose data is gone: of each, the newest verified
 *   backup that still has that data is the only way back to it.
 * @param now Unix time in ms
 */
export function expired(
  backups: readonly StoredBackup[],
  { last, days }: Keep,
  lossy: readonly string[],
  now: number,
): StoredBackup[] {
  const newestFirst = [...backups].sort((a, b) => b.takenAt - a.takenAt);
  const verified = newestFirst.filter((each) => each.verified);
  const newest = verified[0];
  // Nothing is known to restore: then whatever there is may be all there is.
  if (newest === undefined) return [];
  const kept = new Set(verified.slice(0, Math.max(1, last)));
  for (const version of lossy) {
    const way = verified.find((each) => !holds([...each.applied, ...each.scars], version));
    if (way !== undefined) kept.add(way);
  }
  return newestFirst.filter(
    (each) => !kept.has(each) && each.takenAt < newest.takenAt && each.takenAt < now - days * dayMs,
  );
}

const holds = (versions: readonly string[], version: string): boolean =>
  versions.some((each) => compareVersions(each, version) === 0);
