import { firstMissing, pointsOfNoReturn, isBrokenBy } from "../compatibility";
import { targetOf } from "../schema-steps";
import { COLOURS, compareVersions, isAmong, isRunning, shareOf, sameRelease } from "../names";
import type { Passage } from "../passage";
import { highestShare, lowestShare } from "../reality";
import type { Colour, Declared, Migration, Release, State, Step } from "../types";
import { called, type Context, type Finding, type Rule } from "./rule";

/** A declared release that gets traffic in this `up`, and the schema that it then meets. */
interface Arrival {
  readonly colour: Colour;
  readonly release: Release;
  readonly state: State;
  /** Where it gets the traffic. */
  readonly guards: Step;
  /** Does it get more than it surely has, or has it changed? */
  readonly gains: boolean;
}

/**
 * A return meets the schema as it is, before anything widens it; an advance, or a release that is replaced where it
 * has traffic, meets the widened one.
 */
function arrivalsOf(passage: Passage, { weight, releases }: Declared): Arrival[] {
  return COLOURS.flatMap((colour) => {
    const release = releases[colour];
    // A release that is replaced while it loses its traffic still meets what is left of it.
    const share = Math.max(shareOf(colour, weight), highestShare(colour, passage.returned));
    if (share === 0 || !isRunning(release)) return [];
    const gains = shareOf(colour, weight) > lowestShare(colour, passage.start);
    const changed = !sameRelease(release, passage.start.releases[colour]);
    const later: Arrival = { colour, release, state: passage.widened, guards: "colours", gains: gains || changed };
    const returns = passage.shift.kind === "return" && passage.shift.gaining === colour;
    return returns ? [{ ...later, state: passage.returned, guards: "return" }, later] : [later];
  });
}

const eachArrival =
  (find: (arrival: Arrival, context: Context) => Finding[]) =>
  (context: Context): Finding[] =>
    context.passages.flatMap((passage) =>
      arrivalsOf(passage, context.declared).flatMap((arrival) => find(arrival, context)),
    );

const titled = ({ version, name }: Migration): string => `${version} (${name})`;

export const releaseCanRun: Rule = {
  id: "release-can-run",
  statement: "Weight goes only to a colour with a release and at least one running copy of it.",
  guards: "colours",
  remedy: "give the colour a release and a count, or leave its weight at 0",
  check: ({ declared: { weight, releases } }) =>
    COLOURS.filter((colour) => shareOf(colour, weight) > 0 && !isRunning(releases[colour])).map((colour) => {
      const release = releases[colour];
      return {
        key: release === null ? colour : `${colour}.count`,
        found: `greenWeight ${weight} gives ${colour} ${shareOf(colour, weight)} % of the traffic, but it has ${
          release === null ? "no release" : `0 copies of release ${release.version}`
        }`,
        expected: "a release with count 1 or more on every colour that has weight",
        remedy:
          release === null ? `set ${colour}.version, or take its weight away` : `set ${colour}.count to 1 or more`,
      };
    }),
};

export const schemaReached: Rule = {
  id: "schema-reached",
  statement: "Weight goes only to a release whose schema is applied by then.",
  guards: "colours",
  remedy: "let the migration run first: raise migrateTo, or finish what it waits for in an `up` of its own",
  check: eachArrival(({ colour, release, state, guards, gains }, { declared, passages }) => {
    const target = targetOf(declared);
    if (gains && guards !== "return" && compareVersions(release.schema, target) > 0) {
      return [
        {
          key: "migrateTo",
          found: `${called(colour, release)} is built against ${release.schema}, past migrateTo ${declared.migrateTo} (${target})`,
          expected: `a release built against ${target} or earlier, or migrateTo ${release.schema} or later`,
          remedy: `set migrateTo to "${release.schema}" or later, with its file in migrations/, or put the release back`,
        },
      ];
    }
    const missing = firstMissing(release, state, [...declared.migrations, ...state.applied]);
    if (missing === undefined) return [];
    const waitsFor = passages.flatMap(({ stages }) => [...stages.narrow, ...stages.waiting])[0];
    const behind = waitsFor === undefined ? "" : `, behind ${waitsFor.migration.version} ${waitsFor.direction}, which runs after the shift`; // prettier-ignore
    return [
      {
        key: "migrateTo",
        guards,
        found: `${called(colour, release)} needs migration ${missing}, which is not applied when it gets traffic${behind}`,
        expected: `every expand migration up to its schema ${release.schema}, applied before the traffic moves`,
        remedy: `run an \`up\` that applies ${missing} and leaves greenWeight as it is (migrateTo: "${missing}" or later, with its file in migrations/), then shift`,
      },
    ];
  }),
};

