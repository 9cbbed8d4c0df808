import { z } from "zod";
import type { Facts } from "./draft";
import type { Problem } from "./problem";
import { alarmKeys, alarmRules } from "./sections/alarms";
import { awsRules } from "./sections/aws-rules";
import { backupKeys, backupRules } from "./sections/backup";
import { bakeKeys, bakeRules } from "./sections/bake";
import { ciKeys } from "./sections/ci";
import { confirmKeys } from "./sections/confirm";
import { databaseKeys } from "./sections/database";
import { databaseRules } from "./sections/database-rules";
import { domainKeys, domainRules } from "./sections/domain";
import { localKeys, localRules } from "./sections/local";
import { migrationKeys, migrationRules } from "./sections/migrations";
import { networkKeys, networkRules } from "./sections/network";
import { notifyKeys } from "./sections/notify";
import { overrideKeys } from "./sections/overrides";
import { platformKeys } from "./sections/platform";
import { rdsKeys, rdsRules } from "./sections/rds";
import { rehearsalKeys } from "./sections/rehearsal";
import { releaseKeys } from "./sections/release";
import { releaseRules } from "./sections/release-rules";
import { restoreKeys } from "./sections/restore";
import { restoreRules } from "./sections/restore-rules";
import { serviceKeys, serviceRules } from "./sections/service";
import { smokeKeys } from "./sections/smoke";
import { trafficKeys } from "./sections/traffic";

/** Every key of stack config. A new section adds its keys here, and its rules below. */
export const schema = z.strictObject({
  ...platformKeys,
  ...trafficKeys,
  ...releaseKeys,
  ...migrationKeys,
  ...bakeKeys,
  ...overrideKeys,
  ...confirmKeys,
  ...restoreKeys,
  ...rehearsalKeys,
  ...backupKeys,
  ...smokeKeys,
  ...databaseKeys,
  ...localKeys,
  ...networkKeys,
  ...domainKeys,
  ...rdsKeys,
  ...serviceKeys,
  ...alarmKeys,
  ...notifyKeys,
  ...ciKeys,
});

/** What holds between keys, and so can't be said of one. Each rule judges what is valid and leaves out the rest. */
export const rules: readonly ((facts: Facts) => Problem[])[] = [
  releaseRules,
  migrationRules,
  bakeRules,
  databaseRules,
  backupRules,
  restoreRules,
  localRules,
  awsRules,
  networkRules,
  domainRules,
  rdsRules,
  serviceRules,
  alarmRules,
];
