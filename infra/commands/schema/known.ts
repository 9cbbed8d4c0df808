import { z } from "zod";
import { isUnreachable, withConnection } from "../../providers/connection";
import type { StateResource } from "../pulumi";
import { readRecords, type Recorded } from "./history";
import { resourceOf, type Source } from "./source";

/** What is known of the history, and from whom. */
export interface Known {
  /** Undefined where nobody knows. */
  readonly records: readonly Recorded[] | undefined;
  /** Why the database itself said nothing; state then speaks in its place. */
  readonly silence?: { readonly why: string; readonly isDown: boolean };
}

/** The history as the database has it; as the state of the last `up` has it where that can't be asked. */
export async function knownRecords({ login, stack }: Source): Promise<Known> {
  if (login === undefined) return { records: [] };
  try {
    return { records: await withConnection(login.connection, login.password, "switchyard-status", readRecords) };
  } catch (error) {
    const silence = { why: (error as Error).message, isDown: isUnreachable(error) };
    return { records: stack === undefined ? undefined : recordedIn(stack.resources), silence };
  }
}

const migrations = z.array(
  z.object({ version: z.string(), name: z.string(), phase: z.enum(["expand", "contract"]), checksum: z.string() }),
);

/** What the last `up` has left applied, without times. An older one kept what was declared. */
function recordedIn(resources: readonly StateResource[]): Recorded[] {
  const outputs = resourceOf(resources, "SchemaWiden")?.outputs ?? {};
  const facts = z.object({ applied: migrations }).safeParse(outputs["facts"]).data?.applied;
  const known = facts ?? migrations.safeParse(outputs["migrations"]).data ?? [];
  return known.map((migration) => ({ ...migration, state: "applied" as const }));
}
