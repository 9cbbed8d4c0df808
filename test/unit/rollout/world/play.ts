import { COLOURS, sameRelease } from "../../../../infra/rollout/names";
import type { Decision } from "../../../../infra/rollout/rules";
import { attemptsSince } from "../../../../infra/rollout/shift";
import { Database } from "./database";
import type { Build } from "./files";
import { NO_OVERRIDES, Team, type Action } from "./team";
import { Broken, World, type Commit, type Judge } from "./world";

/** How often each thing happened, by name. */
export type Tally = Map<string, number>;

/**
 * Plays a team's actions in a fresh world, every one of them an `up` that is judged and, if accepted, run.
 * @throws Broken when an accepted one does what must never happen, or when there is no way on or back from one that
 * broke off.
 */
export function play(
  actions: readonly Action[],
  plan: Judge,
  tally: Tally = new Map(),
  database: Database = new Database(),
): void {
  const count = (name: string): void => void tally.set(name, (tally.get(name) ?? 0) + 1);
  const builds = new Map<string, Build>();
  const world = new World(builds, plan, database);
  const team = new Team(builds, () => world.begun);
  let finishedLast: Commit | undefined;
  let triesLeft = Infinity;
  for (const action of actions) {
    // What was targeted is the team's own doing: after a few more tries there is nothing left to learn from it.
    if (triesLeft <= 0) return;
    triesLeft -= 1;
    if (team.targets(action, world)) triesLeft = Math.min(triesLeft, 3);
    const commit = team.next(action);
    const { decision, finished } = world.up(commit, action.fault);
    const accepted = decision.refused.length === 0;
    team.hear(commit, accepted, [...decision.refused, ...decision.announced], action);
    if (finished) finishedLast = commit;
    else if (accepted && triesLeft === Infinity) {
      if (decision.held.length === 0) count(wayOn(world, commit));
      if (finishedLast !== undefined) count(wayBack(world, finishedLast));
    }
    count(accepted ? (finished ? "finished" : "broke off") : "refused");
    countRules(decision, count);
  }
}

function countRules(decision: Decision, count: (name: string) => void): void {
  if (decision.refused.length === 0) for (const shift of decision.shifts) count(`shift ${shift}`);
  const broken = [...decision.refused, ...decision.held, ...decision.announced];
  for (const rule of new Set(broken.map(({ rule }) => rule))) count(`rule ${rule}`);
  for (const { rule } of decision.overrides) count(`override ${rule}`);
}

/** An `up` that broke off can be run again. */
function wayOn(world: World, commit: Commit): string {
  const { refused } = world.judge(commit);
  if (refused.length > 0)
    throw new Broken(`the same up again is refused: ${refused.map(({ found }) => found).join("; ")}`);
  return "way on";
}

/**
 * Reverting to the commit that finished last is not refused while the release that gets the traffic back was left
 * alone, whatever else the attempts since have done; but for a contract that they may have run.
 */
function wayBack(world: World, { declared, ...commit }: Commit): string {
  const { settled, attempts } = world;
  const { shifts, refused } = world.judge({ ...commit, declared: { ...declared, overrides: NO_OVERRIDES } });
  if (settled === undefined || !shifts.some((shift) => shift !== "none")) return "nothing to take back";
  const since = attemptsSince(settled, attempts).map((attempt) => attempt.declared);
  const untouched = since.every(({ releases, overrides }) => {
    const asked = overrides.rolling || overrides.cutOver;
    return (
      !asked &&
      COLOURS.every((colour) => isLeft(settled.releases[colour], releases[colour], settled.proven[colour].length > 0))
    );
  });
  if (!untouched) return "changed since";
  const unexpected = refused.filter(({ rule }) => rule !== "point-of-no-return" && rule !== "loss-stands");
  if (unexpected.length > 0)
    throw new Broken(`going back is refused: ${unexpected.map(({ found }) => found).join("; ")}`);
  return refused.length > 0 ? "no way back past a contract" : "way back";
}

/** Idle releases that never carried anything may have been replaced; no traffic goes back to them. */
function isLeft(before: Commit["declared"]["releases"]["blue"], after: typeof before, carried: boolean): boolean {
  return !carried || (sameRelease(before, after) && (after?.count ?? 0) >= (before?.count ?? 0));
}
