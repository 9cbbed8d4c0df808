import type { SmokeRequest } from "../../config";
import { endStrays } from "../../platform/local/process/ledger";
import { stop } from "../../platform/local/process/lifecycle";
import { startCopy } from "../../platform/local/colour/copy";
import { readyWithin } from "../../platform/local/colour/ready";
import { runSmoke } from "../../smoke/run";
import { inProject } from "../project";
import type { ScratchDatabase } from "../schema/rehearsal-types";
import type { LocalRelease } from "./resource";

/** Processes of a rehearsal are on record apart from the colours' own: ending strays of one must not end the other's. */
const folderOf = ({ folder }: LocalRelease): string => `${folder}/rehearsal`;

/**
 * The smoke of a release of the local platform: one copy of it, started as a colour's is, on the scratch database, and
 * asked what a colour is asked before it gains traffic. It is ended again, also when it was not well.
 * @throws when it does not get ready, or with every answer that was not as expected.
 */
export async function smokeRelease(
  release: LocalRelease,
  { connection, password }: ScratchDatabase,
  say: (line: string) => void,
): Promise<void> {
  const { colour, healthWait } = release;
  const requests = JSON.parse(release.requests) as SmokeRequest[];
  const { host, port, database: name, user } = connection;
  const folder = folderOf(release);
  // What a rehearsal that was killed has left running would be in the way of nobody, for ever.
  await endStrays(inProject(folder), colour, []);
  const copy = { ...release.copy, database: { host, port, name, user } };
  const { version, schema } = copy;
  const started = await startCopy({
    ...{ folder, colour, copy, count: 1, databasePassword: password },
    // No rule is asked about it, and nothing balances it: whoever asks it knows its port.
    release: { version, schema, count: 1, fingerprint: "rehearsal", database: name },
    ...{ adminPort: 0, token: "", readyWithin: readyWithin(healthWait) },
  });
  try {
    const baseUrl = `http://127.0.0.1:${started.port}`;
    const { failures } = await runSmoke({ baseUrl, headers: {}, requests, healthWait, say });
    if (failures.length > 0) throw new Error(failures.join("\n"));
  } finally {
    await stop(started.process);
    await endStrays(inProject(folder), colour, []);
  }
}
