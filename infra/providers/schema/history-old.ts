import type { Migration as Summary } from "../../rollout/types";
import { parseMigration, summarise, type Phase } from "../../schema";
import type { Directives } from "./run";

/** Rows of the first version of the history say nothing of these; it ran no migration that had any. */
export const noDirectives: Directives = { impact: "low", syncs: [], verify: [] };

interface OldRow {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly checksum: string;
  readonly up: string;
  readonly down: string;
}

/** What the rules are told of a migration whose row has no summary: judged from what is recorded of its statements. */
export function assumedSummary({ version, name, phase, checksum, up, down }: OldRow): Summary {
  const summary = { version, name, phase, checksum };
  try {
    const migration = parseMigration(`${version}_${name}.sql`, `-- switchyard: phase=${phase}\n${up}\n${down}\n`);
    const { lossy, hasDown } = summarise(migration, [migration]);
    return { ...summary, lossy, hasDown };
  } catch {
    // Today's rules may refuse what an older version accepted. Whoever doesn't know takes the worst.
    return { ...summary, lossy: { up: phase === "contract", down: phase === "expand" }, hasDown: true };
  }
}
