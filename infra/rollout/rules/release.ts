import { firstMissing, pointsOfNoReturn, stepBreaks } from "../compatibility";
import { COLOURS, compareVersions, isRunning, nameOf, sameRelease, shareOf } from "../names";
import type { Passage } from "../passage";
import { highestShare } from "../reality";
import { targetOf } from "../schema-steps";
import type { Colour, Declared, Release } from "../types";
import { called, eachPassage, type Context, type Finding, type Rule } from "./rule";

/** A colour that may have traffic at the moment when its release is replaced. */
interface Replaced {
  readonly colour: Colour;
  readonly share: number;
  readonly before: Release;
  readonly after: Release | null;
}

/** The colours change before traffic advances, and after it returned. */
const eachReplaced =
  (find: (replaced: Replaced, declared: Declared) => Finding[]) =>
  (context: Context): Finding[] =>
    eachPassage(({ returned }) =>
      COLOURS.flatMap((colour) => {
        const before = returned.releases[colour];
        const after = context.declared.releases[colour];
        const share = highestShare(colour, returned);
        if (share === 0 || !isRunning(before) || (isRunning(after) && sameRelease(before, after))) return [];
        return find({ colour, share, before, after }, context.declared);
      }),
    )(context);

const rolling = ({ overrides }: Declared): Finding["override"] => ({
  key: "rolling: true",
  risk: "users meet the new release without a walk",
  given: overrides.rolling,
});

export const liveReleaseStays: Rule = {
  id: "live-release-stays",
  statement: "A colour's release changes only while its weight is 0.",
  guards: "colours",
  remedy: "give the new release to the colour without weight, then shift",
  override: "rolling",
  check: eachReplaced(({ colour, share, before, after }, declared) =>
    isRunning(after) && shareOf(colour, declared.weight) > 0
      ? [
          {
            key: `${colour}.version`,
            found: `${called(colour, before)} would be replaced by ${after.version} while it has up to ${share} % of the traffic`,
            expected: "a colour without weight",
            remedy: `put ${colour} back as it was and give ${after.version} to the other colour`,
            override: rolling(declared),
          },
        ]
      : [],
  ),
};

export const leavingReleaseStays: Rule = {
  id: "leaving-release-stays",
  statement: "A colour's release doesn't change in the `up` in which an advance takes its weight.",
  guards: "colours",
  remedy: "shift first, and change the release in the next `up`",
  override: "rolling",
  check: eachReplaced(({ colour, share, before, after }, declared) =>
    isRunning(after) && shareOf(colour, declared.weight) === 0
      ? [
          {
            key: `${colour}.version`,
            found: `${called(colour, before)} would be replaced by ${after.version} before its traffic (up to ${share} %) has advanced to the other colour`,
            expected: `${colour} unchanged until its weight is 0`,
            remedy: `put ${colour} back as it was, run the shift, and change ${colour} in the next \`up\``,
            override: rolling(declared),
          },
        ]
      : [],
  ),
};

export const leavingReleaseRuns: Rule = {
  id: "leaving-release-runs",
  statement: "A colour is not retired or scaled down in the `up` in which an advance takes its weight.",
  guards: "colours",
  remedy: "shift first, and retire or scale down the colour in the next `up`",
  check: (context) =>
    eachPassage(({ returned, shift }) =>
      COLOURS.flatMap((colour) => {
        const before = returned.releases[colour];
        const share = highestShare(colour, returned);
        if (share === 0 || !isRunning(before)) return [];
        const { releases, weight } = context.declared;
        const copies = releases[colour]?.count ?? 0;
        const stops = copies === 0 && shareOf(colour, weight) === 0;
        const shrinks = copies < before.count && shift.kind === "advance" && shift.gaining !== colour;
        if (!stops && !shrinks) return [];
        return [
          {
            key: `${colour}.count`,
            found: `${called(colour, before)} would go from ${before.count} to ${copies} copies before its traffic (up to ${share} %) has advanced to the other colour`,
            expected: `${before.count} copies until it is settled without that traffic, also for the way back`,
            remedy: `set ${colour}.count back to ${before.count}, run the shift, and lower it in the next \`up\``,
          },
        ];
      }),
    )(context),
};

