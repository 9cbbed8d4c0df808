import * as appautoscaling from "@pulumi/aws/appautoscaling";
import type * as ecs from "@pulumi/aws/ecs";
import type * as pulumi from "@pulumi/pulumi";

/** Copies of a colour, at the least and at the most. */
export interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
}

export interface ScalingArgs {
  /** Name of the policy in the account. */
  readonly policy: string;
  /** Name of the cluster. */
  readonly cluster: string;
  readonly service: ecs.Service;
  /** Name of that service. */
  readonly own: string;
  /** Name of the other colour's service, whether it is there or not. */
  readonly other: string;
  readonly bounds: Bounds;
  /** Percent, 10..90 (`service.targetCpu`). */
  readonly targetCpu: number;
}

/**
 * CPU that a colour would have if all the traffic came to it: its own and the other colour's, as both have as many copies
 * (EcsSteady brings the one that gains traffic to the other's size). A colour that was scaled by its own CPU would be small
 * while it is idle, and while a walk gives it little; and the walk's last step, or a return, would find it too small. The other
 * colour has no figures when it is retired.
 */
export const loadOfBoth = "own + FILL(other, 0)";

/**
 * How a colour grows and shrinks by itself. What is known as text is given as text, and each waits for the one before it: each
 * output of a resource is one more way back to it for the engine, which goes all of them where a deletion is refused.
 * @returns what has to be there before its count is looked at.
 */
export function scaling(
  name: string,
  { policy, cluster, service, own, other, bounds, targetCpu }: ScalingArgs,
): pulumi.Resource {
  const scaled = {
    ...{ serviceNamespace: "ecs", scalableDimension: "ecs:service:DesiredCount" },
    resourceId: `service/${cluster}/${own}`,
  };
  const target = new appautoscaling.Target(
    name,
    { ...scaled, minCapacity: bounds.minimum, maxCapacity: bounds.maximum },
    { parent: service, dependsOn: service },
  );
  const cpuOf = (id: string, of: string) => ({
    ...{ id, returnData: false },
    metricStat: {
      stat: "Average",
      metric: {
        ...{ namespace: "AWS/ECS", metricName: "CPUUtilization" },
        dimensions: [
          { name: "ClusterName", value: cluster },
          { name: "ServiceName", value: of },
        ],
      },
    },
  });
  return new appautoscaling.Policy(
    name,
    {
      ...{ name: policy, policyType: "TargetTrackingScaling" },
      ...scaled,
      targetTrackingScalingPolicyConfiguration: {
        customizedMetricSpecification: {
          metrics: [
            cpuOf("own", own),
            cpuOf("other", other),
            { id: "both", expression: loadOfBoth, label: "CPU of both colours", returnData: true },
          ],
        },
        targetValue: targetCpu,
        // Seconds: quickly up, slowly down.
        ...{ scaleOutCooldown: 60, scaleInCooldown: 300 },
      },
    },
    { parent: target, dependsOn: target },
  );
}
