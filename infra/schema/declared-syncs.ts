import type { Node } from "libpg-query";
import type { Sync } from "./directive-kinds";
import { endedBy, endsSync } from "./sync-ends";
import type { Migration, Section } from "./types";

/** The syncs that files declare, and the migration whose up ended each: what the runner's record of them will say. */
export class DeclaredSyncs {
  private readonly known: { readonly sync: Sync; endedIn?: string }[] = [];

  add(sync: Sync): void {
    this.known.push({ sync });
  }

  /** Takes in a statement of the up of the migration `version`. */
  apply(node: Node, version: string): void {
    for (const one of this.known) if (one.endedIn === undefined && endsSync(node, one.sync)) one.endedIn = version;
  }

  /**
   * Those whose triggers are on while the backfills of a section run: an up installs its own, and has ended those that its
   * file takes a shape from before its first statement; a down has ended its own, and brings back those that its up ended.
   */
  during(section: Section, { version, syncs }: Pick<Migration, "version" | "syncs">): Sync[] {
    return this.known
      .filter(({ sync, endedIn }) => {
        const own = syncs.includes(sync);
        if (section.direction === "down") return !own && (endedIn === undefined || endedIn === version);
        return endedIn === undefined && (own || endedBy(section, sync) === undefined);
      })
      .map(({ sync }) => sync);
  }
}
