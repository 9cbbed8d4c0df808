import type { Properties } from "../protocol/values";
import { accountId, type Account, type Rows } from "./account";
import type { Here } from "./definition";
import { AwsError, worded } from "./errors";
import { checkInputs } from "./inputs";
import type { Place } from "./kind";
import { withFaults } from "./kind";
import { policyDocument } from "./policy-document";
import { text, textsAt, valuesAt } from "./values";

/** A function of the provider: what it gives for arguments that the SDK's declarations allow. */
interface Work {
  /** For messages. */
  service: string;
  operation: string;
  give: (args: Properties, here: Here, rows: Rows) => Properties;
}

/** Zones of a region, as the stand-in has them. */
const zones = ["a", "b", "c"];

const found = <T>(value: T | undefined, code: string, reason: string): T => {
  if (value === undefined) throw new AwsError(code, reason);
  return value;
};

const works: Record<string, Work> = {
  "aws:index/getRegion:getRegion": {
    service: "EC2",
    operation: "DescribeRegions",
    give: (args, here) => {
      const region = text(args, "region") || text(args, "name") || here.region;
      return { id: region, name: region, region, description: region, endpoint: `ec2.${region}.amazonaws.com` };
    },
  },
  "aws:index/getPartition:getPartition": {
    service: "STS",
    operation: "GetPartition",
    give: () => ({ id: "aws", partition: "aws", dnsSuffix: "amazonaws.com", reverseDnsPrefix: "com.amazonaws" }),
  },
  "aws:index/getCallerIdentity:getCallerIdentity": {
    service: "STS",
    operation: "GetCallerIdentity",
    give: () => ({
      id: accountId,
      accountId,
      arn: `arn:aws:sts::${accountId}:assumed-role/deployer/switchyard`,
      userId: "AROAEXAMPLE:switchyard",
    }),
  },
  "aws:index/getAvailabilityZones:getAvailabilityZones": {
    service: "EC2",
    operation: "DescribeAvailabilityZones",
    give: (args, here) => {
      const excluded = textsAt(args, "excludeNames");
      const types = (valuesAt(args, "filters") as Properties[]).filter((each) => text(each, "name") === "zone-type");
      // A local zone, as an account has it that has let one in; its name comes before the others'.
      const local = types.some((each) => !textsAt(each, "values").includes("local-zone")) ? [] : ["-abc-1a"];
      const names = [...local, ...zones]
        .map((zone) => `${here.region}${zone}`)
        .filter((name) => !excluded.includes(name));
      return {
        ...args,
        id: here.region,
        region: here.region,
        names,
        zoneIds: names.map((_, index) => `euw1-az${index + 1}`),
        groupNames: [here.region],
      };
    },
  },
  "aws:iam/getPolicyDocument:getPolicyDocument": {
    service: "IAM",
    operation: "GetPolicyDocument",
    give: (args) => policyDocument(args),
  },
  "aws:secretsmanager/getSecretVersion:getSecretVersion": {
    service: "Secrets Manager",
    operation: "GetSecretValue",
    give: (args, here, rows) => {
      const id = text(args, "secretId");
      const secret = found(
        rows.all("aws:secretsmanager/secret:Secret").find((row) => row.id === id || row.outs["name"] === id),
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
      );
      const stage = text(args, "versionStage") || "AWSCURRENT";
      const version = found(
        rows
          .all("aws:secretsmanager/secretVersion:SecretVersion")
          .find(
            ({ outs }) =>
              [secret.id, secret.outs["name"]].includes(outs["secretId"]) &&
              (args["versionId"] === undefined
                ? textsAt(outs, "versionStages").includes(stage)
                : outs["versionId"] === args["versionId"]),
          ),
        "ResourceNotFoundException",
        `Secrets Manager can't find the specified secret value for staging label: ${stage}`,
      ).outs;
      return {
        ...args,
        id: `${id}|${stage}`,
        arn: secret.id,
        createdDate: "2024-01-01T00:00:00Z",
        region: here.region,
        secretArn: secret.id,
        secretBinary: text(version, "secretBinary"),
        secretString: text(version, "secretString"),
        versionId: text(version, "versionId"),
        versionStage: stage,
        versionStages: textsAt(version, "versionStages"),
      };
    },
  },
  "aws:rds/getSnapshot:getSnapshot": {
    service: "RDS",
    operation: "DescribeDBSnapshots",
    give: (args, here, rows) => {
      const instance = text(args, "dbInstanceIdentifier");
      const own = rows.all("aws:rds/snapshot:Snapshot").filter(({ outs }) => outs["dbInstanceIdentifier"] === instance);
      const when = ({ outs }: { outs: Properties }) => text(outs, "snapshotCreateTime");
      const [newest] = own.sort((a, b) => when(b).localeCompare(when(a)));
      const { id, outs } = found(newest, "DBSnapshotNotFound", "Your query returned no results.");
      const created = { originalSnapshotCreateTime: when({ outs }), snapshotCreateTime: when({ outs }) };
      return { tags: {}, ...outs, ...args, ...created, id, region: here.region };
    },
  },
  "aws:ssm/getParameter:getParameter": {
    service: "SSM",
    operation: "GetParameter",
    give: (args, here, rows) => {
      const name = text(args, "name");
      const own = rows.get("aws:ssm/parameter:Parameter", name)?.outs;
      // Parameters that AWS itself publishes, such as the newest image of its Linux.
      const published = name.startsWith("/aws/service/ami-")
        ? { type: "String", value: "ami-0123456789abcdef0" }
        : undefined;
      const { type, value } = found(own ?? published, "ParameterNotFound", `${name} can't be found`);
      const id = `arn:aws:ssm:${here.region}:${accountId}:parameter${name}`;
      return { ...args, id, arn: id, insecureValue: value, region: here.region, type, value, version: 1 };
    },
  },
  "aws:ec2/getVpc:getVpc": {
    service: "EC2",
    operation: "DescribeVpcs",
    give: (args, here, rows) => {
      const id = text(args, "id");
      const { outs } = found(
        rows.get("aws:ec2/vpc:Vpc", id),
        "InvalidVpcID.NotFound",
        `The vpc ID '${id}' does not exist`,
      );
      return {
        ...outs,
        ...args,
        id,
        region: here.region,
        cidrBlockAssociations: [],
        default: false,
        state: "available",
      };
    },
  },
  "aws:ec2/getSubnet:getSubnet": {
    service: "EC2",
    operation: "DescribeSubnets",
    give: (args, here, rows) => {
      const id = text(args, "id");
      const row = rows.get("aws:ec2/subnet:Subnet", id);
      const { outs } = found(row, "InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
      const counts = { availableIpAddressCount: 251, defaultForAz: false, enableLniAtDeviceIndex: 0 };
      return { ...outs, ...args, ...counts, id, region: here.region, state: "available" };
    },
  },
};

/** The plugin's functions, for the engine. */
export const functions = (place: () => Place): Record<string, (args: Properties) => Properties> =>
  Object.fromEntries(
    Object.entries(works).map(([token, { service, operation, give }]) => [
      token,
      (args: Properties) => {
        const [wrong] = checkInputs(token, args);
        if (wrong !== undefined) throw new Error(`${token}: ${wrong.property}: ${wrong.reason}`);
        const { account, here } = place();
        return run(account, token, service, operation, (rows) => give(args, here, rows));
      },
    ]),
  );

function run<T>(account: Account, token: string, service: string, operation: string, work: (rows: Rows) => T): T {
  try {
    return withFaults(account, { of: token, on: "invoke" }, () => account.change(work));
  } catch (error) {
    throw error instanceof AwsError ? worded(error, service, operation) : error;
  }
}
