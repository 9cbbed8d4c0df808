import { randomBytes } from "node:crypto";
import { accountId, type Rows } from "../account";
import type { Definition } from "../definition";
import { arn, suffix, upperId } from "../identifiers";
import { between } from "../limits";
import type { Properties } from "../../protocol/values";
import { inherited } from "./moments";
import { number, text, textsAt } from "../values";

/** Where the stand-in's instances really are: a PostgreSQL that the test runs. */
export interface DatabaseOption {
  host: string;
  /** Of an instance whose program names no port. */
  port?: number;
  /** What the managed master secret holds; without it, one is made up. */
  password?: string;
}

/**
 * Option of the account that says where instances are, a DatabaseOption; see Account.setOption. Of one alone: with its
 * identifier behind it, as in `rds pages-at-20260131070000`.
 */
export const databaseOption = "rds";

const optionOf = (rows: Rows, instance: Properties): DatabaseOption | undefined =>
  (rows.option(`${databaseOption} ${text(instance, "identifier")}`) ?? rows.option(databaseOption)) as
    DatabaseOption | undefined;

const rds = (noun: string): Pick<Definition, "service" | "operations"> => ({
  service: "RDS",
  operations: [`Create${noun}`, `Modify${noun}`, `Delete${noun}`],
});

const secretToken = "aws:secretsmanager/secret:Secret";
const snapshotToken = "aws:rds/snapshot:Snapshot";
const versionToken = "aws:secretsmanager/secretVersion:SecretVersion";

/** The secret that RDS keeps for an instance with a managed master password. */
function manageSecret(rows: Rows, outs: Properties, option: DatabaseOption | undefined): void {
  const [secret] = textsAt(outs, "masterUserSecrets.secretArn");
  if (secret === undefined) return;
  rows.put({
    token: secretToken,
    id: secret,
    outs: { arn: secret, name: secret.split(":").at(-1), owningService: "rds" },
  });
  const password = option?.password ?? randomBytes(16).toString("hex");
  const secretString = JSON.stringify({ username: text(outs, "username"), password });
  const versionId = randomBytes(16).toString("hex");
  rows.put({
    token: versionToken,
    id: `${secret}|${versionId}`,
    outs: { secretId: secret, secretString, versionId, versionStages: ["AWSCURRENT"] },
  });
}

function place(inputs: Properties, rows: Rows): Properties {
  const option = optionOf(rows, inputs);
  const port = number(inputs, "port") ?? option?.port ?? 5432;
  const host = option?.host ?? `${text(inputs, "identifier")}.${suffix()}.${text(inputs, "region")}.rds.amazonaws.com`;
  return { address: host, endpoint: `${host}:${port}`, port };
}

/** A snapshot of an instance, as the program's own or the one that AWS takes when the instance goes. */
export function snapshotOf(instance: Properties, own: string): Properties {
  const taken = [
    "allocatedStorage",
    "availabilityZone",
    "engine",
    "iops",
    "kmsKeyId",
    "licenseModel",
    "optionGroupName",
  ];
  return {
    ...Object.fromEntries([...taken, "port", "storageType"].map((key) => [key, instance[key] ?? ""])),
    dbSnapshotArn: own,
    encrypted: instance["storageEncrypted"] === true,
    engineVersion: text(instance, "engineVersionActual"),
    iops: 0,
    snapshotType: "manual",
    sourceDbSnapshotIdentifier: "",
    sourceRegion: "",
    status: "available",
    vpcId: "",
  };
}

/** A value that RDS sets by itself in every group of PostgreSQL 15 and later. */
const isRdsOwn = (parameter: Properties): boolean =>
  text(parameter, "name") === "rds.force_ssl" && text(parameter, "value") === "1";

/** The snapshot that is copied. */
function copied(inputs: Properties, rows: Rows): Properties {
  const source = text(inputs, "sourceDbSnapshotIdentifier");
  return rows.all(snapshotToken).find(({ id, outs }) => [id, outs["dbSnapshotArn"]].includes(source))?.outs ?? {};
}

