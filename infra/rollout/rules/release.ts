import { COLOURS, isRunning, sameRelease, shareOf } from "../names";
import { highestShare } from "../reality";
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
