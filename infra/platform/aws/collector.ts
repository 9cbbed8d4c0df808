import { relative } from "node:path";
import * as iam from "@pulumi/aws/iam";
import * as lambda from "@pulumi/aws/lambda";
import type { Schedule } from "@pulumi/aws/scheduler/schedule";
import * as pulumi from "@pulumi/pulumi";
import type { FunctionEnvironment } from "../../collector/function";
import type { AwsConfig } from "../../config";
import type { Login } from "../../database/access";
import { loginKinds, roleNames } from "../../database/names";
import { functionRuntime, writeFunction } from "../../lambda/bundle";
import { inProject } from "../../providers/project";
import type { Account } from "./account";
import { ownNamespace } from "./alarms";
import { databasePort, type Database } from "./database";
import type { Groups } from "./groups";
import type { Keys } from "./keys";
import { logGroup, type Logs } from "./logs";
import type { Network } from "./network";
import { joiningNetwork, policyOf, trust } from "./policy";
import { scheduled } from "./scheduled";
import { Secret } from "./secret";
import { waive } from "./waive";

interface CollectorArgs {
  readonly config: Pick<AwsConfig, "database" | "rds">;
  readonly account: Account;
  readonly database: Database;
  readonly network: Network;
  readonly groups: Groups;
  readonly keys: Keys;
  readonly logs: Logs;
  /** Of the monitoring role. */
  readonly login: Login;
}

/** Seconds that one look may take: less than there are between two. */
const timeout = 30;

/** Where Lambda has Amazon's certificates, RDS's among them; Node.js doesn't trust them by itself there since 20. */
const certificatesOfLambda = "/var/runtime/ca-cert.pem";

/**
 * Reads each minute what CloudWatch doesn't know of the database, as the monitoring role: a function in the private subnets,
 * whose log CloudWatch takes metrics out of. Nothing waits for it but the alarms on its figures.
 */
export class Collector extends pulumi.ComponentResource {
  /** What makes it look: the last of its parts. */
  readonly schedule: Schedule;

  constructor(name: string, args: CollectorArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Collector", name, {}, options);
    const { account } = args;
    const functionName = `${account.base}-${name}`;
    const looks = this.#function(name, functionName, args);
    this.schedule = scheduled(
      name,
      {
        ...{ called: looks, functionName, account, expression: "rate(1 minute)" },
        describes: { role: "Calls the collector each minute", schedule: "Reads the database's own figures" },
        // A minute that was missed is over: the next one comes by itself.
        again: { attempts: 0, seconds: 60 },
        unencrypted: "it hands nothing over: there is nothing in it to encrypt",
      },
      this,
    );
    this.registerOutputs({});
  }

  #function(name: string, functionName: string, args: CollectorArgs): lambda.Function {
    const { account, network, groups, keys, config } = args;
    const log = logGroup(name, `/switchyard/${account.base}/collector`, args.logs, this);
    const login = new Secret(
      "monitoring-login",
      {
        name: `${account.base}-monitoring-login`,
        description: "How the collector logs in at the database",
        key: keys.of.secrets,
        values: { username: args.login.user, password: args.login.password },
      },
      { parent: this },
    );
    const { role, policies } = this.#role(name, functionName, args, { log: log.arn, login });
    const looks = new lambda.Function(
      name,
      {
        ...{ name: functionName, description: "Reads the database's own figures each minute", role: role.arn },
        ...{ runtime: functionRuntime, architectures: ["arm64"], handler: "index.handler" },
        code: codeOf(config.rds),
        // MiB: all of pg_stat_statements' 5,000 statements are 2; CPU goes with memory, and TLS takes some.
        ...{ timeout, memorySize: 256 },
        ...{ environment: { variables: variablesOf(args, login) }, kmsKeyArn: keys.of.secrets },
        vpcConfig: { subnetIds: network.privateSubnetIds, securityGroupIds: [groups.collector.id] },
        loggingConfig: { logFormat: "Text", logGroup: log.name },
      },
      { parent: this, dependsOn: [...policies, ...groups.rules] },
    );
    waive(
      looks,
      ["CKV_AWS_115"],
      "AWS lets none of a new account's 10 be reserved; a look ends before the next one begins, so it takes one of them at a time",
    );
    waive(looks, ["CKV_AWS_50", "Lambda.7"], "one session of the database a minute: there is no way of calls to trace");
    waive(
      looks,
      ["CKV_AWS_116"],
      "a look that failed is missed by the alarm `collector-silent`, and worth nothing later",
    );
    waive(
      looks,
      ["CKV_AWS_272"],
      "whoever may change it is whoever runs `pulumi up`: it is made of this repository there",
    );
    new lambda.FunctionEventInvokeConfig(
      name,
      // Lambda would try again twice, minutes later.
      { functionName: looks.name, maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
      { parent: looks },
    );
    return looks;
  }

