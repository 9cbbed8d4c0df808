/** A key of stack config: its name, and the names inside its value. The project's namespace is added when it is shown. */
export type Path = readonly string[];

/** Text that shows values of config: hidden as a whole when one of those keys holds a secret. */
export interface Shown {
  readonly text: string;
  /** The top-level keys whose values can be read off the text. */
  readonly reveals: readonly string[];
}

/** One step of a remedy. */
export type Mend =
  | { readonly step: "set"; readonly path: Path; readonly value: string | Shown }
  | { readonly step: "remove"; readonly path: Path }
  | { readonly step: "edit"; readonly what: string };

/** Steps that together mend a problem. */
export type Way = readonly Mend[];

/** One thing that is wrong with a stack's config. */
export interface Problem {
  readonly path: Path;
  /** What goes behind the key, such as a near miss. */
  readonly remark?: string | Shown;
  readonly found: string | Shown;
  readonly allowed: string | Shown;
  /** Any one of these mends it; the first is the likeliest. */
  readonly ways: readonly Way[];
}

/**
 * What an issue says for itself: one inside a free-form value, where the schema has no key, or of a list, which is mended
 * as a whole.
 */
export interface IssueDetails {
  readonly allowed: string;
  readonly ways: (path: Path) => readonly Way[];
  /** May show the value. */
  readonly remark?: string;
}

/** `pulumi config set` for a key. Values taken from config say by `reveals` where they come from. */
export const set = (path: Path, value: string | number, ...reveals: string[]): Mend => ({
  step: "set",
  path,
  value: { text: String(value), reveals },
});

/** `pulumi config rm` for a key. */
export const remove = (path: Path): Mend => ({ step: "remove", path });

/** Text that shows the values of these top-level keys. */
export const shown = (text: string, ...reveals: string[]): Shown => ({ text, reveals });

/** What stands for a key that is missing. */
export const nothing = "nothing: the key is not set";
