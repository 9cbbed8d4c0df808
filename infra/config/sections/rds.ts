import type { Facts } from "../draft";
import { section } from "../key";
import { flag, integer, text } from "../kinds";
import { oneOf } from "../kinds";
import { set, shown, type Problem } from "../problem";

declare const kind: unique symbol;
/** A class of RDS instances, such as "db.m7g.large". */
export type InstanceClass = string & { readonly [kind]: "instance class" };
/** A snapshot of RDS, by its name or ARN; or `latest:` and the name of the instance whose newest one is meant. */
export type SnapshotId = string & { readonly [kind]: "snapshot" };
/** A file with SQL, absolute or relative to the project. */
export type SqlFile = string & { readonly [kind]: "sql file" };
/** A file with certificates in PEM, absolute or relative to the project. */
export type PemFile = string & { readonly [kind]: "pem file" };

/** The RDS instance of a stack on AWS. */
export interface RdsSettings {
  /** Default: db.t4g.medium, whose 4 GiB are enough for `database.maxConnections`. */
  readonly instanceClass: InstanceClass;
  /** Is there a standby in another zone? Default: true. */
  readonly multiAz: boolean;
  /** GiB of storage to begin with, 20..65536. Default: 100. */
  readonly storage: number;
  /** GiB up to which storage grows by itself, 22..65536. Default: 500. */
  readonly maxStorage: number;
  /** Days that automatic backups are kept, 1..35. Default: 35, RDS's most; RDS's own default is 1. */
  readonly backupDays: number;
  /** Does RDS Proxy stand between copies and instance? Migrations never go through it. Default: false. */
  readonly proxy: boolean;
  /** The snapshot that the instance is made from, once. Default: none, and it begins empty. */
  readonly seedFrom?: SnapshotId | undefined;
  /** SQL that makes seeded data what this stack may hold, run once as its owner. Default: it stays as it is. */
  readonly mask?: SqlFile | undefined;
  /** The authority of the instance's certificate. Default: rds-ca-rsa2048-g1. */
  readonly caIdentifier: "rds-ca-rsa2048-g1" | "rds-ca-rsa4096-g1" | "rds-ca-ecc384-g1";
  /** AWS's bundle of RDS certificates, for whoever runs `pulumi up`. Default: what Node.js and the machine trust. */
  readonly caBundle?: PemFile | undefined;
  /** Is there an instance that only Session Manager reaches, to tunnel through? Default: false. */
  readonly bastion: boolean;
}

// eslint-disable-next-line no-control-regex -- a path with control characters is a mistake at best
const filePath = /^(?!-)[^\u0000-\u001f]{1,1024}$/;

export const rdsKeys = {
  rds: section(
    {
      instanceClass: text<InstanceClass>(
        /^db\.[a-z0-9]{2,12}\.[a-z0-9.-]{2,24}$/,
        "instance class",
        "a class of RDS instances, such as db.m7g.large",
        { meaning: "Class of the instance; its memory bounds `database.maxConnections`.", example: "db.m7g.large" },
      ).default("db.t4g.medium" as InstanceClass),
      multiAz: flag({ meaning: "Is there a standby in another zone?", example: "true" }).default(true),
      storage: integer(20, 65_536, "GiB", { meaning: "Storage to begin with.", example: "100" }).default(100),
      maxStorage: integer(22, 65_536, "GiB", {
        meaning: "Storage up to which it grows by itself; at least a tenth above `storage`.",
        example: "500",
      }).default(500),
      backupDays: integer(1, 35, "days", {
        meaning: "How long automatic backups are kept.",
        example: "35",
      }).default(35),
      proxy: flag({
        meaning: "Does RDS Proxy stand between copies and instance? Migrations never go through it.",
      }).default(false),
      seedFrom: text<SnapshotId>(
        /^(arn:aws[a-z-]*:rds:[a-z0-9-]+:[0-9]{12}:snapshot:)?([a-z]+:)?[A-Za-z][A-Za-z0-9-]{0,254}$/,
        "snapshot",
        "the name or ARN of a snapshot of RDS, or `latest:` and the name of the instance whose newest one is meant",
        {
          meaning: "The snapshot that the instance is made from, once; take it out afterwards.",
          example: "latest:switchyard-production",
          unset: "none",
        },
      ).optional(),
      mask: text<SqlFile>(filePath, "path", "a file with SQL, absolute or relative to the project", {
        meaning:
          "SQL that makes seeded data what this stack may hold; it runs once, as the owner, before anybody gets in.",
        example: "masks/staging.sql",
        unset: "the data stays as it is",
      }).optional(),
      caIdentifier: oneOf(["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"], {
        meaning: "The authority of the instance's certificate.",
      }).default("rds-ca-rsa2048-g1"),
      caBundle: text<PemFile>(
        filePath,
        "path",
        "a file with certificates in PEM, absolute or relative to the project",
        {
          meaning: "AWS's bundle of RDS certificates (global-bundle.pem), for whoever runs `pulumi up`.",
          example: "certificates/global-bundle.pem",
          unset: "what Node.js and the machine trust",
        },
      ).optional(),
      bastion: flag({
        meaning: "Is there an instance that only Session Manager reaches, to tunnel through?",
      }).default(false),
    },
    "The RDS instance of a stack on AWS; refused on any other platform.",
  ).prefault({}),
};

