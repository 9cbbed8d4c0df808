import * as appautoscaling from "@pulumi/aws/appautoscaling";
import type * as ecs from "@pulumi/aws/ecs";
import * as pulumi from "@pulumi/pulumi";

/** Copies of a colour, at the least and at the most. */
export interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
}

export interface ScalingArgs {
  /** Name of the policy in the account. */
  readonly policy: string;
  readonly cluster: pulumi.Input<string>;
  readonly service: ecs.Service;
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

/** How a colour grows and shrinks by itself. @returns what has to be there before its count is looked at. */
export function scaling(
  name: string,
  { policy, cluster, service, other, bounds, targetCpu }: ScalingArgs,
): pulumi.Resource[] {
  const target = new appautoscaling.Target(
    name,
    {
      ...{ serviceNamespace: "ecs", scalableDimension: "ecs:service:DesiredCount" },
      resourceId: pulumi.interpolate`service/${cluster}/${service.name}`,
      ...{ minCapacity: bounds.minimum, maxCapacity: bounds.maximum },
    },
    { parent: service },
  );
  const cpuOf = (id: string, of: pulumi.Input<string>) => ({
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
  const tracking = new appautoscaling.Policy(
    name,
    {
      ...{ name: policy, policyType: "TargetTrackingScaling" },
      resourceId: target.resourceId,
      scalableDimension: target.scalableDimension,
      serviceNamespace: target.serviceNamespace,
      targetTrackingScalingPolicyConfiguration: {
        customizedMetricSpecification: {
          metrics: [
            cpuOf("own", service.name),
            cpuOf("other", other),
            { id: "both", expression: loadOfBoth, label: "CPU of both colours", returnData: true },
          ],
        },
        targetValue: targetCpu,
        // Seconds: quickly up, slowly down.
        ...{ scaleOutCooldown: 60, scaleInCooldown: 300 },
      },
    },
    { parent: target },
  );
  return [service, target, tracking];
}
