import { detectableRate, sightOf, POWER } from "../detectable";
import { COLOURS, isRunning, sameRelease, shareOf } from "../names";
import type { Passage } from "../passage";
import { highestShare } from "../reality";
import type { Declared, Release, Settled } from "../types";
import { eachPassage, type Context, type Rule } from "./rule";

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;

export const bakeCanTell: Rule = {
  id: "bake-can-tell",
  statement: "A bake can reach its minimum of requests at the expected rate.",
  guards: "advance",
  remedy: "bake for longer, begin with a larger step, or lower the minimum and accept what it can't see",
  override: "bake.onInsufficient",
  check: ({ passages, declared }) =>
    passages.flatMap(({ shift }) => {
      const { bake } = declared;
      const sights = sightOf(shift, declared);
      const blind = sights.find(({ requestsAtMost }) => requestsAtMost < bake.minRequests);
      if (blind === undefined) return [];
      const seen = detectableRate(blind.requestsAtMost, bake.limits, sights.length);
      const detects = seen === undefined ? "no error rate at all" : `an error rate of ${percent(seen)} or more`;
      const needed = Math.ceil(
        (bake.minRequests * 100_000) / (blind.share * (bake.expectedRequestsPerSecond ?? 1)) / 60_000,
      );
      return [
        {
          key: "bake.minRequests",
          found: `at bake.expectedRequestsPerSecond ${bake.expectedRequestsPerSecond ?? "unknown"} the step of ${blind.share} % gets ${Math.floor(blind.requestsAtMost)} requests by bake.maxBake; with so few it could detect ${detects} (with probability ${POWER})`,
          expected: `bake.minRequests ${bake.minRequests} or more`,
          remedy: `set bake.maxBake to ${needed}m or more, begin bake.steps with a larger share, or lower bake.minRequests and accept what it can't see`,
          override: {
            key: "bake.onInsufficient: advance",
            risk: "the walk goes on without having seen enough",
            given: bake.onInsufficient === "advance",
          },
        },
      ];
    }),
};

export const planWasAsked: Rule = {
  id: "plan-was-asked",
  statement: "What is settled is what the plan let happen: nothing went around it with `--target`.",
  guards: "platform",
  remedy: "undo what was targeted, or take it as it is once",
  override: "acceptTargeted",
  check: ({ memory: { settled, attempts }, declared }) => {
    const planned = attempts.find(({ id }) => id === settled?.id);
    if (settled === undefined || planned === undefined) return [];
    const versions = settled.applied.map(({ version }) => version).join(", ");
    const differs = differences(settled, planned.declared);
    // What a restore leaves is what its backup has, which was judged when it was known.
    const restored = settled.restored !== undefined && settled.restored === planned.declared.overrides.restore;
    if (!restored && !planned.leaves.some((leaves) => leaves.join(", ") === versions)) {
      differs.push(`migrations applied: ${versions || "none"}`);
    }
    if (differs.length === 0) return [];
    return [
      {
        key: "acceptTargeted",
        found: `an \`up --target\` went around the plan: ${differs.join("; ")}`,
        expected: `what plan ${settled.id} left`,
        remedy: "undo it with the same --target and the config of before",
        override: {
          key: `acceptTargeted: "${settled.id}"`,
          risk: "the rules judge what is there now without knowing how it came about",
          given: declared.overrides.acceptTargeted === settled.id,
        },
      },
    ];
  },
};

const called = (release: Release | null): string =>
  release === null ? "no release" : `release ${release.version}, count ${release.count}`;

function differences(settled: Settled, planned: Declared): string[] {
  const differs: string[] = [];
  if (settled.weight !== planned.weight) differs.push(`weight ${settled.weight} instead of ${planned.weight}`);
  for (const colour of COLOURS) {
    const found = settled.releases[colour];
    const expected = planned.releases[colour];
    if (sameRelease(found, expected) && found?.count === expected?.count) continue;
    differs.push(`${colour} has ${called(found)} instead of ${called(expected)}`);
  }
  return differs;
}

export const wiringStays: Rule = {
  id: "wiring-stays",
  statement: "The load balancer, listener or a live target group is not replaced together with a shift or a release.",
  guards: "platform",
  remedy: "replace it in an `up` of its own",
  check: (context: Context) =>
    eachPassage((passage) => {
      const { declared } = context;
      const replaced = replacedBy(passage, declared);
      const moves = passage.shift.kind !== "none";
      const changed = COLOURS.filter((colour) => {
        const before = passage.start.releases[colour];
        const after = declared.releases[colour];
        return !sameRelease(before, after) || isRunning(before) !== isRunning(after);
      });
      if (replaced.length === 0 || (!moves && changed.length === 0)) return [];
      const what = moves ? `a shift to greenWeight ${declared.weight}` : `a change of ${changed.join(" and ")}`;
      return [
        {
          key: moves ? "greenWeight" : (changed[0] ?? "greenWeight"),
          found: `${replaced.join(" and ")} would be replaced together with ${what}`,
          expected:
            "a replacement with weights and releases as they are: what replaces it has the new weights at once, without a walk",
          remedy: "run the replacement in an `up` of its own, then this",
        },
      ];
    })(context),
};

function replacedBy({ returned, start }: Passage, { weight, wiring }: Declared): string[] {
  if (start.weight === null) return [];
  const groups = COLOURS.filter(
    (colour) =>
      wiring.targets[colour] !== start.wiring.targets[colour] &&
      (highestShare(colour, returned) > 0 || shareOf(colour, weight) > 0),
  ).map((colour) => `${colour}'s target group`);
  return [...(wiring.listener === start.wiring.listener ? [] : ["the listener"]), ...groups];
}
