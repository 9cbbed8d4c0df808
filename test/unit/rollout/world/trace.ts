import { Database } from "./database";
import type { Build, Field, File } from "./files";

/** What happened to the databases, in order; `verdict` is what the simulated one made of it, undefined where all is well. */
export type Event =
  | { readonly kind: "up" | "down"; readonly file: File; readonly verdict: string | undefined }
  | { readonly kind: "breakOff"; readonly file: File; readonly direction: "up" | "down" }
  /** A release looks for its columns. */
  | { readonly kind: "start"; readonly build: Build; readonly verdict: string | undefined }
  /** A release reads every acknowledged write. */
  | { readonly kind: "read"; readonly build: Build; readonly verdict: string | undefined }
  | { readonly kind: "write"; readonly build: Build }
  | { readonly kind: "forgive"; readonly fields: readonly Field[] }
  | { readonly kind: "restore" }
  | { readonly kind: "catchUp"; readonly database: string };

/** The simulated databases, with a record of everything that was asked of them, to be played again on real ones. */
export class TracedDatabase extends Database {
  readonly events: Event[] = [];

  override missingFor(build: Build): string | undefined {
    const verdict = super.missingFor(build);
    this.events.push({ kind: "start", build, verdict });
    return verdict;
  }

  override unreadableBy(build: Build): string | undefined {
    const verdict = super.unreadableBy(build);
    this.events.push({ kind: "read", build, verdict });
    return verdict;
  }

  override write(build: Build): void {
    this.events.push({ kind: "write", build });
    super.write(build);
  }

  override up(file: File): void {
    let verdict: string | undefined;
    try {
      super.up(file);
    } catch (error) {
      verdict = String(error);
      throw error;
    } finally {
      this.events.push({ kind: "up", file, verdict });
    }
  }

  override down(file: File): Field | undefined {
    const destroyed = super.down(file);
    const verdict = destroyed === undefined ? undefined : `field ${destroyed} is lost`;
    this.events.push({ kind: "down", file, verdict });
    return destroyed;
  }

  override breakOff(file: File, direction: "up" | "down"): void {
    this.events.push({ kind: "breakOff", file, direction });
  }

  override forgive(fields: readonly Field[]): void {
    if (fields.length > 0) this.events.push({ kind: "forgive", fields });
    super.forgive(fields);
  }

  override restore(): void {
    this.events.push({ kind: "restore" });
    super.restore();
  }

  override catchUp(database: string): void {
    this.events.push({ kind: "catchUp", database });
    super.catchUp(database);
  }
}

/**
 * The same events without what repeats itself: a world looks at itself after every action, also where the databases and
 * what runs on them stayed as they were. Two rounds are kept, so that each release reads what the others wrote.
 */
export function withoutRepeats(events: readonly Event[]): Event[] {
  const rounds = roundsOf(events);
  const sameAs = (a: readonly Event[], b: readonly Event[] | undefined): boolean =>
    b !== undefined && a.length === b.length && a.every((event, at) => isSameLook(event, b[at]));
  return rounds.filter((round, at) => !sameAs(round, rounds[at - 1]) || !sameAs(round, rounds[at - 2])).flat();
}

/** A round is one look at everything that serves: it ends with the last write before something else. */
function roundsOf(events: readonly Event[]): Event[][] {
  const rounds: Event[][] = [];
  let before: Event | undefined;
  for (const event of events) {
    const goesOn = before !== undefined && isLook(event) && isLook(before) && !(before.kind === "write" && event.kind !== "write"); // prettier-ignore
    if (goesOn) rounds.at(-1)?.push(event);
    else rounds.push([event]);
    before = event;
  }
  return rounds;
}

const isLook = ({ kind }: Event): boolean => kind === "start" || kind === "read" || kind === "write";

const isSameLook = (a: Event, b: Event | undefined): boolean =>
  isLook(a) && a.kind === b?.kind && "build" in a && "build" in b && a.build === b.build;
