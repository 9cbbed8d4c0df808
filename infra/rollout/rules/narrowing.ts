import { effectOf, stepBreaks } from "../compatibility";
import { COLOURS, distinct, isAmong, isRunning, nameOf, shareOf } from "../names";
import type { Declared, Release, SchemaPlan, SchemaStep, State } from "../types";
import { stepsTo } from "../schema-steps";
import { called, type Finding } from "./rule";

/** Not refused but put off: the migration waits, announced, until nothing that it breaks can run. */
export const NARROWING_WAITS = {
  id: "narrowing-waits",
  statement: "A narrowing waits while a release that it breaks can run.",
  guards: "narrow",
  remedy: "retire the colour that runs it (count 0), or give it a newer release",
  override: "breakIdle",
} as const;

/** A narrowing that waits, and for what. */
export interface Waiting {
  readonly step: SchemaStep;
  readonly finding: Finding;
}

/**
 * What an `up` may do to the schema, from every state. A narrowing may run
 * - early, where it stands among the others, if it breaks no release that runs in any state or is declared;
 * - after the shift, if it breaks no declared release with a count: by then the colours run what is declared;
 * - else not at all in this `up`.
 */
export function schemaPlanOf(
  declared: Declared,
  states: readonly State[],
): { plan: SchemaPlan; waiting: Waiting[]; overridden: Waiting[] } {
  const steps = distinct(
    states.flatMap((state) => stepsTo(declared, state)),
    nameOf,
  );
  const narrowings = steps.filter((step) => effectOf(step) === "narrow");
  const declaredOnes = Object.values(declared.releases).filter(isRunning);
  const anywhere = [...declaredOnes, ...states.flatMap(({ releases }) => Object.values(releases).filter(isRunning))];
  const early = narrowings.filter((step) => !anywhere.some((release: Release) => stepBreaks(step, release)));
  const broken = narrowings.flatMap((step) => {
    const finding = waitingFor(step, declared);
    return finding === undefined ? [] : [{ step, finding }];
  });
  const overridden = broken.filter(({ finding }) => finding.override?.given === true);
  const waiting = broken.filter(({ finding }) => finding.override?.given !== true);
  return {
    plan: { early: early.map(nameOf), waits: waiting.map(({ step }) => nameOf(step)) },
    waiting,
    overridden,
  };
}

function waitingFor(step: SchemaStep, { releases, weight, overrides }: Declared): Finding | undefined {
  const { version, name } = step.migration;
  const broken = COLOURS.flatMap((colour) => {
    const release = releases[colour];
    return isRunning(release) && stepBreaks(step, release) ? [{ colour, release }] : [];
  });
  const [first] = broken;
  if (first === undefined) return undefined;
  const idle = broken.every(({ colour }) => shareOf(colour, weight) === 0);
  const runs = broken.map(({ colour, release }) => `${called(colour, release)} (count ${release.count})`);
  return {
    key: `${first.colour}.count`,
    found: `${version} ${name} (${step.direction}) waits: ${runs.join(" and ")} can't serve after it`,
    expected: "that no release which it breaks can run",
    remedy: broken.map(({ colour }) => `retire ${colour} (${colour}.count 0) when its traffic is gone, or give it a newer release`).join("; "), // prettier-ignore
    override: {
      key: `breakIdle: ["${version}"]`,
      risk: "traffic can't go back to the idle release",
      given: idle && isAmong(overrides.breakIdle, version),
    },
  };
}
