import type { Deployment, Service } from "@aws-sdk/client-ecs";

export interface Wanted {
  readonly taskDefinition: string;
  readonly minimum: number;
  readonly maximum: number;
}

/** What a look at a service says: it is as declared, it may still come to be, or it won't. */
export type Verdict =
  | { readonly is: "steady" }
  | { readonly is: "under way"; readonly because: string }
  | { readonly is: "failed"; readonly because: string };

const failed = (because: string): Verdict => ({ is: "failed", because });
const underWay = (because: string): Verdict => ({ is: "under way", because });

/** The end of an ARN, which is all that a person needs of it. */
export const short = (arn = "nothing"): string => arn.slice(arn.lastIndexOf("/") + 1);

/**
 * Judges a service as DescribeServices has it. Steady is: the declared revision runs, no other does, and as many copies of
 * it as are desired, which is within the bounds.
 */
export function judge(service: Service | undefined, { taskDefinition, minimum, maximum }: Wanted): Verdict {
  if (service === undefined || service.status === "INACTIVE") return failed("there is no such service");
  const deployments = service.deployments ?? [];
  const own = deployments.find((each) => each.taskDefinition === taskDefinition);
  if (own?.rolloutState === "FAILED") return failed(`ECS gave up on ${short(taskDefinition)}: ${reasonOf(own)}`);
  if (service.taskDefinition !== taskDefinition || own === undefined)
    return failed(
      `it runs ${short(service.taskDefinition)}, not ${short(taskDefinition)}: the circuit breaker has put it back, or somebody else has`,
    );
  const others = deployments.filter((each) => each !== own && (each.runningCount ?? 0) > 0);
  if (others.length > 0) return underWay(`${others.map(countOf).join(", ")} beside ${countOf(own)}`);
  if (own.rolloutState === "IN_PROGRESS") return underWay(`${countOf(own)}: ${reasonOf(own)}`);
  const { desiredCount = 0, runningCount = 0, pendingCount = 0 } = service;
  if (desiredCount < minimum || desiredCount > maximum)
    return underWay(`${desiredCount} copies desired, expected ${minimum} to ${maximum}`);
  if (runningCount !== desiredCount || pendingCount > 0)
    return underWay(`${runningCount} of ${desiredCount} copies run, ${pendingCount} are about to`);
  return { is: "steady" };
}

const countOf = ({ taskDefinition, runningCount = 0, desiredCount = 0 }: Deployment): string =>
  `${runningCount} of ${desiredCount} copies of ${short(taskDefinition)}`;

const reasonOf = ({ rolloutStateReason = "", failedTasks = 0 }: Deployment): string =>
  [rolloutStateReason, failedTasks > 0 ? `${failedTasks} copies failed to start` : ""].filter(Boolean).join("; ");
