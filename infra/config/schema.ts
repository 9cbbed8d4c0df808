import { z } from "zod";
import type { Facts } from "./draft";
import type { Problem } from "./problem";
import { bakeKeys, bakeRules } from "./sections/bake";
import { databaseKeys } from "./sections/database";
import { databaseRules } from "./sections/database-rules";
import { localKeys, localRules } from "./sections/local";
import { migrationKeys, migrationRules } from "./sections/migrations";
import { overrideKeys } from "./sections/overrides";
import { platformKeys } from "./sections/platform";
import { rehearsalKeys } from "./sections/rehearsal";
import { releaseKeys } from "./sections/release";
import { releaseRules } from "./sections/release-rules";
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
  ...rehearsalKeys,
  ...smokeKeys,
  ...databaseKeys,
  ...localKeys,
});

/** What holds between keys, and so can't be said of one. Each rule judges what is valid and leaves out the rest. */
export const rules: readonly ((facts: Facts) => Problem[])[] = [
  releaseRules,
  migrationRules,
  bakeRules,
  databaseRules,
  localRules,
];
