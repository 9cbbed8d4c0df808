/** Something that is not as it was declared. */
export interface Finding {
  /** Such as "table public.pages". */
  object: string;
  found: string;
  expected: string;
  /**
   * The SQL that mends it, run in the database by its administrator (or by a superuser, where it takes something from a
   * role that the administrator has no ADMIN option on).
   */
  mend: string;
  /** Set when it takes more than SQL: `mend` is then what to run instead. */
  bySql?: false;
}

/** One line a finding. */
export const describe = ({ object, found, expected, mend }: Finding): string =>
  `${object}: found ${found}, expected ${expected}; mend it with: ${mend}`;

/** "a, b and c"; "nothing" for none. */
export function list(words: readonly string[]): string {
  const last = words.at(-1);
  if (last === undefined) return "nothing";
  return words.length === 1 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
