import type { Declared, Registered } from "../support/aws-mocked";

/** One or more rules of the baseline, and what a resource of a type must be for them. */
export interface Rule {
  readonly ids: readonly string[];
  /** The end of the type, such as "lb/loadBalancer:LoadBalancer". */
  readonly type: string;
  readonly says: string;
  readonly holds: (resource: Registered, all: Declared) => boolean;
}

type Inputs = Record<string, unknown>;
const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((found, key) => (found as Inputs | undefined)?.[key], value);
export const text = (value: unknown): string => JSON.stringify(value ?? null);

/** The input at a path is this. */
const is =
  (expected: unknown, ...path: (string | number)[]) =>
  ({ inputs }: Registered): boolean =>
    text(at(inputs, ...path)) === text(expected);
export const given =
  (...path: (string | number)[]) =>
  ({ inputs }: Registered): boolean => {
    const found = at(inputs, ...path);
    return found !== undefined && found !== "" && found !== null;
  };

/** Another resource says something of this one. */
const accompanied =
  (type: string, key: string, holds: (inputs: Inputs) => boolean = () => true) =>
  ({ name }: Registered, { resources }: Declared): boolean =>
    resources.some(
      (other) => other.type === `aws:${type}` && other.inputs[key] === `${name}-id` && holds(other.inputs),
    );

interface Statement {
  Effect: string;
  Principal?: unknown;
  Action: string | string[];
  Resource: string | string[];
  Condition?: unknown;
}
export const statements = (document: unknown): Statement[] =>
  (JSON.parse(typeof document === "string" ? document : "{}") as { Statement?: Statement[] }).Statement ?? [];
export const allowed = ({ inputs }: Registered): Statement[] =>
  statements(inputs.policy).filter(({ Effect }) => Effect === "Allow");
const actions = (each: Statement): string[] => [each.Action].flat();

const container = ({ inputs }: Registered): Inputs =>
  (JSON.parse(inputs.containerDefinitions as string) as Inputs[])[0] ?? {};
const parameter =
  (name: string, expected: RegExp) =>
  ({ inputs }: Registered): boolean =>
    (inputs.parameters as { name: string; value: string }[]).some(
      (each) => each.name === name && expected.test(each.value),
    );

const instance = "rds/instance:Instance";
const parameters = "rds/parameterGroup:ParameterGroup";
const balancer = "lb/loadBalancer:LoadBalancer";
const listener = "lb/listener:Listener";
const group = "lb/targetGroup:TargetGroup";
const service = "ecs/service:Service";
const task = "ecs/taskDefinition:TaskDefinition";
const bucket = "s3/bucket:Bucket";
const ingress = "vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const egress = "vpc/securityGroupEgressRule:SecurityGroupEgressRule";
const rolePolicy = "iam/rolePolicy:RolePolicy";

