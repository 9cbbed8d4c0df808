import * as rds from "@pulumi/aws/rds";
import type * as pulumi from "@pulumi/pulumi";
import type { MomentWork } from "../../moment";
import { momentDigits, utcOf, type Moment } from "../../../config/moment";
import type { DatabaseSettings, RdsSettings, TunnelSettings } from "../../../config";
import type { Account } from "../account";
import { administrator } from "../administrator/declare";
import { databasePort, master, type Database } from "../database";
import type { Keys } from "../keys";
import { waive } from "../waive";
import { RdsMoment, RdsMomentBackup } from "./resource";

interface MomentArgs {
  readonly pointInTime: Moment;
  /** Is the restore done for good, so that the instance isn't needed any more? */
  readonly retire: boolean;
  readonly database: DatabaseSettings;
  readonly rds: RdsSettings;
  /** How whoever runs `pulumi up` reaches the instance. @default directly */
  readonly via: TunnelSettings | undefined;
  readonly account: Account;
  readonly keys: Keys;
  /** The stack's own. */
  readonly server: Database;
  readonly work: MomentWork;
}

/**
 * RDS goes back to a moment by making another instance of it. From that a backup is taken, and a restore goes on from it as
 * from any other; the instance is of no use after that. It goes with the key that asked for it.
 * @returns the id of that backup
 */
export function declareMoment(args: MomentArgs, options: pulumi.CustomResourceOptions): pulumi.Output<string> {
  const { pointInTime, retire, account, work } = args;
  const { hold, connection, password, owner, migrator, migratorPassword, release, store } = work;
  const at = utcOf(pointInTime);
  const moment = new RdsMoment(
    "moment",
    {
      ...{ at, rds: { connection: account.connection, instance: account.base }, hold },
      ...(!retire && { serves: { connection, password } }),
    },
    options,
  );
  const copy = retire ? undefined : copyOf(args, at, { provider: account.provider, dependsOn: moment });
  const backed = new RdsMomentBackup(
    "moment-backup",
    {
      ...{ at, connection, owner, migrator, migratorPassword, release, store },
      ...(copy && { copy: administered(args, copy) }),
    },
    // What a tunnel leads to has to be there as well.
    { ...options, dependsOn: copy ?? moment },
  );
  return backed.backup;
}

/** The instance as it was, in the place and behind the walls of the one that it was. */
function copyOf(args: MomentArgs, at: string, options: pulumi.CustomResourceOptions): rds.Instance {
  const { pointInTime, account, keys, server, database, rds: settings } = args;
  const { instance: real } = server;
  const copy = new rds.Instance(
    "moment",
    {
      identifier: `${account.base}-at-${momentDigits(pointInTime)}`,
      restoreToPointInTime: { sourceDbiResourceId: real.resourceId, restoreTime: at },
      ...{ engine: "postgres", engineVersion: String(database.majorVersion), instanceClass: settings.instanceClass },
      ...{ storageType: "gp3", storageEncrypted: true, kmsKeyId: keys.of.database },
      ...{ multiAz: false, port: databasePort, publiclyAccessible: false },
      ...{ dbSubnetGroupName: real.dbSubnetGroupName, vpcSecurityGroupIds: real.vpcSecurityGroupIds },
      parameterGroupName: real.parameterGroupName,
      ...{ username: master, manageMasterUserPassword: true, masterUserSecretKmsKeyId: keys.of.secrets },
      ...{ iamDatabaseAuthenticationEnabled: true, caCertIdentifier: settings.caIdentifier },
      ...{ backupRetentionPeriod: settings.backupDays, copyTagsToSnapshot: true, autoMinorVersionUpgrade: true },
      // It holds nothing that the instance it was made of can't give again.
      ...{ deletionProtection: false, skipFinalSnapshot: true, deleteAutomatedBackups: true },
      applyImmediately: true,
    },
    // To go back over much takes longer than the provider's 40 minutes.
    { ...options, customTimeouts: { create: "2h" } },
  );
  waive(
    copy,
    ["RDS.5", "CKV_AWS_157", "RDS.6", "CKV_AWS_118", "RDS.8", "CKV_AWS_293", "RDS.9", "RDS.36", "CKV_AWS_129", "CKV_AWS_353", "CKV_AWS_354"], // prettier-ignore
    "switchyard:restore.pointInTime: an instance that nobody serves from, for as long as one dump takes",
  );
  return copy;
}

/**
 * As the stack's own administrator, whom the copy has with the password of then, and of now: nobody ever changes it. Its master
 * user has another one than the stack's, which a pipeline's roles may not read.
 */
function administered({ via, database, rds: { caBundle }, work }: MomentArgs, copy: rds.Instance) {
  const trusted = caBundle === undefined ? {} : { sslrootcert: caBundle };
  const address =
    via === undefined
      ? { host: copy.address, port: databasePort, sslmode: "verify-full" as const, ...trusted }
      : { host: via.host, port: via.port, sslmode: via.sslmode, ...(via.sslmode === "disable" ? {} : trusted) };
  return { connection: { ...address, database: database.name, user: administrator }, password: work.password };
}
