import { compareVersions } from "../../config/version";
import type { Rehearsed } from "../schema/rehearsal-types";

/** A migration as the rules over rehearsals need it. */
export interface RehearsableMigration {
  readonly version: string;
  readonly name: string;
  /** SHA-256 of the file. */
  readonly checksum: string;
}

/** The stack that must have rehearsed what may run here, and what its output `rehearsals` holds. */
export interface Required {
  /** As config names it: organization/project/stack. */
  readonly stack: string;
  /** Left out where that stack has no such output. */
  readonly rehearsals?: readonly Rehearsed[];
  /** Why that stack can't be read. Default: it was. */
  readonly unread?: string;
  /** Nothing was ever applied here: then there is no data to restore anywhere, and the structure is enough. */
  readonly isNew?: boolean;
}

/**
 * Whether another stack has rehearsed, on restored data, every migration that is about to run here.
 * @param pending what is declared here and not applied.
 * @param accept versions that may run without (`rehearsal.acceptUnrehearsed`).
 * @returns one sentence for each migration that may not run: what was found, what is expected, what mends it.
 */
export function checkRehearsed(
  pending: readonly RehearsableMigration[],
  required: Required,
  accept: readonly string[],
): string[] {
  const refused = unrehearsed(pending, required).filter(({ version }) => !isAccepted(version, accept));
  const expected = required.isNew === true ? "one on any copy" : "one on restored data";
  if (required.unread !== undefined && refused.length > 0) return [unreadable(refused, required, expected, accept)];
  return refused.map(({ version, name, found }, at) => {
    const there =
      required.isNew === true ? `run pulumi up on ${required.stack} first` : `run pulumi up there with rehearsal.from`;
    return (
      `${version}_${name} may not run here yet: ${required.stack} has ${found} (expected: ${expected}). Either ${there}, or ` +
      `accept it as it is: ${acceptance(version, accept.length + at)}`
    );
  });
}

const acceptance = (version: string, at: number): string =>
  `pulumi config set --path 'rehearsal.acceptUnrehearsed[${at}]' ${version} --type string`;

/** Of a stack that isn't there one thing is to be said, however many migrations it should have rehearsed. */
function unreadable(
  refused: readonly RehearsableMigration[],
  { stack, unread = "" }: Required,
  expected: string,
  accept: readonly string[],
): string {
  const names = refused.map(({ version, name }) => `${version}_${name}`).join(", ");
  const without = refused.map(({ version }, at) => acceptance(version, accept.length + at)).join(" && ");
  return (
    `${names} may not run here yet: rehearsal.requiredFrom names ${stack}, which can't be read (${unread}; expected: a rehearsal ` +
    `of each, ${expected}). Either bring it up first: pulumi up --stack ${stack.split("/").at(-1) ?? stack}, or name the ` +
    `stack that rehearses: pulumi config set --path rehearsal.requiredFrom <organization/project/stack>, or accept them as ` +
    `they are: ${without}`
  );
}

/** Versions that run here without a rehearsal because config says so: what has to be on record. */
export function acceptedWithout(
  pending: readonly RehearsableMigration[],
  required: Required,
  accept: readonly string[],
): string[] {
  return unrehearsed(pending, required)
    .map(({ version }) => version)
    .filter((version) => isAccepted(version, accept));
}

const isAccepted = (version: string, accept: readonly string[]): boolean =>
  accept.some((each) => compareVersions(each, version) === 0);

function unrehearsed(pending: readonly RehearsableMigration[], required: Required) {
  return pending.flatMap((migration) => {
    const found = whatIsThere(migration, required);
    return found === undefined ? [] : [{ ...migration, found }];
  });
}

/** What there is in place of a rehearsal that counts; undefined where one does. */
function whatIsThere(
  { version, checksum }: RehearsableMigration,
  { rehearsals, isNew = false }: Required,
): string | undefined {
  if (rehearsals === undefined) return "no output named rehearsals";
  const same = rehearsals.filter((each) => each.checksum === checksum);
  if (same.some(({ on }) => on === "restored" || (isNew && on === "structure"))) return undefined;
  if (same.some(({ on }) => on === "structure")) return "rehearsed it on a copy of the structure alone";
  if (same.length > 0) return "not rehearsed it, since the dump there had it applied";
  const other = rehearsals.find((each) => compareVersions(each.version, version) === 0);
  if (other === undefined) return "not rehearsed it";
  return `rehearsed another text of it (checksum ${short(other.checksum)}, here ${short(checksum)})`;
}

const short = (checksum: string): string => `${checksum.slice(0, 12)}…`;
