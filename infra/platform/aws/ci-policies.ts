import { backupPrefix } from "../../backup/manifest";
import type { Statement } from "./policy";

/** What the policies of a pipeline's roles are about; all of it plain text. */
export interface CiScope {
  /** What the names of the stack's resources begin with. */
  readonly base: string;
  readonly project: string;
  readonly stack: string;
  readonly region: string;
  readonly account: string;
  readonly partition: string;
  /** ARN of the secret that RDS keeps of the master user. */
  readonly masterSecret: string;
  /** ARN of the key that the stack's secrets are encrypted with. */
  readonly secretsKey: string;
  /** Is there a bastion? Its image is looked up. */
  readonly bastion: boolean;
  /** Of another stack, whose newest snapshot the instance is made from. */
  readonly seedInstance?: string | undefined;
  readonly zone?: string | undefined;
  readonly waf?: string | undefined;
  readonly certificate: string;
  readonly stateBucket?: string | undefined;
  readonly stateKey?: string | undefined;
}

/** An ARN of the stack's account and region. */
export const arnIn = ({ partition, region, account }: CiScope, service: string, rest: string): string =>
  `arn:${partition}:${service}:${region}:${account}:${rest}`;

/** Calls that AWS takes for no resource, but for all of an account: in this region alone. */
export const inRegion = ({ region }: CiScope) => ({ StringEquals: { "aws:RequestedRegion": region } });

/** What is made is given the tags of the stack, or is not made. */
export const requested = ({ project, stack }: CiScope) => ({
  StringEquals: { "aws:RequestTag/Project": project, "aws:RequestTag/Stack": stack },
});

/** What there is has them. */
export const tagged = ({ project, stack }: CiScope) => ({
  StringEquals: { "aws:ResourceTag/Project": project, "aws:ResourceTag/Stack": stack },
});

/** What the state needs: to read it, and where somebody deploys, to write and lock it. */
export function stateStatements({ stateBucket, stateKey, partition }: CiScope, writes: boolean): Statement[] {
  const statements: Statement[] = [];
  if (stateBucket !== undefined) {
    const bucket = `arn:${partition}:s3:::${stateBucket}`;
    const write = writes ? ["s3:PutObject", "s3:DeleteObject"] : [];
    statements.push({ sid: "StateBucket", actions: ["s3:ListBucket", "s3:GetBucketLocation"], resources: [bucket] });
    statements.push({ sid: "State", actions: ["s3:GetObject", ...write], resources: [`${bucket}/*`] });
  }
  if (stateKey !== undefined)
    statements.push({
      sid: "StateKey",
      actions: ["kms:Decrypt", "kms:DescribeKey", ...(writes ? ["kms:Encrypt", "kms:GenerateDataKey"] : [])],
      resources: [stateKey],
    });
  return statements;
}

/**
 * What a preview asks of AWS, and nothing else: where the live weights are, whether the copies are the declared ones, zones
 * and image, how far back RDS can go, which backups there are, the master user's secret, and state. It neither changes anything
 * nor takes the stack's lock.
 */
export function previewerStatements(scope: CiScope): Statement[] {
  const { base, partition, region, masterSecret, secretsKey, bastion, seedInstance } = scope;
  return [
    {
      sid: "LiveWeights",
      actions: [
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetHealth",
      ],
      resources: ["*"],
      condition: inRegion(scope),
    },
    { sid: "Copies", actions: ["ecs:DescribeServices"], resources: [arnIn(scope, "ecs", `service/${base}/*`)] },
    { sid: "Zones", actions: ["ec2:DescribeAvailabilityZones"], resources: ["*"], condition: inRegion(scope) },
    ...(bastion
      ? [
          {
            sid: "Image",
            actions: ["ssm:GetParameter"],
            // AWS's own parameters belong to no account.
            resources: [`arn:${partition}:ssm:${region}::parameter/aws/service/*`],
          },
        ]
      : []),
    ...(seedInstance === undefined
      ? []
      : [
          {
            sid: "Seed",
            actions: ["rds:DescribeDBSnapshots"],
            resources: [arnIn(scope, "rds", `db:${seedInstance}`), arnIn(scope, "rds", "snapshot:*")],
          },
        ]),
    // `restore.pointInTime` may be asked for in any change, and a pipeline can't give itself what that needs.
    {
      sid: "Moments",
      actions: ["rds:DescribeDBInstanceAutomatedBackups"],
      resources: [arnIn(scope, "rds", `db:${base}`), arnIn(scope, "rds", "auto-backup:*")],
    },
    // So may `restore.from`. Names and sizes of backups are seen by this, and nothing that is in one.
    {
      sid: "Backups",
      actions: ["s3:ListBucket"],
      resources: [`arn:${partition}:s3:::${base}-store-*`],
      condition: { StringLike: { "s3:prefix": `${backupPrefix}*` } },
    },
    { sid: "MasterUser", actions: ["secretsmanager:GetSecretValue"], resources: [masterSecret] },
    {
      sid: "MasterUserKey",
      actions: ["kms:Decrypt"],
      resources: [secretsKey],
      condition: { StringEquals: { "kms:ViaService": `secretsmanager.${region}.amazonaws.com` } },
    },
    ...stateStatements(scope, false),
  ];
}
