import { asked, balancerDimension, clientOf, type AwsConnection } from "./sdk";

/**
 * The heartbeat of a walk, for an alarm that notices that a walk was left behind even while nobody runs `pulumi`: 1 when a walk
 * begins and at each of its beats (10 s apart), 0 once when it has ended. No data alone says nothing, as nobody walks most of the
 * time; what has to be breaching is that a walk which beat, and has not ended, beats no more.
 */
export const heartbeat = {
  namespace: "Switchyard",
  metric: "WalkHeartbeat",
  /** Its value is what `balancerDimension` gives. */
  dimension: "LoadBalancer",
} as const;

/** A beat that doesn't come through is missed by the alarm, which is its purpose: a walk doesn't wait for it. */
const needs = { attempts: 2, answerMs: 2_000 } as const;

/** Says that a walk goes on (1), or has ended (0). @throws AwsFailed */
export async function beat(connection: AwsConnection, loadBalancer: string, value: 0 | 1): Promise<void> {
  const { namespace, metric, dimension } = heartbeat;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used: a return of traffic doesn't wait for it
  const sdk = require("@aws-sdk/client-cloudwatch") as typeof import("@aws-sdk/client-cloudwatch");
  const { CloudWatchClient, PutMetricDataCommand } = sdk;
  await asked(connection, { action: "cloudwatch:PutMetricData", on: `namespace ${namespace}` }, () =>
    clientOf(connection, ["cloudwatch", "beats"], (settings) => new CloudWatchClient(settings), needs).send(
      new PutMetricDataCommand({
        Namespace: namespace,
        MetricData: [
          {
            MetricName: metric,
            Dimensions: [{ Name: dimension, Value: balancerDimension(loadBalancer) }],
            Value: value,
            // Kept to the second, so that an alarm may look more often than once a minute.
            StorageResolution: 1,
          },
        ],
      }),
    ),
  );
}