export const database: Record<string, Definition> = {
  "aws:rds/subnetGroup:SubnetGroup": {
    ...rds("DBSubnetGroup"),
    autoName: { property: "name", maximum: 255 },
    id: "name",
    make: ({ inputs, here, rows }) => ({
      arn: arn(here, "rds", `subgrp:${text(inputs, "name")}`),
      supportedNetworkTypes: ["IPV4"],
      vpcId: text(rows.get("aws:ec2/subnet:Subnet", textsAt(inputs, "subnetIds")[0] ?? "")?.outs ?? {}, "vpcId"),
    }),
  },
  "aws:rds/parameterGroup:ParameterGroup": {
    ...rds("DBParameterGroup"),
    autoName: { property: "name", maximum: 255 },
    id: "name",
    // Terraform's default of a parameter that says nothing of it.
    fill: (inputs) => ({
      ...inputs,
      ...(Array.isArray(inputs["parameters"]) && {
        parameters: inputs["parameters"].map((each: Properties) => ({ applyMethod: "immediate", ...each })),
      }),
    }),
    make: ({ inputs, here }) => ({ arn: arn(here, "rds", `pg:${text(inputs, "name")}`) }),
    // When it applies is noted with a change of the value alone: one that is RDS's own keeps what RDS says of it.
    derive: ({ parameters }) =>
      Array.isArray(parameters)
        ? { parameters: parameters.map((each: Properties) => (isRdsOwn(each) ? { ...each, applyMethod: "pending-reboot" } : each)) } // prettier-ignore
        : {},
  },
  "aws:rds/instance:Instance": {
    ...rds("DBInstance"),
    autoName: { property: "identifier", maximum: 63 },
    id: "resourceId",
    moving: ["engineVersionActual", "address", "endpoint", "masterUserSecrets", "status"],
    // Storage that grew by itself, or was more from the start.
    suppresses: (key, olds, wanted) => {
      const storage = (of: Properties) => number(of, "allocatedStorage") ?? 0;
      const most = number(wanted, "maxAllocatedStorage") ?? 0;
      return key === "allocatedStorage" && storage(olds) > storage(wanted) && most > storage(wanted);
    },
    check: (inputs) => [
      ...between(inputs, "backupRetentionPeriod", 0, 35),
      ...(inputs["skipFinalSnapshot"] !== true && text(inputs, "finalSnapshotIdentifier") === ""
        ? [
            {
              property: "finalSnapshotIdentifier",
              reason: "found nothing, expected a name: skipFinalSnapshot is not true",
            },
          ]
        : []),
    ],
    make: ({ inputs, here, rows }) => {
      const identifier = text(inputs, "identifier");
      const managed = inputs["manageMasterUserPassword"] === true;
      const resourceId = upperId("db-", 26);
      const engineVersion = text(inputs, "engineVersion") || "18.1";
      return {
        ...place(inputs, rows),
        arn: arn(here, "rds", `db:${identifier}`),
        engineVersion,
        // A major version alone stands for a minor one that RDS chooses.
        engineVersionActual: engineVersion.includes(".") ? engineVersion : `${engineVersion}.4`,
        hostedZoneId: "Z29XKXDKYMONMX",
        latestRestorableTime: "",
        listenerEndpoints: [],
        masterUserSecrets: managed
          ? [
              {
                kmsKeyId: text(inputs, "masterUserSecretKmsKeyId") || arn(here, "kms", "alias/aws/secretsmanager"),
                secretArn: arn(here, "secretsmanager", `secret:rds!db-${suffix()}-${suffix().slice(0, 6)}`),
                secretStatus: "active",
              },
            ]
          : [],
        replicas: [],
        resourceId,
        status: "available",
        upgradeRolloutOrder: "second",
        availabilityZone: `${here.region}a`,
        backupRetentionPeriod: 1,
        backupWindow: "03:00-04:00",
        caCertIdentifier: "rds-ca-rsa2048-g1",
        dbSubnetGroupName: "default",
        licenseModel: "postgresql-license",
        maintenanceWindow: "sun:05:00-sun:06:00",
        multiAz: false,
        networkType: "IPV4",
        optionGroupName: "default:postgres",
        parameterGroupName: "default.postgres",
        storageType: "gp2",
        username: "postgres",
        ...inherited(inputs, rows),
      };
    },
    remake: (olds, { inputs, rows }) => {
      const wanted = text(inputs, "engineVersion");
      const actual = text(olds, "engineVersionActual");
      return {
        ...place({ ...olds, ...inputs }, rows),
        engineVersionActual: wanted === "" || actual.split(".")[0] === wanted ? actual : wanted,
        masterUserSecrets: olds["masterUserSecrets"],
        status: "available",
      };
    },
    created: ({ outs }, rows) => manageSecret(rows, outs, optionOf(rows, outs)),
    deleted: ({ outs }, rows) => {
      for (const secret of textsAt(outs, "masterUserSecrets.secretArn")) {
        rows.remove(secretToken, secret);
        for (const version of rows.all(versionToken))
          if (version.outs["secretId"] === secret) rows.remove(version.token, version.id);
      }
      const name = text(outs, "finalSnapshotIdentifier");
      if (outs["skipFinalSnapshot"] === true) return;
      const own = arn({ region: text(outs, "region") }, "rds", `snapshot:${name}`);
      rows.put({
        token: snapshotToken,
        id: name,
        outs: {
          dbInstanceIdentifier: text(outs, "identifier"),
          dbSnapshotIdentifier: name,
          ...snapshotOf(outs, own),
          tagsAll: outs["copyTagsToSnapshot"] === true ? outs["tagsAll"] : {},
        },
      });
    },
  },
  "aws:rds/snapshot:Snapshot": {
    ...rds("DBSnapshot"),
    id: "dbSnapshotIdentifier",
    make: ({ inputs, here, rows }) => {
      const instance = rows
        .all("aws:rds/instance:Instance")
        .find(({ outs }) => outs["identifier"] === inputs["dbInstanceIdentifier"]);
      return snapshotOf(instance?.outs ?? {}, arn(here, "rds", `snapshot:${text(inputs, "dbSnapshotIdentifier")}`));
    },
  },
  "aws:rds/snapshotCopy:SnapshotCopy": {
    service: "RDS",
    operations: ["CopyDBSnapshot", "AddTagsToResource", "DeleteDBSnapshot"],
    id: "targetDbSnapshotIdentifier",
    make: ({ inputs, here, rows }) => ({
      ...snapshotOf(copied(inputs, rows), arn(here, "rds", `snapshot:${text(inputs, "targetDbSnapshotIdentifier")}`)),
      sourceRegion: here.region,
    }),
    // It is a snapshot like any other.
    created: ({ id, outs }, rows) =>
      rows.put({ token: snapshotToken, id, outs: { ...outs, dbSnapshotIdentifier: id } }),
    deleted: ({ id }, rows) => rows.remove(snapshotToken, id),
  },
  "aws:rds/proxy:Proxy": {
    ...rds("DBProxy"),
    autoName: { property: "name", maximum: 63 },
    id: "name",
    make: ({ inputs, here }) => ({
      arn: arn(here, "rds", `db-proxy:prx-${suffix()}`),
      endpoint: `${text(inputs, "name")}.proxy-${suffix()}.${here.region}.rds.amazonaws.com`,
      idleClientTimeout: 1_800,
    }),
  },
  "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": {
    service: "RDS",
    operations: ["ModifyDBProxyTargetGroup", "ModifyDBProxyTargetGroup", "ModifyDBProxyTargetGroup"],
    id: "dbProxyName",
    make: ({ here }) => ({ arn: arn(here, "rds", `target-group:prx-tg-${suffix()}`), name: "default" }),
  },
  "aws:rds/proxyTarget:ProxyTarget": {
    service: "RDS",
    operations: ["RegisterDBProxyTargets", "RegisterDBProxyTargets", "DeregisterDBProxyTargets"],
    id: (outs) =>
      `${text(outs, "dbProxyName")}/${text(outs, "targetGroupName")}/RDS_INSTANCE/${text(outs, "dbInstanceIdentifier")}`,
    make: ({ inputs, rows }) => {
      const instance = rows
        .all("aws:rds/instance:Instance")
        .find(({ outs }) => outs["identifier"] === inputs["dbInstanceIdentifier"])?.outs;
      return {
        endpoint: text(instance ?? {}, "address"),
        port: number(instance ?? {}, "port") ?? 5432,
        rdsResourceId: text(inputs, "dbInstanceIdentifier"),
        targetArn: text(instance ?? {}, "arn"),
        trackedClusterId: "",
        type: "RDS_INSTANCE",
      };
    },
  },
  "aws:rds/eventSubscription:EventSubscription": {
    ...rds("EventSubscription"),
    autoName: { property: "name", maximum: 255 },
    id: "name",
    make: ({ inputs, here }) => ({
      arn: arn(here, "rds", `es:${text(inputs, "name")}`),
      customerAwsId: accountId,
    }),
  },
};