/** What EC2 takes for a description of a group or a rule of one; an apostrophe is not among it. */
export const isDescribed = ({ inputs }: Registered): boolean =>
  typeof inputs.description === "string" && /^[a-zA-Z0-9. _:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(inputs.description);

const isHttps = is("HTTPS", "protocol");
const redirects = is("redirect", "defaultActions", 0, "type");
const everybody = ({ inputs }: Registered): boolean => inputs.cidrIpv4 === "0.0.0.0/0";

export const rules: readonly Rule[] = [
  // RDS
  { ids: ["RDS.2", "CKV_AWS_17"], type: instance, says: "is not public", holds: is(false, "publiclyAccessible") },
  {
    ids: ["RDS.46"],
    type: "rds/subnetGroup:SubnetGroup",
    says: "has private subnets alone",
    holds: ({ inputs }) => !text(inputs.subnetIds).includes("public"),
  },
  {
    ids: ["RDS.3", "RDS.4", "CKV_AWS_16", "CKV2_AWS_60"],
    type: instance,
    says: "is encrypted with a key of the stack, and tags its snapshots",
    holds: (r) => is(true, "storageEncrypted")(r) && given("kmsKeyId")(r) && is(true, "copyTagsToSnapshot")(r),
  },
  { ids: ["RDS.17"], type: instance, says: "copies tags to snapshots", holds: is(true, "copyTagsToSnapshot") },
  { ids: ["RDS.5", "CKV_AWS_157"], type: instance, says: "has a standby", holds: is(true, "multiAz") },
  {
    ids: ["RDS.6", "CKV_AWS_118"],
    type: instance,
    says: "has enhanced monitoring each minute or more often",
    holds: (r) => is(60, "monitoringInterval")(r) && given("monitoringRoleArn")(r),
  },
  {
    ids: ["RDS.8", "CKV_AWS_293"],
    type: instance,
    says: "is protected from deletion",
    holds: is(true, "deletionProtection"),
  },
  {
    ids: ["RDS.9", "RDS.36", "CKV_AWS_129"],
    type: instance,
    says: "hands its logs on",
    holds: is(["postgresql", "upgrade"], "enabledCloudwatchLogsExports"),
  },
  {
    ids: ["RDS.11", "CKV_AWS_133"],
    type: instance,
    says: "is backed up for 35 days",
    holds: is(35, "backupRetentionPeriod"),
  },
  {
    ids: ["RDS.13", "CKV_AWS_226"],
    type: instance,
    says: "gets minor versions",
    holds: is(true, "autoMinorVersionUpgrade"),
  },
  {
    ids: ["RDS.23"],
    type: instance,
    says: "has another port than PostgreSQL's own",
    holds: ({ inputs }) => typeof inputs.port === "number" && inputs.port !== 5432,
  },
  {
    ids: ["RDS.24", "RDS.25"],
    type: instance,
    says: "has an administrator of another name than everybody's",
    holds: ({ inputs }) => !["postgres", "admin", "root", "rdsadmin"].includes(inputs.username as string),
  },
  {
    ids: ["CKV_AWS_161"],
    type: instance,
    says: "takes IAM's logins",
    holds: is(true, "iamDatabaseAuthenticationEnabled"),
  },
  {
    ids: ["CKV_AWS_211"],
    type: instance,
    says: "has a certificate of a current authority",
    holds: ({ inputs }) => /^rds-ca-.*-g1$/.test(inputs.caCertIdentifier as string),
  },
  {
    ids: ["CKV_AWS_250"],
    type: instance,
    says: "is of a PostgreSQL without the hole in log_fdw (13.3 and later)",
    holds: ({ inputs }) => Number(inputs.engineVersion) >= 14,
  },
  {
    ids: ["CKV_AWS_353"],
    type: instance,
    says: "has performance insights",
    holds: is(true, "performanceInsightsEnabled"),
  },
  {
    ids: ["CKV_AWS_354"],
    type: instance,
    says: "encrypts them with a key of the stack",
    holds: given("performanceInsightsKmsKeyId"),
  },
  {
    ids: ["RDS.38", "CKV2_AWS_69"],
    type: parameters,
    says: "takes TLS alone",
    holds: parameter("rds.force_ssl", /^1$/),
  },
  {
    ids: ["CKV2_AWS_30"],
    type: parameters,
    says: "logs statements that change the schema, and slow ones",
    holds: (r) => parameter("log_statement", /^ddl$/)(r) && parameter("log_min_duration_statement", /^1000$/)(r),
  },
  // Load balancer
  {
    ids: ["ELB.1", "CKV2_AWS_20"],
    type: listener,
    says: "redirects plain HTTP",
    holds: (r) => isHttps(r) || redirects(r),
  },
  { ids: ["ELB.18", "CKV_AWS_2"], type: listener, says: "speaks TLS", holds: isHttps },
  {
    ids: ["CKV_AWS_103"],
    type: listener,
    says: "speaks TLS 1.2 or newer",
    holds: is("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "sslPolicy"),
  },
  {
    ids: ["ELB.17", "CKV2_AWS_74"],
    type: listener,
    says: "speaks no weak cipher, where it speaks TLS",
    holds: (r) => !isHttps(r) || is("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "sslPolicy")(r),
  },
  {
    ids: ["ELB.4", "CKV_AWS_131"],
    type: balancer,
    says: "drops invalid headers",
    holds: is(true, "dropInvalidHeaderFields"),
  },
  { ids: ["ELB.5", "CKV_AWS_91"], type: balancer, says: "logs accesses", holds: is(true, "accessLogs", "enabled") },
  {
    ids: ["ELB.6", "CKV_AWS_150"],
    type: balancer,
    says: "is protected from deletion",
    holds: is(true, "enableDeletionProtection"),
  },
  {
    ids: ["ELB.12", "CKV_AWS_328"],
    type: balancer,
    says: "mends or refuses ambiguous requests",
    holds: ({ inputs }) => ["defensive", "strictest"].includes(inputs.desyncMitigationMode as string),
  },
  {
    ids: ["ELB.13"],
    type: balancer,
    says: "is in two zones or more",
    holds: ({ inputs }) => (inputs.subnets as unknown[]).length >= 2,
  },
  {
    ids: ["ELB.16", "CKV2_AWS_28"],
    type: balancer,
    says: "has a web ACL",
    holds: (_, { resources }) => resources.some(({ type }) => type === "aws:wafv2/webAclAssociation:WebAclAssociation"),
  },
  { ids: ["CKV_AWS_261"], type: group, says: "checks its targets' health", holds: given("healthCheck", "path") },
  { ids: ["CKV_AWS_378"], type: group, says: "speaks TLS to its targets", holds: is("HTTPS", "protocol") },
  // ECS
  {
    ids: ["ECS.1"],
    type: task,
    says: "has a network of its own and a user that is not root",
    holds: (r) => is("awsvpc", "networkMode")(r) && /^[1-9]/.test(text(container(r).user).slice(1)),
  },
  {
    ids: ["ECS.2", "CKV_AWS_333"],
    type: service,
    says: "gives copies no public address",
    holds: is(false, "networkConfiguration", "assignPublicIp"),
  },
  {
    ids: ["ECS.3", "CKV_AWS_335"],
    type: task,
    says: "shares no process namespace",
    holds: ({ inputs }) => inputs.pidMode === undefined,
  },
  {
    ids: ["ECS.4", "CKV_AWS_334"],
    type: task,
    says: "is not privileged",
    holds: (r) => container(r).privileged === false,
  },
  {
    ids: ["ECS.5", "CKV_AWS_336"],
    type: task,
    says: "can't write to its root file system, but to /tmp, in memory",
    holds: (r) =>
      container(r).readonlyRootFilesystem === true &&
      text(container(r).linuxParameters).includes('"tmpfs":[{"containerPath":"/tmp","size":') &&
      r.inputs.volumes === undefined,
  },
  {
    ids: ["ECS.8"],
    type: task,
    says: "has no secret among its variables",
    holds: (r) =>
      !/PASSWORD|SECRET|TOKEN/.test(text(container(r).environment)) &&
      text(container(r).secrets).includes("PGPASSWORD"),
  },
  {
    ids: ["ECS.9"],
    type: task,
    says: "logs",
    holds: (r) => at(container(r), "logConfiguration", "logDriver") === "awslogs",
  },
  {
    ids: ["ECS.10", "CKV_AWS_332"],
    type: service,
    says: "runs on the latest platform",
    holds: is("LATEST", "platformVersion"),
  },
  {
    ids: ["ECS.12", "CKV_AWS_65"],
    type: "ecs/cluster:Cluster",
    says: "has container insights",
    holds: is([{ name: "containerInsights", value: "enabled" }], "settings"),
  },
  {
    ids: ["CKV_AWS_224"],
    type: "ecs/cluster:Cluster",
    says: "encrypts and logs what is typed into copies",
    holds: given("configuration", "executeCommandConfiguration", "kmsKeyId"),
  },
  {
    ids: ["CKV_AWS_249"],
    type: task,
    says: "has one role to start and another to run",
    holds: ({ inputs }) => inputs.executionRoleArn !== inputs.taskRoleArn,
  },
  // S3
  {
    ids: ["S3.1", "S3.2", "S3.3", "S3.8", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"],
    type: bucket,
    says: "is closed to the public in all four ways",
    holds: accompanied(
      "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
      "bucket",
      (i) =>
        i.blockPublicAcls === true &&
        i.blockPublicPolicy === true &&
        i.ignorePublicAcls === true &&
        i.restrictPublicBuckets === true,
    ),
  },
  {
    ids: ["S3.5"],
    type: bucket,
    says: "refuses connections without TLS",
    holds: accompanied("s3/bucketPolicy:BucketPolicy", "bucket", (i) =>
      statements(i.policy).some(
        (each) => each.Effect === "Deny" && text(each.Condition).includes('"aws:SecureTransport":"false"'),
      ),
    ),
  },
  {
    ids: ["S3.9", "CKV_AWS_18"],
    type: bucket,
    says: "logs accesses",
    holds: accompanied("s3/bucketLogging:BucketLogging", "bucket"),
  },
  {
    ids: ["S3.12"],
    type: bucket,
    says: "knows no ACLs",
    holds: accompanied(
      "s3/bucketOwnershipControls:BucketOwnershipControls",
      "bucket",
      (i) => at(i, "rule", "objectOwnership") === "BucketOwnerEnforced",
    ),
  },
  {
    ids: ["S3.13", "CKV_AWS_300"],
    type: bucket,
    says: "tidies up, unfinished uploads above all",
    holds: accompanied("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "bucket", (i) =>
      given("rules", 0, "abortIncompleteMultipartUpload", "daysAfterInitiation")({ type: "", name: "", inputs: i }),
    ),
  },
  {
    ids: ["CKV_AWS_19"],
    type: bucket,
    says: "is encrypted",
    holds: accompanied("s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "bucket"),
  },
  {
    ids: ["CKV_AWS_145"],
    type: bucket,
    says: "is encrypted with a key of the stack",
    holds: accompanied(
      "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
      "bucket",
      (i) =>
        given("rules", 0, "applyServerSideEncryptionByDefault", "kmsMasterKeyId")({ type: "", name: "", inputs: i }),
    ),
  },
  {
    ids: ["CKV_AWS_21"],
    type: bucket,
    says: "keeps versions",
    holds: accompanied(
      "s3/bucketVersioning:BucketVersioning",
      "bucket",
      (i) => at(i, "versioningConfiguration", "status") === "Enabled",
    ),
  },
  {
    ids: ["CKV_AWS_144"],
    type: bucket,
    says: "is copied to another region",
    holds: accompanied("s3/bucketReplicationConfig:BucketReplicationConfig", "bucket"),
  },
  // Secrets, logs, keys
  {
    ids: ["CKV_AWS_149"],
    type: "secretsmanager/secret:Secret",
    says: "is encrypted with a key of the stack",
    holds: given("kmsKeyId"),
  },
  {
    ids: ["SecretsManager.1", "SecretsManager.2", "SecretsManager.4"],
    type: "secretsmanager/secret:Secret",
    says: "is rotated by AWS",
    holds: ({ name }, { resources }) =>
      resources.some(
        ({ type, inputs }) =>
          type === "aws:secretsmanager/secretRotation:SecretRotation" && inputs.secretId === `${name}-id`,
      ),
  },
  {
    ids: ["SecretsManager.3"],
    type: "secretsmanager/secret:Secret",
    says: "is used by a copy, or by what reads the database's figures",
    holds: ({ name }, { resources }) =>
      resources.some(
        ({ type, inputs }) =>
          (type === `aws:${task}` && text(inputs.containerDefinitions).includes(name)) ||
          (type === "aws:lambda/function:Function" && text(inputs.environment).includes(`/${name}"`)),
      ),
  },
  {
    ids: ["CKV_AWS_66", "CKV_AWS_338"],
    type: "cloudwatch/logGroup:LogGroup",
    says: "is kept for a year or longer, and not for ever",
    holds: ({ inputs }) => (inputs.retentionInDays as number) >= 365,
  },
  {
    ids: ["CKV_AWS_158"],
    type: "cloudwatch/logGroup:LogGroup",
    says: "is encrypted with a key of the stack",
    holds: given("kmsKeyId"),
  },
  {
    ids: ["CKV_AWS_7", "CKV_AWS_227"],
    type: "kms/key:Key",
    says: "is rotated, and enabled",
    holds: (r) => is(true, "enableKeyRotation")(r) && r.inputs.isEnabled !== false,
  },
  {
    ids: ["CKV_AWS_33"],
    type: "kms/key:Key",
    says: "is not everybody's",
    holds: (r) => allowed(r).every(({ Principal }) => !/"\*"/.test(text(Principal))),
  },
  // Security groups
  { ids: ["CKV_AWS_23"], type: ingress, says: "says why it is there, in EC2's characters", holds: isDescribed },
  { ids: ["CKV_AWS_23"], type: egress, says: "says why it is there, in EC2's characters", holds: isDescribed },
  {
    ids: ["CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_277"],
    type: ingress,
    says: "opens no way to administer a machine, and not all ports, to everybody",
    holds: (r) => !everybody(r) || [80, 443].includes(r.inputs.fromPort as number),
  },
  {
    ids: ["CKV_AWS_260"],
    type: ingress,
    says: "does not open port 80 to the world",
    holds: (r) => r.inputs.cidrIpv4 === undefined || r.inputs.fromPort !== 80,
  },
  {
    ids: ["CKV_AWS_382"],
    type: egress,
    says: "lets nobody out everywhere",
    holds: (r) => r.inputs.ipProtocol === "tcp" && r.inputs.fromPort === r.inputs.toPort,
  },
  // IAM
  {
    ids: ["CKV_AWS_60", "CKV_AWS_61"],
    type: "iam/role:Role",
    says: "is taken on by a named service alone, or by named jobs of a pipeline",
    holds: ({ inputs }) =>
      statements(inputs.assumeRolePolicy).every(
        ({ Principal, Condition }) =>
          /^\{"Service":"[a-z0-9.-]+"\}$/.test(text(Principal)) ||
          (/^\{"Federated":"arn:[^"*]+"\}$/.test(text(Principal)) &&
            /^\{"StringEquals":\{"[a-z.]+:aud":"[^"*]+","[a-z.]+:sub":[^*]+\}\}$/.test(text(Condition))),
      ),
  },
  {
    ids: ["CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_287", "CKV_AWS_288", "CKV_AWS_289", "CKV_AWS_290"],
    type: rolePolicy,
    says: "names each action, and none that gives more rights",
    holds: (r) =>
      allowed(r).every((each) => actions(each).every((action) => !action.includes("*") && !action.startsWith("iam:"))),
  },
  {
    ids: ["CKV_AWS_355"],
    type: rolePolicy,
    says: "names what it is for",
    holds: (r) => allowed(r).every(({ Resource }) => ![Resource].flat().includes("*")),
  },
  // Network
  {
    ids: ["EC2.2"],
    type: "ec2/defaultSecurityGroup:DefaultSecurityGroup",
    says: "lets nobody in or out",
    holds: ({ inputs }) => inputs.ingress === undefined && inputs.egress === undefined,
  },
  {
    ids: ["EC2.6"],
    type: "ec2/vpc:Vpc",
    says: "has flow logs",
    holds: accompanied("ec2/flowLog:FlowLog", "vpcId", (i) => i.trafficType === "ALL"),
  },
];
