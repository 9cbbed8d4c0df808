/**
 * Tags on the production listener that fence a walk: whoever changes weights says there who it is, and stops when it reads
 * somebody else's. Values keep to what AWS allows in a tag: at most 256 letters, digits, spaces and `_ . : / = + - @`.
 */
export const walkTags = {
  /** Id of the walk that owns the weights. */
  walk: "switchyard-walk",
  /** The green weight that the walk began at, and goes back to. */
  from: "switchyard-walk-from",
  /** The green weight that it walks to. */
  to: "switchyard-walk-to",
  /** Which process walks: `<host>/<process id>/<its start, as infra/platform/local/process/identity.ts reads it>`. */
  owner: "switchyard-walk-owner",
  /** When it last looked, as an ISO 8601 time. */
  beat: "switchyard-walk-beat",
  /** Id of a walk that somebody asked to end; the walk then puts back the weights that it began at. */
  abort: "switchyard-abort",
} as const;
