import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import { Bucket } from "./bucket";
import type { Keys } from "./keys";
import { waive } from "./waive";

const year = 365;

/** Records and backups, and the bucket that says who read them. */
export class Store extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;
  /** The bucket that access logs go to: S3's and the load balancer's. */
  readonly accessLogs: Bucket;

  /** @param lockDays for how many days nobody may delete what is in the store; undefined for no lock */
  constructor(
    name: string,
    {
      account: { base, id, partition },
      keys,
      lockDays,
    }: { account: Account; keys: Keys; lockDays: number | undefined },
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Store", name, {}, options);
    this.accessLogs = new Bucket(
      "access-logs",
      {
        prefix: `${base}-logs-`,
        ...{ expireDays: year, oldVersionDays: 30 },
        statements: (bucketArn) => [
          {
            sid: "LoadBalancer",
            principals: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
            actions: ["s3:PutObject"],
            resources: [pulumi.interpolate`${bucketArn}/balancer/AWSLogs/${id}/*`],
            condition: {
              ArnLike: {
                "aws:SourceArn": pulumi.interpolate`arn:${partition}:elasticloadbalancing:*:${id}:loadbalancer/*`,
              },
            },
          },
          {
            sid: "Buckets",
            principals: { Service: "logging.s3.amazonaws.com" },
            actions: ["s3:PutObject"],
            resources: [pulumi.interpolate`${bucketArn}/store/*`],
            condition: { StringEquals: { "aws:SourceAccount": id } },
          },
        ],
      },
      { parent: this },
    );
    const own = this.accessLogs.bucket;
    waive(own, ["CKV_AWS_145"], "load balancers write access logs to buckets with S3's own keys alone");
    waive(own, ["S3.9", "CKV_AWS_18"], "it holds the access logs; its own would be about themselves, without an end");
    waive(own, ["CKV_AWS_144"], "access logs are of no use in another region");
    waive(own, ["CKV2_AWS_62"], "nobody waits for an access log");

    const store = new Bucket(
      name,
      {
        prefix: `${base}-store-`,
        key: keys.of.store,
        ...{ oldVersionDays: 90, lockDays },
        accessLog: { bucket: own.id, prefix: "store/" },
      },
      { parent: this, dependsOn: this.accessLogs.ready },
    );
    waive(
      store.bucket,
      ["CKV_AWS_144"],
      "a copy in another region is the account's to decide: it doubles the cost of backups",
    );
    waive(store.bucket, ["CKV2_AWS_62"], "who writes a record or a backup reads it back in the same `up`");
    this.bucket = store.bucket.bucket;
    this.registerOutputs({});
  }
}
