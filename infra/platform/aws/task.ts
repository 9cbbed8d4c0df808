import * as ecs from "@pulumi/aws/ecs";
import * as pulumi from "@pulumi/pulumi";
import type { AwsConfig, Colour, PoolSettings } from "../../config";
import type { AwsRelease } from "../../config/sections/release";
import type { FittedPool } from "../../database/budget";
import type { ServiceDatabase } from "..";
import type { Account } from "./account";

/** The user that copies run as, by number: no image is trusted to name one. The official Node.js images call it `node`. */
const unprivileged = "1000:1000";

export interface TaskArgs {
  readonly account: Account;
  readonly colour: Colour;
  readonly release: AwsRelease;
  readonly service: AwsConfig["service"];
  /** Host and port as copies reach it: the instance, or its proxy. */
  readonly database: Pick<ServiceDatabase, "name" | "user" | "needs"> & {
    readonly host: pulumi.Input<string>;
    readonly port: number;
  };
  readonly pool: PoolSettings & FittedPool;
  /** What a container's `secrets` hold: by name, where the value is. */
  readonly secrets: Readonly<Record<string, pulumi.Input<string>>>;
  /** Those of the release's own variables that are no secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly logGroup: pulumi.Input<string>;
  readonly executionRole: pulumi.Input<string>;
  readonly taskRole: pulumi.Input<string>;
}

/** What a copy is started with. Each change is another revision; old ones stay, for a deployment that goes back to one. */
export function taskDefinition(
  name: string,
  args: TaskArgs,
  options: pulumi.CustomResourceOptions,
): ecs.TaskDefinition {
  const { account, colour, service } = args;
  return new ecs.TaskDefinition(
    name,
    {
      family: `${account.base}-${colour}`,
      ...{ requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc" },
      ...{ cpu: String(service.cpu), memory: String(service.memory) },
      runtimePlatform: { cpuArchitecture: service.architecture, operatingSystemFamily: "LINUX" },
      ...{ executionRoleArn: args.executionRole, taskRoleArn: args.taskRole },
      containerDefinitions: pulumi.jsonStringify([containerOf(args)]),
      skipDestroy: true,
    },
    options,
  );
}

function containerOf({ account, colour, release, service, logGroup, secrets, ...args }: TaskArgs) {
  const variables: Record<string, pulumi.Input<string>> = {
    ...args.env,
    ...ownVariables({ colour, release, service, ...args }),
  };
  return {
    name: colour,
    image: release.image,
    essential: true,
    user: unprivileged,
    privileged: false,
    readonlyRootFilesystem: true,
    linuxParameters: {
      // Fargate allows nothing but this of what Docker does for processes that others leave behind.
      initProcessEnabled: true,
      capabilities: { drop: ["ALL"] },
      // In memory, where everybody may write: a volume of Fargate's is root's alone. In MiB.
      tmpfs: [{ containerPath: "/tmp", size: Math.floor(service.memory / 4) }],
    },
    portMappings: [{ containerPort: service.port, hostPort: service.port, protocol: "tcp" }],
    stopTimeout: service.stopTimeout / 1000,
    // In an order of their own: AWS gives them back in another, which would be a change at every `up`.
    environment: sorted(variables).map(([key, value]) => ({ name: key, value })),
    secrets: sorted(secrets).map(([key, valueFrom]) => ({ name: key, valueFrom })),
    logConfiguration: {
      logDriver: "awslogs",
      options: {
        "awslogs-group": logGroup,
        "awslogs-region": account.region,
        "awslogs-stream-prefix": colour,
        // A log that can't be written must not stop the service.
        mode: "non-blocking",
        "max-buffer-size": "4m",
      },
    },
  };
}

/** What the platform tells each copy, on AWS as on one machine. */
function ownVariables({
  colour,
  release,
  service,
  database,
  pool,
}: Pick<TaskArgs, "colour" | "release" | "service" | "database" | "pool">): Record<string, pulumi.Input<string>> {
  return {
    NODE_ENV: "production",
    HOST: "0.0.0.0",
    PORT: String(service.port),
    COLOUR: colour,
    RELEASE: release.version,
    SCHEMA: release.schema,
    SCHEMA_NEEDS: database.needs,
    PGHOST: database.host,
    PGPORT: String(database.port),
    PGDATABASE: database.name,
    PGUSER: database.user,
    PGSSLMODE: "verify-full",
    ...(service.caBundle !== undefined && { PGSSLROOTCERT: service.caBundle }),
    POOL_MAX: String(pool.max),
    POOL_MIN: String(pool.min),
    POOL_IDLE_MS: String(pool.idle),
    POOL_CONNECT_MS: String(pool.connect),
    STATEMENT_TIMEOUT_MS: String(pool.statement),
    // Requests in flight get this long once a copy is asked to end; ECS ends it after stopTimeout.
    DRAIN_MS: String(service.deregistrationDelay),
  };
}

const sorted = <T>(values: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
