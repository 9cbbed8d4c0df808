import type { SmokeRequest } from "../../config";
import { runSmoke, type SmokeReport } from "../../smoke/run";
import { hasUnknown, type Difference, type Provider } from "../contract";
import type { Smoked, SmokeTestInputs as Inputs, SmokeTestState as State } from "./resource";

/** What one smoke test is of. */
type Subject = Omit<Smoked, "at" | "figures">;

/** @returns undefined where no colour gains traffic that has to show anything first. */
function subjectOf({ attempt, colour, release }: Inputs): Subject | undefined {
  if (colour === "none") return undefined;
  if (release === undefined) throw new Error(`${colour} is to gain traffic, but the program named no release of it`);
  return { attempt, colour, version: release.version, fingerprint: release.fingerprint };
}

const isOf = (smoked: Smoked | undefined, { attempt, colour, version, fingerprint }: Subject): boolean =>
  smoked?.attempt === attempt &&
  smoked.colour === colour &&
  smoked.version === version &&
  smoked.fingerprint === fingerprint;

/** Whatever else is new, such as other requests: they are sent when a colour gains traffic, and not before. */
function diff(olds: State, news: Inputs): Difference {
  const { attempt, colour, release } = news;
  if (hasUnknown([attempt, colour, release])) return { changes: true };
  const subject = subjectOf(news);
  return { changes: subject !== undefined && !isOf(olds.smoked, subject) };
}

async function smoke(news: Inputs, before: Smoked | undefined): Promise<State> {
  const subject = subjectOf(news);
  if (subject === undefined || (before !== undefined && isOf(before, subject)))
    return { ...news, ...(before === undefined ? {} : { smoked: before }) };
  const report = await runSmoke({
    baseUrl: news.previewUrl,
    headers: { [news.header]: subject.colour },
    requests: JSON.parse(news.requests) as SmokeRequest[],
    healthWait: news.healthWait,
    say: (line) => console.error(`${subject.colour} ${subject.version}: ${line}`),
  });
  if (report.failures.length > 0) throw new Error(refusal(subject, report));
  return { ...news, smoked: { ...subject, at: new Date().toISOString(), figures: [...report.figures] } };
}

function refusal({ colour, version }: Subject, { failures }: SmokeReport): string {
  const count = failures.length === 1 ? "a smoke test" : `${failures.length} smoke tests`;
  return [
    `${colour} (release ${version}) failed ${count}, so no traffic was moved:`,
    ...failures.map((failure) => `- ${failure}`),
    `mend the release, or what smoke.requests expects of it (docs/smoke.md), and run: pulumi up`,
  ].join("\n");
}

export const provider: Provider<Inputs, State> = {
  diff,
  create: async (inputs) => ({ id: "smoke-test", outs: await smoke(inputs, undefined) }),
  update: (olds, news) => smoke(news, olds.smoked),
  delete: () => Promise.resolve(),
};
