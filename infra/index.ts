import type { Begun } from "./begin";
import { colours, type Colour } from "./config";
import { Access } from "./database/access";
import { connectionLimits } from "./database/limits";
import { loginKinds } from "./database/names";
import type { ServiceDatabase } from "./platform";
import { AccessCheck } from "./providers/access-check/resource";
import { backupOf } from "./providers/backup/declare";
import { Backup } from "./providers/backup/resource";
import { restoreOf } from "./providers/restore/declare";
import { Restore } from "./providers/restore/resource";
import { declareRelease } from "./providers/rollout-plan/declare";
import { settledBy } from "./providers/rollout-plan/settled";
import { declareSmoke, smokeOf } from "./providers/smoke-test/declare";
import { TrafficAdvance } from "./providers/traffic-advance/resource";
import { neededBy } from "./providers/schema/needed";
import { SchemaNarrow } from "./providers/schema-narrow/resource";
import { rehearsalOf } from "./providers/schema-rehearsal/declare";
import { SchemaRehearsal } from "./providers/schema-rehearsal/resource";
import { SchemaWiden } from "./providers/schema-widen/resource";
import { declareWatch } from "./providers/schema-widen/watch";

/**
 * Read from top to bottom, this is the order of a rollout. What has to wait for something names it. Config, plan and
 * the return of traffic have gone before (`begin.ts`): a rollback is over before this file is loaded.
 */
export function program({ config, passwords, platform, before, migrations, plan, returned }: Begun) {
  const server = platform.database([returned]);
  const limits = connectionLimits(config.database);
  const access = new Access("access", {
    connection: { ...server.address, username: server.administrator, password: server.password },
    database: config.database.name,
    template: server.template,
    passwords: passwords.each(loginKinds),
    connectionLimits: limits,
    holdsData: server.holdsData,
    server: server.resource,
  });
  const expected = {
    database: config.database.name,
    administrator: server.administrator,
    connectionLimits: limits,
  };
  const taken = platform.afterAccess(access, expected);

  const connection = { ...server.address, database: access.database };
  const releases = colours.map((colour) => `${colour} ${config[colour]?.version ?? "none"}`).join(", ");
  const administered = {
    connection: { ...connection, user: server.administrator },
    password: server.password,
    owner: access.owner,
    migrator: access.logins.migrator.user,
    migratorPassword: access.logins.migrator.password,
    ...(server.template && { template: server.template }),
  };
  const kept = { release: releases, store: platform.storeHere() };
  const instance = server.rds && { rds: server.rds };
  const atMoment = platform.atMoment?.({ ...administered, ...kept, hold: plan.holdBefore("colours") }, taken);
  const restored = new Restore(
    "restore",
    { ...restoreOf(config, before, plan, atMoment), ...administered, ...kept, ...instance, expected },
    { dependsOn: taken },
  );
  const rehearsed = new SchemaRehearsal(
    "schema-rehearsal",
    {
      ...rehearsalOf(config, before, migrations),
      ...administered,
      ...(before && liveRelease(before.plan.weight >= 50 ? "green" : "blue")),
    },
    { dependsOn: restored },
  );
  const backup = {
    ...backupOf(config, before, migrations),
    plan: plan.schema,
    ...administered,
    ...kept,
    ...instance,
  };
  const backed = new Backup(
    "backup-before-widen",
    { ...backup, stage: "widen", hold: plan.holdBefore("colours") },
    { dependsOn: [rehearsed] },
  );
  const schema = {
    folder: "migrations",
    migrateTo: config.migrateTo,
    migrations,
    applied: before?.plan.applied.map(({ version }) => version) ?? [],
    plan: plan.schema,
    acceptEdited: [...config.overrides.acceptEdited],
    acceptLoss: [...config.overrides.acceptLoss],
    release: releases,
    connection: { ...connection, user: access.logins.migrator.user },
    password: access.logins.migrator.password,
    owner: access.owner,
  };
  const widened = new SchemaWiden(
    "schema-widen",
    { ...schema, ...declareWatch(config, platform, before), hold: plan.holdBefore("colours"), backup: backed.backupId },
    { dependsOn: [backed] },
  );
  const checked = new AccessCheck(
    "access-check",
    {
      connection: { ...connection, user: server.administrator },
      password: server.password,
      expected,
      schemaVersion: widened.schemaVersion,
    },
    { dependsOn: [widened] },
  );

  const preview = platform.previewListener([returned]);
  const running = { blue: run("blue"), green: run("green") };
  const resources = colours.flatMap((colour) => running[colour].resources);
  const smoked = declareSmoke(config, plan, preview, resources);
  const advanced = new TrafficAdvance(
    "traffic-advance",
    {
      attempt: plan.attempt,
      greenWeight: config.greenWeight,
      declared: plan.declared,
      ...(before && { settled: before.plan }),
      attempts: plan.attempts,
      traffic: platform.listenerPlace().apply((place) => platform.trafficAt(place)),
      telemetry: platform.telemetry(),
      store: platform.store,
      hold: plan.holdBefore("advance"),
    },
    { dependsOn: smoked },
  );
  const listener = platform.listener([advanced]);

  const narrowing = {
    hold: plan.holdBefore("narrow"),
    widened: widened.facts.apply((facts) => JSON.stringify(facts)),
  };
  const backedAgain = new Backup(
    "backup-before-narrow",
    { ...backup, ...narrowing, stage: "narrow" },
    { dependsOn: [listener.resource] },
  );
  const narrowed = new SchemaNarrow(
    "schema-narrow",
    { ...schema, ...narrowing, backup: backedAgain.backupId },
    { dependsOn: [backedAgain] },
  );

  const settled = settledBy(plan, before, {
    weight: listener.weight,
    releases: { blue: running.blue.release, green: running.green.release },
    schema: narrowed.facts,
    wiring: platform.wired(),
    traffic: platform.listenerPlace(),
    store: platform.storeHere(),
    restored: restored.serving,
  });
  return {
    settled,
    url: listener.url,
    previewUrl: preview.url,
    previewHeader: preview.header,
    weights: { blue: 100 - config.greenWeight, green: config.greenWeight },
    releases: { blue: release("blue"), green: release("green") },
    schemaVersion: narrowed.schemaVersion,
    rehearsals: rehearsed.rehearsed,
    ...platform.outputs(),
  };

  function release(colour: Colour) {
    const declared = config[colour];
    return declared && { version: declared.version, schema: declared.schema, count: declared.count };
  }

  function databaseOf(colour: Colour): ServiceDatabase {
    const { user, password } = access.logins[colour];
    const needs = neededBy(config[colour]?.schema, migrations);
    return { ...server.address, name: access.database, user, password, needs };
  }

  function run(colour: Colour) {
    return platform.colour(colour, declareRelease(config, colour), databaseOf(colour), [checked]);
  }

  /** The release that has traffic, for a rehearsal to ask of its scratch copy. */
  function liveRelease(colour: Colour) {
    const database = databaseOf(colour);
    const release = platform.rehearsed(colour, database);
    return release && { release: { ...release, ...smokeOf(config) }, releasePassword: database.password };
  }
}
