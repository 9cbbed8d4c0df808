import { createHash } from "node:crypto";
import * as iam from "@pulumi/aws/iam";
import * as rds from "@pulumi/aws/rds";
import { getSecretVersionOutput } from "@pulumi/aws/secretsmanager";
import type * as ec2 from "@pulumi/aws/ec2";
import * as pulumi from "@pulumi/pulumi";
import type { DatabaseSettings, RdsSettings } from "../../config";
import type { Account } from "./account";
import { familyOf, parametersOf } from "./database-parameters";
import type { Keys } from "./keys";
import { logGroup, type Logs } from "./logs";
import type { Network } from "./network";
import { trust } from "./policy";
import { seedSnapshot } from "./seed/snapshot";
import { waive } from "./waive";

/** The master user, whose password RDS makes, keeps and changes by itself. Not one of the names that everybody tries. */
export const master = "switchyard";

/** Not PostgreSQL's own port: RDS.23. */
export const databasePort = 5433;

interface DatabaseArgs {
  readonly database: DatabaseSettings;
  readonly rds: RdsSettings;
  readonly account: Account;
  readonly network: Network;
  readonly keys: Keys;
  readonly logs: Logs;
  /** Who may speak to it is in its rules. */
  readonly group: ec2.SecurityGroup;
}

/** The RDS instance that both colours share, with all that stands around it. */
export class Database extends pulumi.ComponentResource {
  readonly instance: rds.Instance;
  /** Its host, by which the name in its certificate goes. */
  readonly host: pulumi.Output<string>;
  /** The master user's; secret. Read anew by every `up`, since RDS changes it every week. */
  readonly masterPassword: pulumi.Output<string>;
  /** What AWS doesn't delete while the instance is kept: what serves depends on it, so that it goes before that is tried. */
  readonly kept: readonly pulumi.Resource[];

  constructor(name: string, args: DatabaseArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Database", name, {}, options);
    const { account } = args;
    const subnets = new rds.SubnetGroup(
      name,
      { name: account.base, description: "Private subnets of the stack", subnetIds: args.network.privateSubnetIds },
      { parent: this },
    );
    const parameters = this.#parameters(name, args);
    this.kept = [subnets, parameters];
    const groups = ["postgresql", "upgrade"].map((log) =>
      logGroup(`${name}-${log}`, `/aws/rds/instance/${account.base}/${log}`, args.logs, this),
    );
    this.instance = this.#instance(name, args, subnets, parameters, this.#monitoring(name, account), groups);
    this.host = this.instance.address;
    this.masterPassword = passwordOf(this.instance, this);
    this.registerOutputs({ host: this.host });
  }

