import * as iam from "@pulumi/aws/iam";
import * as rds from "@pulumi/aws/rds";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import type { Database } from "./database";
import type { Groups } from "./groups";
import type { Keys } from "./keys";
import type { Network } from "./network";
import { policyOf, trust } from "./policy";
import type { Secret } from "./secret";

interface ProxyArgs {
  readonly account: Account;
  readonly database: Database;
  readonly groups: Groups;
  readonly network: Network;
  readonly keys: Keys;
  /** Username and password of each colour. */
  readonly secrets: readonly Secret[];
}

/**
 * Share of the instance's connections that the proxy takes, in percent. RDS's default is 100, which would leave migrations,
 * dumps and monitoring none: they never go through it.
 */
const mostConnections = 80;

/** Keeps copies' connections for them. Migrations and dumps go past it: SET, session locks and cursors would pin it. */
export class Proxy extends pulumi.ComponentResource {
  readonly endpoint: pulumi.Output<string>;

  constructor(name: string, args: ProxyArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Proxy", name, {}, options);
    const { account, database, groups, network, secrets } = args;
    const role = this.#role(name, args);
    const proxy = new rds.Proxy(
      name,
      {
        name: account.base,
        ...{ engineFamily: "POSTGRESQL", requireTls: true, roleArn: role.arn },
        auths: secrets.map(({ arn }) => ({ authScheme: "SECRETS", iamAuth: "DISABLED", secretArn: arn })),
        vpcSecurityGroupIds: groups.proxy === undefined ? [] : [groups.proxy.id],
        vpcSubnetIds: network.privateSubnetIds,
      },
      { parent: this },
    );
    const pool = new rds.ProxyDefaultTargetGroup(
      name,
      {
        dbProxyName: proxy.name,
        connectionPoolConfig: {
          maxConnectionsPercent: mostConnections,
          maxIdleConnectionsPercent: 50,
          connectionBorrowTimeout: 2,
        },
      },
      { parent: proxy },
    );
    new rds.ProxyTarget(
      name,
      { dbProxyName: proxy.name, targetGroupName: pool.name, dbInstanceIdentifier: database.instance.identifier },
      { parent: pool },
    );
    this.endpoint = proxy.endpoint;
    this.registerOutputs({});
  }

  #role(name: string, { account, secrets, keys }: ProxyArgs): iam.Role {
    const role = new iam.Role(
      name,
      {
        name: `${account.base}-proxy`,
        description: "Logs the proxy in at the stack's database",
        assumeRolePolicy: trust("rds.amazonaws.com", account.id),
      },
      { parent: this },
    );
    new iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyOf(
          { actions: ["secretsmanager:GetSecretValue"], resources: secrets.map(({ arn }) => arn) },
          { actions: ["kms:Decrypt"], resources: [keys.of.secrets] },
        ),
      },
      { parent: role },
    );
    return role;
  }
}
