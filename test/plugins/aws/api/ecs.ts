import type { Properties } from "../../protocol/values";
import type { Row, Rows } from "../account";
import { AwsError } from "../errors";
import { number, text, textsAt } from "../values";

const token = "aws:ecs/service:Service";

/** What a test says of a service beside what is declared, as option "service <name>" of the account. */
export interface ServiceOption {
  runningCount?: number;
  /** The revision that the circuit breaker put back. */
  taskDefinition?: string;
  rolloutState?: "COMPLETED" | "IN_PROGRESS" | "FAILED";
}

/** Option of the account that says that copies really run: of each service those of option "runs <name>", and none before. */
export const realCopies = "copies run";

/** How many copies a service has: as many as are desired, unless the test says otherwise. */
export function copiesOf(rows: Rows, outs: Properties): { desiredCount: number; runningCount: number } {
  const desiredCount = number(outs, "desiredCount") ?? 0;
  const { runningCount = runsOf(rows, outs) === undefined ? 0 : desiredCount } = optionOf(rows, outs);
  return { desiredCount, runningCount };
}

const optionOf = (rows: Rows, outs: Properties): ServiceOption => rows.option(`service ${text(outs, "name")}`) ?? {};

/** The revision that copies of a service run; undefined while none does. */
const runsOf = (rows: Rows, outs: Properties): string | undefined =>
  rows.option(realCopies) === true
    ? (rows.option(`runs ${text(outs, "name")}`) as string | undefined)
    : text(outs, "taskDefinition");

function described(rows: Rows, { id, outs }: Row): Properties {
  const declared = text(outs, "taskDefinition");
  const usual =
    runsOf(rows, outs) === declared || copiesOf(rows, outs).desiredCount === 0 ? "COMPLETED" : "IN_PROGRESS";
  const { rolloutState = usual, taskDefinition = declared } = optionOf(rows, outs);
  const counts = { ...copiesOf(rows, outs), pendingCount: 0 };
  const deployment = { id: "ecs-svc/1", status: "PRIMARY", taskDefinition, rolloutState, failedTasks: 0, ...counts };
  return {
    ...{ serviceArn: id, serviceName: outs["name"], clusterArn: outs["cluster"], status: "ACTIVE", taskDefinition },
    ...counts,
    deployments: [deployment],
  };
}

function find(rows: Rows, parameters: Properties, name: string): Row | undefined {
  const cluster = text(parameters, "cluster").split("/").at(-1);
  return rows
    .all(token)
    .find(
      ({ id, outs }) => (outs["name"] === name || id === name) && text(outs, "cluster").split("/").at(-1) === cluster,
    );
}

/** What the program asks ECS while it runs. */
export const ecs: Record<string, (parameters: Properties, rows: Rows) => Properties> = {
  DescribeServices: (parameters, rows) => {
    const names = textsAt(parameters, "services");
    const found = names.map((name) => [name, find(rows, parameters, name)] as const);
    return {
      services: found.flatMap(([, row]) => (row === undefined ? [] : [described(rows, row)])),
      failures: found.flatMap(([name, row]) => (row === undefined ? [{ arn: name, reason: "MISSING" }] : [])),
    };
  },
  UpdateService: (parameters, rows) => {
    const row = find(rows, parameters, text(parameters, "service"));
    if (row === undefined) throw new AwsError("ServiceNotFoundException", "Service not found.");
    const sent = ["taskDefinition", "desiredCount"].filter((key) => parameters[key] !== undefined);
    const next = { ...row, outs: { ...row.outs, ...Object.fromEntries(sent.map((key) => [key, parameters[key]])) } };
    rows.put(next);
    return { service: described(rows, next) };
  },
  ListTasks: () => ({ taskArns: [] }),
  DescribeTasks: () => ({ tasks: [], failures: [] }),
};
