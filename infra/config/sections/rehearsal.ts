import { section } from "../key";
import { flag, oneOf, text, type MigrationVersion } from "../kinds";
import { migrationVersions } from "../lists";

declare const kind: unique symbol;
/** Path of a dump in pg_dump's custom format, absolute or relative to the project. */
export type DumpFile = string & { readonly [kind]: "dump file" };
/** A stack as a StackReference names it: organization/project/stack. */
export type StackName = string & { readonly [kind]: "stack name" };

/** Whether and how migrations are tried on a scratch copy before they run (docs/rehearsal.md). */
export interface RehearsalSettings {
  /** Default: {@link rehearsalEnabled} says. */
  readonly enabled?: boolean | undefined;
  /** The dump that the scratch copy is restored from. Default: none, and the copy has the structure alone. */
  readonly from?: DumpFile | undefined;
  /** What a database does that is not as its recorded migrations made it. Default: "warn". */
  readonly drift: "warn" | "refuse";
  /** The stack whose rehearsals on restored data this one asks for. Default: none, and none are asked for. */
  readonly requiredFrom?: StackName | undefined;
  /** Migrations that may run here without such a rehearsal. Default: none. */
  readonly acceptUnrehearsed: readonly MigrationVersion[];
}

/** On staging unless config says otherwise: there a copy of the data is at hand, and nobody waits for the `up`. */
export const rehearsalEnabled = ({ enabled }: RehearsalSettings, stack: string): boolean =>
  enabled ?? stack === "staging";

export const rehearsalKeys = {
  rehearsal: section(
    {
      enabled: flag({
        meaning: "Is each pending migration first run up, down and up on a scratch copy?",
        example: "true",
        unset: "true on a stack named staging, else false",
      }).optional(),
      from: text<DumpFile>(
        // eslint-disable-next-line no-control-regex -- a path with control characters is a mistake at best
        /^(?!-)[^\u0000-\u001f]{1,1024}$/,
        "path",
        "a path, absolute or relative to the project, of a dump in custom format (pg_dump -Fc)",
        {
          meaning: "Dump that the scratch copy is restored from; without one it has the structure alone.",
          example: "/var/backups/pages.dump",
          unset: "none",
        },
      ).optional(),
      drift: oneOf(["warn", "refuse"], {
        meaning: "What is done about a database that is not as its recorded migrations made it.",
      }).default("warn"),
      requiredFrom: text<StackName>(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){2}$/,
        "stack",
        "organization/project/stack, as pulumi stack ls prints it; organization is the organization of a self-managed backend",
        {
          meaning: "Stack that must have rehearsed a migration on restored data before it may run here.",
          example: "organization/switchyard/staging",
          unset: "none",
        },
      ).optional(),
      acceptUnrehearsed: migrationVersions({
        meaning: "Migrations that may run here without such a rehearsal.",
      }).default([]),
    },
    "Whether and how migrations are tried on a scratch copy before they run.",
  ).prefault({}),
};
