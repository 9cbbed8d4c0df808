import { createHash, randomBytes } from "node:crypto";
import { accountId } from "../account";
import type { Definition } from "../definition";
import { between, longest } from "../limits";
import { text, textsAt } from "../values";

const part = (noun: string): Definition => ({
  service: "S3",
  operations: [`Put${noun}`, `Put${noun}`, `Delete${noun}`],
  id: "bucket",
  make: () => ({}),
});

export const objectToken = "aws:s3/bucketObjectv2:BucketObjectv2";

export const storage: Record<string, Definition> = {
  "aws:s3/bucket:Bucket": {
    service: "S3",
    operations: ["CreateBucket", "PutBucketTagging", "DeleteBucket"],
    autoName: { property: "bucket", maximum: 63 },
    id: "bucket",
    check: (inputs) => longest(inputs, "bucket", 63, /^[a-z0-9][a-z0-9.-]+[a-z0-9]$/),
    make: ({ inputs, here }) => {
      const bucket = text(inputs, "bucket");
      return {
        arn: `arn:aws:s3:::${bucket}`,
        bucketDomainName: `${bucket}.s3.amazonaws.com`,
        bucketRegion: here.region,
        bucketRegionalDomainName: `${bucket}.s3.${here.region}.amazonaws.com`,
        hostedZoneId: "Z1BKCTXD74EZPE",
        websiteDomain: "",
        websiteEndpoint: "",
        objectLockEnabled: false,
        requestPayer: "BucketOwner",
      };
    },
    // forceDestroy empties it first; without that it is refused while anything is in it.
    deleted: ({ id }, rows) => {
      for (const { token, id: own, outs } of rows.all(objectToken)) if (outs["bucket"] === id) rows.remove(token, own);
    },
  },
  "aws:s3/bucketVersioning:BucketVersioning": part("BucketVersioning"),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": part("BucketEncryption"),
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": part("PublicAccessBlock"),
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": part("BucketOwnershipControls"),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
    ...part("BucketLifecycleConfiguration"),
    make: () => ({ expectedBucketOwner: "" }),
  },
  "aws:s3/bucketLogging:BucketLogging": part("BucketLogging"),
  "aws:s3/bucketPolicy:BucketPolicy": part("BucketPolicy"),
  "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": part("ObjectLockConfiguration"),
  "aws:s3/bucketNotification:BucketNotification": part("BucketNotificationConfiguration"),
  [objectToken]: {
    service: "S3",
    operations: ["PutObject", "PutObject", "DeleteObject"],
    id: (outs) => `${text(outs, "bucket")}/${text(outs, "key")}`,
    make: ({ inputs }) => {
      const content = text(inputs, "content");
      return {
        arn: `arn:aws:s3:::${text(inputs, "bucket")}/${text(inputs, "key")}`,
        ...Object.fromEntries(
          ["Crc32", "Crc32c", "Crc64nvme", "Sha1", "Sha256"].map((algorithm) => [`checksum${algorithm}`, ""]),
        ),
        etag: createHash("md5").update(content).digest("hex"),
        versionId: randomBytes(16).toString("hex"),
      };
    },
  },
  "aws:backup/vault:Vault": {
    service: "Backup",
    operations: ["CreateBackupVault", "TagResource", "DeleteBackupVault"],
    autoName: { property: "name", maximum: 50 },
    id: "name",
    make: ({ inputs, here }) => ({
      arn: `arn:aws:backup:${here.region}:${accountId}:backup-vault:${text(inputs, "name")}`,
      recoveryPoints: 0,
      kmsKeyArn: "",
    }),
  },
  "aws:sqs/queue:Queue": {
    service: "SQS",
    operations: ["CreateQueue", "SetQueueAttributes", "DeleteQueue"],
    autoName: { property: "name", maximum: 80 },
    id: "url",
    check: (inputs) => [
      ...between(inputs, "visibilityTimeoutSeconds", 0, 43_200),
      ...between(inputs, "messageRetentionSeconds", 60, 1_209_600),
    ],
    make: ({ inputs, here }) => {
      const url = `https://sqs.${here.region}.amazonaws.com/${accountId}/${text(inputs, "name")}`;
      return {
        arn: `arn:aws:sqs:${here.region}:${accountId}:${text(inputs, "name")}`,
        url,
        kmsDataKeyReusePeriodSeconds: 300,
        sqsManagedSseEnabled: textsAt(inputs, "kmsMasterKeyId").length === 0,
      };
    },
  },
  "aws:sqs/queuePolicy:QueuePolicy": {
    service: "SQS",
    operations: ["SetQueueAttributes", "SetQueueAttributes", "SetQueueAttributes"],
    id: "queueUrl",
    make: () => ({}),
  },
};
