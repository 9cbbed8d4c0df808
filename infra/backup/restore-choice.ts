import { keptAs, restoredFrom, type Kept } from "./restore";

/** A database as its server knows it. */
export interface KnownDatabase {
  readonly name: string;
  /** Null where it has none. */
  readonly comment: string | null;
}

/** A database that was replaced, with what its mark says. */
export interface KeptDatabase extends KnownDatabase {
  readonly kept: Kept;
}

/** What config asks for. */
export interface Wanted {
  /** Id of the backup that is to serve; undefined where none is asked for. */
  readonly from: string | undefined;
  /**
   * Name of the kept database that is to be dropped, with those that were kept before it; undefined where none is. Config
   * that still says it later means that one, and not what another restore has replaced since.
   */
  readonly retire: string | undefined;
}

/** What is to be done so that the server is as config says. */
export type Choice =
  /** `latest`: what is kept since the last exchange. */
  | { readonly do: "nothing"; readonly latest: KeptDatabase | undefined }
  | { readonly do: "restore" }
  /** `origin`: id of the backup that serves now. */
  | { readonly do: "back"; readonly to: KeptDatabase; readonly origin: string }
  | { readonly do: "retire"; readonly kept: readonly KeptDatabase[] }
  /** What is asked for does not serve yet, so that nobody can have seen that all is well. */
  | { readonly do: "refuse" };

/** Those of `all` that were replaced while they served as `database`, the last of them at the end. */
export const keptOf = (database: string, all: readonly KnownDatabase[]): KeptDatabase[] =>
  all
    .flatMap((each) => {
      const kept = keptAs(each.comment);
      return kept?.database === database ? [{ ...each, kept }] : [];
    })
    .sort((a, b) => (a.kept.at < b.kept.at ? -1 : 1));

/**
 * From what the server says, so that it is the same after a kill anywhere. Going back is to what the last exchange has kept,
 * and only where that was a restore: config that says again what it said before is never a reason for a second one.
 * @param serves the database that serves
 */
export function choose({ from, retire }: Wanted, serves: KnownDatabase, kept: readonly KeptDatabase[]): Choice {
  const origin = restoredFrom(serves.comment);
  const latest = kept.at(-1);
  // The last restore has replaced it, and it held something.
  const isWay = latest !== undefined && origin !== undefined && latest.kept.by === origin && latest.kept.backup !== "";
  // Each is the way back from the one after it, and of no use once that is gone.
  const dropped = kept.slice(0, kept.findIndex(({ name }) => name === retire) + 1);
  if (dropped.length > 0) {
    const isServed = from === undefined ? dropped.length === kept.length || !isWay : from === origin;
    return isServed ? { do: "retire", kept: dropped } : { do: "refuse" };
  }
  if (from !== undefined && from === origin) return { do: "nothing", latest };
  if (isWay && (from === undefined || from === restoredFrom(latest.kept.comment)))
    return { do: "back", to: latest, origin };
  return from === undefined ? { do: "nothing", latest } : { do: "restore" };
}