  #role(
    name: string,
    functionName: string,
    { account, keys }: CollectorArgs,
    { log, login }: { log: pulumi.Output<string>; login: Secret },
  ): { role: iam.Role; policies: iam.RolePolicy[] } {
    const role = new iam.Role(
      name,
      {
        name: functionName,
        description: "Reads the database's own figures",
        assumeRolePolicy: trust("lambda.amazonaws.com", account.id),
      },
      { parent: this },
    );
    const own = new iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyOf(
          { sid: "Secret", actions: ["secretsmanager:GetSecretValue"], resources: [login.arn] },
          // Of the secret, and of the function's own variables.
          { sid: "Key", actions: ["kms:Decrypt"], resources: [keys.of.secrets] },
          {
            sid: "Log",
            actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
            resources: [pulumi.interpolate`${log}:*`],
          },
        ),
      },
      { parent: role },
    );
    const network = new iam.RolePolicy(
      `${name}-network`,
      { role: role.name, policy: policyOf(...joinsNetwork(account, functionName)) },
      { parent: role },
    );
    waive(
      network,
      ["CKV_AWS_355"],
      "Lambda makes interfaces whose names nobody knows before; the function itself may not",
    );
    return { role, policies: [own, network] };
  }
}

/** Lambda does it for the function, and the function itself may not: so its guide's security best practices have it. */
function joinsNetwork({ id, partition, region }: Account, functionName: string) {
  const itself = pulumi.interpolate`arn:${partition}:lambda:${region}:${id}:function:${functionName}`;
  return [
    { sid: "Network", actions: joiningNetwork, resources: ["*"] },
    {
      ...{ sid: "NotByItself", effect: "Deny" as const, actions: joiningNetwork, resources: ["*"] },
      condition: { ArnEquals: { "lambda:SourceFunctionArn": itself } },
    },
  ];
}

/** In files, as what an asset holds itself is kept in state, in each of its copies. */
function codeOf({ caBundle }: AwsConfig["rds"]): Promise<pulumi.asset.AssetArchive> {
  return writeFunction("collector", `.switchyard/${pulumi.getStack()}/collector`).then(
    (file) =>
      new pulumi.asset.AssetArchive({
        "index.js": assetOf(file),
        ...(caBundle !== undefined && { "ca.pem": assetOf(caBundle) }),
      }),
  );
}

/** The engine looks for a file from where the program runs, and not from the project. */
const assetOf = (file: string): pulumi.asset.FileAsset =>
  new pulumi.asset.FileAsset(relative(process.cwd(), inProject(file)));

function variablesOf({ config, account, database }: CollectorArgs, login: Secret): Inputs<FunctionEnvironment> {
  const { name } = config.database;
  const names = roleNames(name);
  return {
    ...{ PGHOST: database.host, PGPORT: String(databasePort), PGDATABASE: name, PGUSER: names.monitoring },
    PGSSLROOTCERT: config.rds.caBundle === undefined ? certificatesOfLambda : "/var/task/ca.pem",
    SECRET: login.arn,
    NAMESPACE: ownNamespace(account.base),
    SERVICE_ROLES: [names.blue, names.green].join(","),
    ALL_ROLES: loginKinds.map((kind) => names[kind]).join(","),
  };
}

type Inputs<T> = { [K in keyof T]: pulumi.Input<T[K]> };