  /** Its name has the major version in it: a group can't change its family, nor go while an instance uses it. */
  #parameters(name: string, { database, account }: DatabaseArgs): rds.ParameterGroup {
    return new rds.ParameterGroup(
      name,
      {
        name: `${account.base}-${familyOf(database.majorVersion)}`,
        family: familyOf(database.majorVersion),
        description: "How PostgreSQL is run for the stack",
        parameters: parametersOf(database.maxConnections).map((parameter) => ({ ...parameter })),
      },
      { parent: this },
    );
  }

  /** Enhanced monitoring writes what the machine below the database does. */
  #monitoring(name: string, { base, id, partition }: Account): iam.RolePolicyAttachment {
    const role = new iam.Role(
      `${name}-monitoring`,
      {
        name: `${base}-database-monitoring`,
        description: "Enhanced monitoring of the stack's database",
        assumeRolePolicy: trust("monitoring.rds.amazonaws.com", id),
      },
      { parent: this },
    );
    return new iam.RolePolicyAttachment(
      `${name}-monitoring`,
      {
        role: role.name,
        policyArn: pulumi.interpolate`arn:${partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole`,
      },
      { parent: role },
    );
  }

  #instance(
    name: string,
    { database, rds: settings, account, keys, group }: DatabaseArgs,
    subnets: rds.SubnetGroup,
    parameters: rds.ParameterGroup,
    monitoring: iam.RolePolicyAttachment,
    logs: pulumi.Resource[],
  ): rds.Instance {
    const { base, id, partition } = account;
    const { seedFrom } = settings;
    const seed = seedFrom && seedSnapshot(`${name}-seed`, seedFrom, { account, keys, rds: settings }, { parent: this });
    const instance = new rds.Instance(
      name,
      {
        identifier: base,
        ...{ engine: "postgres", engineVersion: String(database.majorVersion), instanceClass: settings.instanceClass },
        ...{
          allocatedStorage: seed?.storage ?? settings.storage,
          maxAllocatedStorage: settings.maxStorage,
          storageType: "gp3",
        },
        ...{ storageEncrypted: true, kmsKeyId: keys.of.database },
        ...{ multiAz: settings.multiAz, port: databasePort, publiclyAccessible: false },
        ...{ dbSubnetGroupName: subnets.name, vpcSecurityGroupIds: [group.id], parameterGroupName: parameters.name },
        ...{ username: master, manageMasterUserPassword: true, masterUserSecretKmsKeyId: keys.of.secrets },
        ...{ iamDatabaseAuthenticationEnabled: true, caCertIdentifier: settings.caIdentifier },
        ...{ backupRetentionPeriod: settings.backupDays, backupWindow: "02:00-03:00", copyTagsToSnapshot: true },
        ...{ deleteAutomatedBackups: false, deletionProtection: true },
        ...{ maintenanceWindow: "sun:03:30-sun:04:30", autoMinorVersionUpgrade: true },
        ...{ enabledCloudwatchLogsExports: ["postgresql", "upgrade"], monitoringInterval: 60 },
        monitoringRoleArn: pulumi.interpolate`arn:${partition}:iam::${id}:role/${monitoring.role}`,
        ...{ performanceInsightsEnabled: true, performanceInsightsKmsKeyId: keys.of.database },
        // Days; what costs nothing.
        performanceInsightsRetentionPeriod: 7,
        ...(seed && { snapshotIdentifier: seed.name }),
        ...{ skipFinalSnapshot: false, finalSnapshotIdentifier: finalSnapshot(base, group, keys, settings) },
        // What was approved is what happens now, and not in a night when nobody looks.
        applyImmediately: true,
      },
      {
        parent: this,
        dependsOn: [...logs, monitoring],
        protect: true,
        retainOnDelete: true,
        // What it was made from, and how large that was, once; a minor version is raised by RDS itself.
        ignoreChanges: ["snapshotIdentifier", ...(seed ? ["allocatedStorage"] : [])],
        // A large snapshot takes longer than the provider's 40 minutes.
        customTimeouts: { create: "2h" },
      },
    );
    if (!settings.multiAz)
      waive(
        instance,
        ["RDS.5", "CKV_AWS_157"],
        "switchyard:rds.multiAz is false: this stack may be down while RDS mends a zone",
      );
    return instance;
  }
}

/**
 * The name of the snapshot that a deletion takes, which can be used once only. So it is made of what no other instance has:
 * the id of its security group, and everything whose change would make another instance of it.
 */
function finalSnapshot(
  base: string,
  group: ec2.SecurityGroup,
  keys: Keys,
  settings: RdsSettings,
): pulumi.Output<string> {
  return pulumi.all([group.id, keys.of.database]).apply(([groupId, key]) => {
    const made = JSON.stringify([key, settings.seedFrom ?? "", master]);
    const hash = createHash("sha256").update(made).digest("hex").slice(0, 8);
    return `${base}-final-${groupId.replace(/^sg-/, "")}-${hash}`;
  });
}

function passwordOf(instance: rds.Instance, parent: pulumi.Resource): pulumi.Output<string> {
  const secretId = instance.masterUserSecrets.apply((secrets) => {
    const arn = secrets[0]?.secretArn;
    if (arn === undefined) throw new Error("RDS names no secret of the database's master user");
    return arn;
  });
  const version = getSecretVersionOutput({ secretId }, { parent });
  return pulumi.secret(
    version.secretString.apply((text) => {
      const { password } = JSON.parse(text) as { password?: string };
      if (password === undefined) throw new Error("the secret of the database's master user holds no password");
      return password;
    }),
  );
}
