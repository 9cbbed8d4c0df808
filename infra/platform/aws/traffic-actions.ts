import type { Action, TargetGroupTuple } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { PerColour } from "../../rollout/types";

/**
 * The weights of a listener's default actions, as plain functions. Whatever else stands in the actions (an authentication before
 * the forward, stickiness, target groups of others at weight 0) is kept as it is.
 */

/**
 * Percent that green gets, 0..100. Weights that don't sum to 100 are taken in proportion and rounded, but a colour that gets
 * any traffic is never rounded down to none.
 * @param where the listener, for messages.
 * @throws Error where the default action forwards to nobody, or to somebody else too.
 */
export function greenWeightIn(actions: readonly Action[], groups: PerColour<string>, where: string): number {
  const tuples = tuplesOf(forwardIn(actions, where));
  const weightOf = (arn: string): number =>
    tuples.filter(({ TargetGroupArn }) => TargetGroupArn === arn).reduce((sum, { Weight = 1 }) => sum + Weight, 0);
  const strangers = tuples.filter((tuple) => !isOurs(tuple, groups) && (tuple.Weight ?? 1) > 0);
  if (strangers.length > 0)
    throw new Error(
      `the default action of ${where} also forwards to ${strangers.map(({ TargetGroupArn }) => TargetGroupArn).join(", ")}, ` +
        "which is neither blue nor green: take it out of the action (aws elbv2 modify-listener), then run this again",
    );
  const [blue, green] = [weightOf(groups.blue), weightOf(groups.green)];
  if (blue + green === 0)
    throw new Error(
      `both weights of ${where} are 0, so nobody is answered: give one colour its traffic by aws elbv2 modify-listener ` +
        `--default-actions Type=forward,TargetGroupArn=${groups.blue} (blue) or ${groups.green} (green), then run this again`,
    );
  const percent = Math.round((100 * green) / (blue + green));
  if (blue > 0 && green > 0) return Math.min(99, Math.max(1, percent));
  return percent;
}

/**
 * The same actions with other weights; both colours stay in the forward, so that the target group without traffic is still
 * checked for its health.
 * @throws Error where no action forwards.
 */
export function withGreenWeight(
  actions: readonly Action[],
  groups: PerColour<string>,
  greenWeight: number,
  where: string,
): Action[] {
  const forward = forwardIn(actions, where);
  const others = tuplesOf(forward).filter((tuple) => !isOurs(tuple, groups));
  const changed: Action = {
    ...forward,
    // Says the same as a config with one group, and only that.
    TargetGroupArn: undefined,
    ForwardConfig: {
      ...forward.ForwardConfig,
      TargetGroups: [
        { TargetGroupArn: groups.blue, Weight: 100 - greenWeight },
        { TargetGroupArn: groups.green, Weight: greenWeight },
        ...others,
      ],
    },
  };
  return actions.map((action) => (action === forward ? changed : keptAsItIs(action)));
}

/** What is read of an OIDC action leaves out its secret; it is kept only where that is asked for. */
function keptAsItIs(action: Action): Action {
  const { AuthenticateOidcConfig: oidc } = action;
  if (oidc === undefined) return action;
  return { ...action, AuthenticateOidcConfig: { ...oidc, UseExistingClientSecret: true } };
}

function forwardIn(actions: readonly Action[], where: string): Action {
  const forward = actions.find(({ Type }) => Type === "forward");
  if (forward !== undefined) return forward;
  const types = actions.map(({ Type }) => Type).join(", ");
  throw new Error(
    `the default action of ${where} forwards to no target group (it has ${types === "" ? "none" : types}), so there are no ` +
      "weights: make it forward to blue and green again (aws elbv2 modify-listener), then run this again",
  );
}

const tuplesOf = ({ ForwardConfig, TargetGroupArn }: Action): readonly TargetGroupTuple[] =>
  ForwardConfig?.TargetGroups ?? [{ TargetGroupArn, Weight: 1 }];

const isOurs = ({ TargetGroupArn }: TargetGroupTuple, { blue, green }: PerColour<string>): boolean =>
  TargetGroupArn === blue || TargetGroupArn === green;
