import type { Migration as Summary } from "../../rollout/types";
import { parseSection, summarise, type Direction, type Migration } from "../../schema";
import type { HistoryRow } from "./history";
import type { FileRecord, RunStep } from "./run";

/**
 * A migration in one direction, from its file.
 * @param summary what the rules know of it @default judged from this file alone, without those before it
 */
export function stepFromFile(migration: Migration, direction: Direction, summary?: Summary): RunStep {
  const { version, name, phase, impact, syncs, verify } = migration;
  return {
    ...{ version, name, phase, direction, impact, syncs },
    section: migration[direction],
    // They say what holds once it is applied.
    verify: direction === "up" ? verify : [],
    source: "file",
    file: recordOf(migration, summary),
  };
}

/** What goes on record of a file. */
export function recordOf(migration: Migration, summary = summarise(migration, [migration])): FileRecord {
  const { fileName, checksum, up, down, impact, syncs, verify, irreversible } = migration;
  return {
    ...{ fileName, checksum, summary },
    up: up.text,
    down: down.text,
    directives: { impact, syncs, verify, ...(irreversible === undefined ? {} : { irreversible }) },
  };
}

/**
 * The down of a migration as it was recorded when it was applied, whatever its file says now.
 * @throws where it says that there is no way down, or is no SQL that can be read.
 */
export function stepFromRecord(row: HistoryRow, direction: "down"): RunStep {
  const { version, name, phase, directives, down } = row;
  const label = `${version}_${name}`;
  if (directives.irreversible !== undefined)
    throw new Error(
      `there is no way back past ${label}: it says that it is irreversible (${directives.irreversible}). Set migrateTo to ` +
        `${version} or later, or restore a backup taken before it`,
    );
  const section = parseSection(`${label}, recorded down`, down);
  const { impact, syncs } = directives;
  return { version, name, phase, direction, impact, section, syncs, verify: [], source: "recorded" };
}