/** GiB of memory of each size; the burstable families have less of it than the others below large. */
const burstable = { micro: 1, small: 2, medium: 4, large: 8, xlarge: 16, "2xlarge": 32 };
const multiples = { medium: 0.5, large: 1, xlarge: 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16, "12xlarge": 24, "16xlarge": 32, "24xlarge": 48, "32xlarge": 64, "48xlarge": 96 }; // prettier-ignore
const largeOf = { m: 8, r: 16 } as const;

/** Memory of an instance class in GiB; undefined for a family that isn't known here (db.x, db.z …). */
export function memoryOf(instanceClass: string): number | undefined {
  const [, family = "", size = ""] = instanceClass.split(".");
  if (/^t[34]g?$/.test(family)) return (burstable as Record<string, number | undefined>)[size];
  const factor = (multiples as Record<string, number | undefined>)[size];
  const large = /^[mr]\d+[a-z]*$/.test(family) ? largeOf[family.startsWith("m") ? "m" : "r"] : undefined;
  return factor === undefined || large === undefined ? undefined : factor * large;
}

/**
 * The `max_connections` that RDS itself would choose for so much memory: LEAST(DBInstanceClassMemory/9531392, 5000)
 * (RDS user guide, "Maximum number of database connections").
 */
export const connectionsOf = (gibibytes: number): number =>
  Math.min(Math.floor((gibibytes * 2 ** 30) / 9_531_392), 5000);

/** Memory holds the connections; storage can grow. */
export function rdsRules({ draft: { platform, rds = {}, database } }: Facts): Problem[] {
  if (platform !== "aws") return [];
  return [...connectionsFit(rds.instanceClass, database?.maxConnections), ...canGrow(rds.storage, rds.maxStorage)];
}

function connectionsFit(instanceClass: string | undefined, wanted: number | undefined): Problem[] {
  const memory = instanceClass === undefined ? undefined : memoryOf(instanceClass);
  if (memory === undefined || wanted === undefined || wanted <= connectionsOf(memory)) return [];
  const most = connectionsOf(memory);
  const size = Object.entries(multiples).find(([, factor]) => connectionsOf(factor * largeOf.m) >= wanted)?.[0];
  return [
    {
      path: ["rds", "instanceClass"],
      found: shown(`${instanceClass ?? ""}, whose ${memory} GiB hold ${most} connections`, "rds"),
      allowed: shown(`a class that holds database.maxConnections, ${wanted}`, "database"),
      ways: size === undefined ? [] : [[set(["rds", "instanceClass"], `db.m7g.${size}`)]],
    },
  ];
}

/**
 * RDS refuses an autoscaling limit less than 10 % above what is allocated (CreateDBInstance, MaxAllocatedStorage).
 * @param storage GiB that are allocated @returns GiB
 */
export const leastMaximum = (storage: number): number => Math.ceil((storage * 11) / 10);

function canGrow(storage: number | undefined, most: number | undefined): Problem[] {
  if (storage === undefined || most === undefined) return [];
  const least = leastMaximum(storage);
  if (most >= least) return [];
  return [
    {
      path: ["rds", "maxStorage"],
      found: shown(`${most} GiB, for a storage of ${storage}`, "rds"),
      allowed: shown(`${least} or more: a tenth above rds.storage`, "rds"),
      ways: [[set(["rds", "maxStorage"], least, "rds")]].filter(() => least <= 65_536),
    },
  ];
}
