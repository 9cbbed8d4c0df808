import {
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  UpdateServiceCommand,
  type Service,
} from "@aws-sdk/client-ecs";
import { asked, clientOf, type AwsConnection } from "../sdk";

/** A service of ECS, as far as it is watched and mended here. */
export interface EcsService {
  readonly connection: AwsConnection;
  readonly cluster: string;
  readonly service: string;
}

const client = (connection: AwsConnection): ECSClient =>
  clientOf(connection, ["ecs"], (settings) => new ECSClient(settings));

/** The service as it is; undefined when there is none of that name. */
export async function describe(
  { connection, cluster, service }: EcsService,
  name = service,
): Promise<Service | undefined> {
  const answer = await asked(connection, { action: "ecs:DescribeServices", on: name }, () =>
    client(connection).send(new DescribeServicesCommand({ cluster, services: [name] })),
  );
  return answer.services?.find(({ serviceName, status }) => serviceName === name && status !== "INACTIVE");
}

export async function change(
  { connection, cluster, service }: EcsService,
  to: { taskDefinition?: string; desiredCount?: number },
): Promise<void> {
  await asked(connection, { action: "ecs:UpdateService", on: service }, () =>
    client(connection).send(new UpdateServiceCommand({ cluster, service, ...to })),
  );
}

/**
 * What ECS could not do for it, in its own words, the newest: a copy that was never placed (a quota, no address) has stopped for no
 * reason, and only the service's events tell.
 * @param since milliseconds since the epoch
 */
export function unable({ events = [] }: Service, since: number): string | undefined {
  const lately = events.filter(({ createdAt }) => createdAt !== undefined && createdAt.getTime() >= since);
  return lately.find(({ message = "" }) => /\bunable to\b/.test(message))?.message;
}

/** Why copies of it stopped lately, each reason once: what an operator would look up first. At most five. */
export async function stopReasons({ connection, cluster, service }: EcsService): Promise<string[]> {
  const { taskArns = [] } = await asked(connection, { action: "ecs:ListTasks", on: service }, () =>
    client(connection).send(
      new ListTasksCommand({ cluster, serviceName: service, desiredStatus: "STOPPED", maxResults: 20 }),
    ),
  );
  if (taskArns.length === 0) return [];
  const { tasks = [] } = await asked(connection, { action: "ecs:DescribeTasks", on: service }, () =>
    client(connection).send(new DescribeTasksCommand({ cluster, tasks: taskArns })),
  );
  const reasons = tasks.flatMap(({ stoppedReason = "", containers = [] }) => {
    const ofContainers = containers.map(({ exitCode, reason }) =>
      [exitCode === undefined ? "" : `exit code ${exitCode}`, reason ?? ""].filter(Boolean).join(", "),
    );
    return [stoppedReason, ...ofContainers].filter(Boolean).join("; ");
  });
  return [...new Set(reasons.filter(Boolean))].slice(0, 5);
}
