import * as kms from "@pulumi/aws/kms";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import { policyOf, type Statement } from "./policy";

/** What each key is for; who may use one purpose's data can't read another's. */
const purposes = {
  database: "the database, its snapshots and its performance figures",
  secrets: "secrets: the database's passwords, and what releases keep secret",
  logs: "logs of the network, the database and the colours",
  store: "the object store: records and backups",
  alarms: "messages about alarms and events",
} as const;
export type Purpose = keyof typeof purposes;

/** One customer key a purpose, rotated every year, for this account alone. */
export class Keys extends pulumi.ComponentResource {
  /** ARNs. */
  readonly of: Readonly<Record<Purpose, pulumi.Output<string>>>;

  constructor(name: string, account: Account, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Keys", name, {}, options);
    const make = (purpose: Purpose): pulumi.Output<string> => {
      const key = new kms.Key(
        `${name}-${purpose}`,
        {
          description: `Switchyard, ${account.base}: ${purposes[purpose]}`,
          enableKeyRotation: true,
          // What was encrypted with a deleted key is lost: as long as AWS lets us think again.
          deletionWindowInDays: 30,
          policy: policyOf(...statementsOf(purpose, account)),
        },
        // Snapshots and backups outlive a destroy, and so must what reads them.
        { parent: this, retainOnDelete: true },
      );
      new kms.Alias(
        `${name}-${purpose}`,
        { name: `alias/${account.base}-${purpose}`, targetKeyId: key.id },
        // As a key's child it would be kept with it, and be in the way of the next one of its name.
        { parent: this },
      );
      return key.arn;
    };
    this.of = {
      database: make("database"),
      secrets: make("secrets"),
      logs: make("logs"),
      store: make("store"),
      alarms: make("alarms"),
    };
    this.registerOutputs({});
  }
}

/** The account decides by its own policies who uses a key; a service that comes by itself is named here. */
function statementsOf(purpose: Purpose, { id, partition, region }: Account): Statement[] {
  const account: Statement = {
    sid: "Account",
    principals: { AWS: pulumi.interpolate`arn:${partition}:iam::${id}:root` },
    actions: ["kms:*"],
    // In a key's policy this is the key itself.
    resources: ["*"],
  };
  if (purpose === "alarms") return [account, ...publishers.map((service) => publisher(service, id))];
  if (purpose !== "logs") return [account];
  return [
    account,
    {
      sid: "Logs",
      principals: { Service: `logs.${region}.amazonaws.com` },
      actions: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
      resources: ["*"],
      condition: {
        ArnLike: {
          "kms:EncryptionContext:aws:logs:arn": pulumi.interpolate`arn:${partition}:logs:${region}:${id}:log-group:*`,
        },
      },
    },
  ];
}

/** Who publishes to the stack's topics: what they hand over is encrypted in their name. */
const publishers = ["cloudwatch", "events.rds"] as const;

const publisher = (service: (typeof publishers)[number], account: pulumi.Input<string>): Statement => ({
  sid: service === "cloudwatch" ? "Alarms" : "Database",
  principals: { Service: `${service}.amazonaws.com` },
  actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
  resources: ["*"],
  condition: { StringEquals: { "aws:SourceAccount": account } },
});
