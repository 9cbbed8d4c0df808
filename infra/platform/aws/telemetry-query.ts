import { CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { COLOURS } from "../../rollout/names";
import type { Colour } from "../../rollout/types";
import { TelemetryUnreachable, type AwsTelemetryAddress } from "../telemetry";
import { asked, balancerDimension, clientOf, groupDimension } from "./sdk";
import { countsOfGroup, periodMs, type FigureName, type Figures } from "./telemetry-figures";

type Dimensions = { Name: string; Value: string }[];

/**
 * Reads the figures of whole minutes from CloudWatch, all pages of them.
 * @param from,until beginnings of minutes, milliseconds since the epoch.
 * @throws AwsFailed; TelemetryUnreachable where CloudWatch says itself that they are not complete
 */
export async function askFigures(
  address: AwsTelemetryAddress,
  edges: readonly number[],
  from: number,
  until: number,
): Promise<Figures> {
  const { queries, names } = queriesFor(address, edges);
  const found = new Map<string, number>();
  const incomplete = new Map<string, string>();
  const { connection } = address;
  let NextToken: string | undefined;
  do {
    const page = await asked(connection, { action: "cloudwatch:GetMetricData", on: "AWS/ApplicationELB" }, () =>
      clientOf(connection, ["cloudwatch"], (settings) => new CloudWatchClient(settings)).send(
        new GetMetricDataCommand({
          MetricDataQueries: queries,
          StartTime: new Date(from),
          EndTime: new Date(until),
          ScanBy: "TimestampAscending",
          NextToken,
        }),
      ),
    );
    for (const { Id = "", Timestamps = [], Values = [], StatusCode = "Complete" } of page.MetricDataResults ?? []) {
      const name = names.get(Id);
      // Of a result that goes on on the next page, CloudWatch says "PartialData"; the last page has the last word.
      if (StatusCode === "Complete") incomplete.delete(Id);
      else incomplete.set(Id, `${name ?? Id}: ${StatusCode}`);
      for (const [i, at] of Timestamps.entries()) {
        const value = Values[i];
        if (name !== undefined && value !== undefined) found.set(`${name} ${at.getTime()}`, value);
      }
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined && NextToken !== "");
  if (incomplete.size > 0)
    throw new TelemetryUnreachable(`CloudWatch gives no complete figures: ${[...incomplete.values()].join(", ")}`);
  return { at: (name, time) => found.get(`${name} ${time}`) };
}

function queriesFor(
  { loadBalancer, targetGroups }: AwsTelemetryAddress,
  edges: readonly number[],
): { queries: MetricDataQuery[]; names: Map<string, FigureName> } {
  const names = new Map<string, FigureName>();
  const balancer: Dimensions = [{ Name: "LoadBalancer", Value: balancerDimension(loadBalancer) }];
  const query = (name: FigureName, MetricName: string, Stat: string, Dimensions: Dimensions): MetricDataQuery => {
    const Id = `q${names.size}`;
    names.set(Id, name);
    const Metric = { Namespace: "AWS/ApplicationELB", MetricName, Dimensions };
    return { Id, MetricStat: { Metric, Stat, Period: periodMs / 1000 }, ReturnData: true };
  };
  const ofGroup = (colour: Colour): MetricDataQuery[] => {
    const group = [{ Name: "TargetGroup", Value: groupDimension(targetGroups[colour]) }, ...balancer];
    return [
      ...countsOfGroup.map((name) => query(`${colour} ${name}`, name, "Sum", group)),
      query(`${colour} timed`, "TargetResponseTime", "SampleCount", group),
      ...edges.map((edge) => query(`${colour} within ${edge}`, "TargetResponseTime", `PR(:${edge})`, group)),
    ];
  };
  const queries = [
    ...COLOURS.flatMap(ofGroup),
    query("balancer errors", "HTTPCode_ELB_5XX_Count", "Sum", balancer),
    query("balancer requests", "RequestCount", "Sum", balancer),
  ];
  return { queries, names };
}