/** A colour without traffic that has copies to start in this `up`: of what is new, changed or more than before. */
interface Started {
  readonly colour: Colour;
  readonly release: Release;
}

function startedIn({ start, returned }: Passage, { weight, releases }: Declared): Started[] {
  return COLOURS.flatMap((colour) => {
    const release = releases[colour];
    const before = start.releases[colour];
    // What has traffic is for the rules about traffic to judge.
    const idle = shareOf(colour, weight) === 0 && highestShare(colour, returned) === 0;
    if (!idle || !isRunning(release)) return [];
    const starts = !sameRelease(before, release) || (before?.count ?? 0) < release.count;
    return starts ? [{ colour, release }] : [];
  });
}

export const releaseCanStart: Rule = {
  id: "release-can-start",
  statement: "A release without weight is started only on a schema that it can run on: on another it never gets ready.",
  guards: "colours",
  remedy: "let the migration run in an `up` of its own, then start the release, or give it a count of 0 until then",
  check: ({ passages, declared }) =>
    passages.flatMap((passage) =>
      startedIn(passage, declared).flatMap((started) => [
        ...withoutItsSchema(started, passage, declared),
        ...pastItsEnd(started, passage),
      ]),
    ),
};

function withoutItsSchema({ colour, release }: Started, passage: Passage, declared: Declared): Finding[] {
  const missing = firstMissing(release, passage.widened, [...declared.migrations, ...passage.widened.applied]);
  if (missing === undefined) return [];
  const behind = compareVersions(missing, targetOf(declared)) <= 0 ? whatItStandsBehind(passage, declared) : undefined;
  return [
    {
      key: behind === undefined ? "migrateTo" : `${colour}.schema`,
      found: `${called(colour, release)} needs migration ${missing}, which is not applied when its copies start${behind?.why ?? ""}`,
      expected: `every expand migration up to its schema ${release.schema}, or it would never get ready`,
      remedy: `${behind === undefined ? `set migrateTo to "${missing}" or later, with its file in migrations/, or ` : ""}set ${colour}.count to 0${behind?.untilThen ?? ""}`,
    },
  ];
}

/** The first narrowing of the `up`: what comes after it is not applied when the colours start. */
function whatItStandsBehind(
  { stages }: Passage,
  { releases }: Declared,
): { why: string; untilThen: string } | undefined {
  const [runs] = stages.narrow;
  if (runs !== undefined) {
    const why = `: it stands behind ${nameOf(runs)}, which runs after the shift`;
    return { why, untilThen: ` in this \`up\`, which runs ${nameOf(runs)}, and start it in the next` };
  }
  const [waits] = stages.waiting;
  if (waits === undefined) return undefined;
  const broken = COLOURS.flatMap((colour) => {
    const release = releases[colour];
    return isRunning(release) && stepBreaks(waits, release) ? [called(colour, release)] : [];
  });
  const why = `: it stands behind ${nameOf(waits)}, which waits until ${broken.join(" and ")} can't run any more`;
  return { why, untilThen: ` until ${nameOf(waits)} has run` };
}

const pastItsEnd = ({ colour, release }: Started, { widened }: Passage): Finding[] =>
  pointsOfNoReturn(release, widened).map(({ version, name, breaksBelow }) => ({
    key: `${colour}.schema`,
    found: `${called(colour, release)} (schema ${release.schema}) can't run past contract ${version} (${name}), which is applied or may be`,
    expected: `a release built against ${breaksBelow ?? version} or later, or it would never get ready`,
    remedy: `set ${colour}.count to 0, give ${colour} a newer release, or take ${version} back first (migrateTo below it)`,
  }));
