import * as s3 from "@pulumi/aws/s3";
import * as pulumi from "@pulumi/pulumi";
import { policyOf, tlsOnly, type Statement } from "./policy";

export interface BucketArgs {
  /** How its name begins; AWS adds what makes it the only one in the world. At most 37 characters. */
  readonly prefix: string;
  /** ARN of the key that objects are encrypted with. @default S3's own keys */
  readonly key?: pulumi.Input<string>;
  /** After how many days objects go. @default never */
  readonly expireDays?: number;
  /** After how many days a version goes that was replaced or deleted. */
  readonly oldVersionDays: number;
  /** For how many days nobody may delete a version of an object, though it may be hidden. @default no such lock */
  readonly lockDays?: number | undefined;
  /** Who may do what beside the account itself. */
  readonly statements?: (bucketArn: pulumi.Output<string>) => Statement[];
  /** The bucket that is told of each access. @default none */
  readonly accessLog?: { readonly bucket: pulumi.Input<string>; readonly prefix: string };
}

/** A bucket as every one here is: private, versioned, encrypted, over TLS alone, and rid of what nobody needs. */
export class Bucket extends pulumi.ComponentResource {
  readonly bucket: s3.Bucket;
  /** Everything that must be there before somebody writes. */
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: BucketArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Bucket", name, {}, options);
    // A destroy leaves objects where they are; a bucket that holds some could not be deleted anyway.
    const bucket = new s3.Bucket(
      name,
      { bucketPrefix: args.prefix, forceDestroy: false },
      { parent: this, protect: true, retainOnDelete: true },
    );
    this.bucket = bucket;
    const of = { bucket: bucket.id };
    const inBucket = { parent: bucket, deletedWith: bucket };
    const closed = new s3.BucketPublicAccessBlock(
      name,
      { ...of, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      inBucket,
    );
    const owned = new s3.BucketOwnershipControls(
      name,
      { ...of, rule: { objectOwnership: "BucketOwnerEnforced" } },
      inBucket,
    );
    const versioned = new s3.BucketVersioning(
      name,
      { ...of, versioningConfiguration: { status: "Enabled" } },
      inBucket,
    );
    const encrypted = new s3.BucketServerSideEncryptionConfiguration(
      name,
      { ...of, rules: [encryption(args.key)] },
      inBucket,
    );
    new s3.BucketLifecycleConfiguration(name, { ...of, rules: lifecycle(args) }, { ...inBucket, dependsOn: versioned });
    // Governance: whoever has s3:BypassGovernanceRetention may still, which a mistake of config has to be mended with. A plain
    // deletion, as of our retention, hides an object; its version goes once the lock and `oldVersionDays` are over.
    if (args.lockDays !== undefined)
      new s3.BucketObjectLockConfiguration(
        name,
        { ...of, rule: { defaultRetention: { mode: "GOVERNANCE", days: args.lockDays } } },
        { ...inBucket, dependsOn: versioned },
      );
    // S3 refuses two changes of one bucket's access at a time.
    const policy = new s3.BucketPolicy(
      name,
      { ...of, policy: policyOf(tlsOnly(bucket.arn), ...(args.statements?.(bucket.arn) ?? [])) },
      { ...inBucket, dependsOn: closed },
    );
    if (args.accessLog !== undefined)
      new s3.BucketLogging(
        name,
        { ...of, targetBucket: args.accessLog.bucket, targetPrefix: args.accessLog.prefix },
        inBucket,
      );
    this.ready = [closed, owned, versioned, encrypted, policy];
    this.registerOutputs({});
  }
}

const encryption = (key: pulumi.Input<string> | undefined) =>
  key === undefined
    ? { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }
    : { applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key }, bucketKeyEnabled: true };

function lifecycle({ expireDays, oldVersionDays }: BucketArgs) {
  return [
    {
      id: "tidy",
      status: "Enabled",
      // All objects.
      filter: {},
      // What an upload that was killed has left costs, and nobody sees it.
      abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
      noncurrentVersionExpiration: { noncurrentDays: oldVersionDays },
      ...(expireDays !== undefined && { expiration: { days: expireDays } }),
    },
  ];
}
