import type { TargetHealthDescription } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { TargetCount } from "../traffic";

/**
 * What of a target group can take requests, as far as its load balancer tells.
 *
 * A return needs one process that answers, ready or not: with PostgreSQL stopped nobody is ready in either colour, and traffic
 * still goes back. So `alive` are also targets that are unhealthy for the status that they answer with
 * (Target.ResponseCodeMismatch), and those of which only the load balancer has something to say (Elb.…: registering, first check,
 * its own failure). Not alive are those that can't be connected to, or don't answer in time (Target.FailedHealthChecks,
 * Target.Timeout): a task that is gone looks just like that. So the health check of a service has to answer within its
 * timeout while the database is away. Draining targets get no new requests: they are not counted at all.
 */
export function countTargets(found: readonly TargetHealthDescription[]): TargetCount {
  const states = found.map(({ TargetHealth }) => ({ state: TargetHealth?.State, reason: TargetHealth?.Reason ?? "" }));
  const usable = states.filter(({ state }) => state !== "draining" && state !== "unhealthy.draining");
  const isHealthy = ({ state }: (typeof states)[number]) => state === "healthy";
  return {
    registered: usable.length,
    healthy: usable.filter(isHealthy).length,
    alive: usable.filter(
      (each) => isHealthy(each) || each.reason === "Target.ResponseCodeMismatch" || each.reason.startsWith("Elb."),
    ).length,
  };
}