export const pointOfNoReturn: Rule = {
  id: "point-of-no-return",
  statement: "No weight goes behind a point of no return: to a release that an applied contract breaks.",
  guards: "colours",
  remedy: "take the contract back first, in an `up` of its own, or go forward to a newer release",
  check: eachArrival(({ colour, release, state, guards }) =>
    pointsOfNoReturn(release, state).map((contract) => ({
      key: "greenWeight",
      guards,
      found: `${called(colour, release)} (schema ${release.schema}) can't serve past contract ${titled(contract)}, which is applied or may be`,
      expected: `a release built against ${contract.breaksBelow ?? contract.version} or later`,
      remedy: `leave greenWeight as it is and take ${contract.version} back first (migrateTo below it), or ship a release that knows it`,
    })),
  ),
};

export const lossStands: Rule = {
  id: "loss-stands",
  statement: "A lossy contract stays a point of no return after its down, until a restore or an accepted loss.",
  guards: "colours",
  remedy: "restore a backup from before the contract, or accept that its data is gone",
  override: "acceptLoss",
  check: eachArrival(({ colour, release, state, guards, gains }, { declared: { overrides } }) =>
    (gains ? state.scars : [])
      .filter((contract) => isBrokenBy(release, contract))
      .map((contract) => ({
        key: "greenWeight",
        guards,
        found: `${called(colour, release)} reads what contract ${titled(contract)} dropped; its down brought back the shape, not the data`,
        expected: "the data that the release wrote",
        remedy: `restore a backup from before ${contract.version} (restore.from)`,
        override: {
          key: `acceptLoss: ["${contract.version}"]`,
          risk: `what ${contract.version} dropped stays lost`,
          given: isAmong(overrides.acceptLoss, contract.version),
        },
      })),
  ),
};

export const oneDatabase: Rule = {
  id: "one-database",
  statement: "Two databases that both take writes never share traffic.",
  guards: "colours",
  remedy: "cut over at once, with writes frozen and caught up",
  override: "cutOver",
  check: ({ passages, declared: { weight, releases, overrides } }) =>
    passages.flatMap(({ returned }) => {
      const serving = COLOURS.flatMap((colour) => {
        const before = highestShare(colour, returned) > 0 ? [returned.releases[colour]] : [];
        const after = before.length > 0 || shareOf(colour, weight) > 0 ? [releases[colour]] : [];
        return [...before, ...after];
      });
      const databases = [...new Set(serving.flatMap((release) => (release === null ? [] : [release.database])))];
      if (databases.length < 2) return [];
      const atOnce = weight === 0 || weight === 100;
      const inPlace = COLOURS.some((colour) => {
        const before = returned.releases[colour];
        const after = releases[colour];
        return (
          highestShare(colour, returned) > 0 && before !== null && after !== null && before.database !== after.database
        );
      });
      return [
        {
          key: "greenWeight",
          found: `databases ${databases.join(" and ")} would both take writes while traffic moves to greenWeight ${weight}`,
          expected: "one database behind everything that has traffic: what one of two takes is missing in the other",
          remedy: "set greenWeight to 0 or 100 with cutOver: true, releases unchanged",
          override: {
            key: "cutOver: true",
            risk: "all traffic changes its database at once, while writes are frozen",
            given: overrides.cutOver && atOnce && !inPlace,
          },
        },
      ];
    }),
};
