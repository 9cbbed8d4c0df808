import { asked, clientOf } from "./sdk";
import type { RdsAddress } from "./snapshot";

/** RDS tells CloudWatch once a minute, and CloudWatch us some minutes later. */
const minuteMs = 60_000;
const lookBackMs = 15 * minuteMs;

/**
 * Bytes that are free where the instance keeps its data, by its newest figure.
 * @param now Unix time in ms
 * @returns undefined where there is none of the last 15 minutes, as for an instance that has just been made
 * @throws AwsFailed
 */
export async function freeStorageOf(
  { connection, instance }: RdsAddress,
  now = Date.now(),
): Promise<number | undefined> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used
  const sdk = require("@aws-sdk/client-cloudwatch") as typeof import("@aws-sdk/client-cloudwatch");
  const { MetricDataResults = [] } = await asked(
    connection,
    { action: "cloudwatch:GetMetricData", on: `AWS/RDS FreeStorageSpace of ${instance}` },
    () =>
      clientOf(connection, ["cloudwatch"], (settings) => new sdk.CloudWatchClient(settings)).send(
        new sdk.GetMetricDataCommand({
          MetricDataQueries: [
            {
              Id: "free",
              MetricStat: {
                Metric: {
                  Namespace: "AWS/RDS",
                  MetricName: "FreeStorageSpace",
                  Dimensions: [{ Name: "DBInstanceIdentifier", Value: instance }],
                },
                Period: 60,
                Stat: "Minimum",
              },
            },
          ],
          StartTime: new Date(now - lookBackMs),
          EndTime: new Date(now),
          ScanBy: "TimestampDescending",
        }),
      ),
  );
  return MetricDataResults[0]?.Values?.[0];
}
