import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { collectedAlarms } from "../../infra/collector/alarms";
import { bundledFunction } from "../../infra/lambda/bundle";
import { findFree } from "../../infra/platform/local/process/ports";
import { declarePlatform, type Registered } from "../support/aws-mocked";
import { CalledFunction, OneSecret, type MetricLine } from "../support/called-function";
import { deadlock } from "../support/deadlock";
import { stateOf } from "../support/metric-maths";
import { speakTls } from "../support/tls-postgres";
import {
  provocations,
  quickLimits,
  rolePassword,
  roles,
  watchedDatabase,
  type WatchedDatabase,
} from "../support/watched";
import { awsRelease, domain } from "../unit/config-support";

const keys = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token: "of/the+role==" };

/** What the stack declares of the collector. */
interface DeclaredCollector {
  variables: Record<string, string>;
  alarms: Record<string, unknown>[];
  code: Record<string, string>;
}

let once: Promise<DeclaredCollector> | undefined;
const declaredCollector = (): Promise<DeclaredCollector> => (once ??= declare());

async function declare(): Promise<DeclaredCollector> {
  const { resources } = await declarePlatform("watched", { platform: "aws", domain, blue: awsRelease });
  const of = (type: string): Registered["inputs"][] =>
    resources.filter((each) => each.type === `aws:${type}`).map(({ inputs }) => inputs);
  const [looks] = of("lambda/function:Function");
  assert.ok(looks);
  const archive = looks.code as pulumi.asset.AssetArchive;
  const assets = Object.entries(await archive.assets) as [string, pulumi.asset.FileAsset][];
  const collected = new Set(collectedAlarms(quickLimits, roles).map(({ name }) => `switchyard-watched-${name}`));
  return {
    variables: (looks.environment as { variables: Record<string, string> }).variables,
    alarms: of("cloudwatch/metricAlarm:MetricAlarm").filter(({ name }) => collected.has(name as string)),
    code: Object.fromEntries(await Promise.all(assets.map(async ([name, { path }]) => [name, await path] as const))),
  };
}

for (const major of [15, 18] as const)
  describe(`the collector's function on PostgreSQL ${major}`, function () {
    this.timeout(300_000);
    const folder = mkdtempSync(join(tmpdir(), "collector-"));
    const file = join(folder, "index.js");
    let declared: DeclaredCollector;
    let db: WatchedDatabase;
    let secret: OneSecret;
    let looks: CalledFunction;
    let env: Record<string, string>;

    before(async function () {
      if (spawnSync("openssl", ["version"]).error !== undefined) return this.skip();
      const [text, made, watched] = await Promise.all([
        bundledFunction("collector"),
        declaredCollector(),
        watchedDatabase(major),
      ]);
      writeFileSync(file, text);
      [declared, db] = [made, watched];
      const ca = await speakTls(db.postgres, folder);
      secret = await OneSecret.start(declared.variables.SECRET ?? "", rolePassword, keys);
      env = {
        ...declared.variables,
        // What isn't AWS's here; the name is one that the certificate has.
        ...{ PGHOST: "localhost", PGPORT: String(db.postgres.port), PGSSLROOTCERT: ca },
        AWS_ENDPOINT_URL_SECRETS_MANAGER: secret.url,
        // What Lambda adds by itself.
        AWS_REGION: "eu-west-1",
        ...{ AWS_ACCESS_KEY_ID: keys.id, AWS_SECRET_ACCESS_KEY: keys.secret, AWS_SESSION_TOKEN: keys.token },
      };
      looks = CalledFunction.start(file, env);
    });
    after(async () => {
      await looks.stop();
      await Promise.all([secret.stop(), db.postgres.stop()]);
      rmSync(folder, { recursive: true, force: true });
    });

    const alarm = (name: string): Record<string, unknown> => {
      const found = declared.alarms.find((each) => each.name === `switchyard-watched-${name}`);
      assert.ok(found, `no alarm ${name} is declared`);
      return found;
    };

    /** The value that an alarm looks at, found by its namespace, name and dimensions, and by nothing else. */
    function valueOf(lines: readonly MetricLine[], inputs: Record<string, unknown>): number | null {
      const dimensions = inputs.dimensions as Record<string, string>;
      const line = lines.find(({ _aws, ...values }) =>
        _aws.CloudWatchMetrics.some(
          ({ Namespace, Dimensions, Metrics }) =>
            Namespace === inputs.namespace &&
            Metrics.some(({ Name }) => Name === inputs.metricName) &&
            JSON.stringify(Dimensions[0]) === JSON.stringify(Object.keys(dimensions)) &&
            Object.entries(dimensions).every(([key, value]) => values[key] === value),
        ),
      );
      const value = line?.[inputs.metricName as string];
      return typeof value === "number" ? value : null;
    }

    /** What an alarm comes to when each of its periods has this value. */
    function state(inputs: Record<string, unknown>, value: number | null, limit = inputs.threshold as number): string {
      const periods = inputs.evaluationPeriods as number;
      const beyond =
        inputs.comparisonOperator === "LessThanThreshold" ? (v: number) => v < limit : (v: number) => v > limit;
      const missing = inputs.treatMissingData as string;
      return stateOf(Array<number | null>(periods).fill(value), beyond, { periods, needed: inputs.datapointsToAlarm as number, missing }); // prettier-ignore
    }

    it("is what the stack declares, and has a figure for each alarm, which is quiet", async () => {
      assert.equal(readFileSync(declared.code["index.js"] ?? "", "utf8"), readFileSync(file, "utf8"));
      await looks.call();
      const clients = await Promise.all([db.as("blue"), db.as("green")]);
      for (const client of clients) for (let i = 0; i < 12; i += 1) await client.query("SELECT 1");
      await Promise.all(clients.map((client) => client.end()));
      const lines = await looks.call();
      assert.equal(declared.alarms.length, 10);
      for (const inputs of declared.alarms) {
        const value = valueOf(lines, inputs);
        assert.notEqual(value, null, `${String(inputs.name)} looks at what isn't written`);
        assert.equal(state(inputs, value), "OK", `${String(inputs.name)} at ${String(value)}`);
      }
    });

    for (const [name, provoke] of Object.entries(provocations))
      it(`has ${name} fire when that is so, and no more when it is over`, async () => {
        const inputs = alarm(name);
        const calm = valueOf(await looks.call(), inputs);
        const quick = collectedAlarms({ ...quickLimits, age: (calm ?? 0) + 100 }, roles).find(
          (each) => each.name === name,
        );
        assert.ok(quick && "above" in quick.fires);
        const limit = quick.fires.above;
        assert.equal(state(inputs, calm, limit), "OK", `${String(calm)} before`);
        const undo = await provoke(db);
        try {
          const value = valueOf(await looks.call(), inputs);
          assert.equal(state(inputs, value, limit), "ALARM", `${String(value)}, and the limit is ${limit}`);
        } finally {
          await undo?.();
        }
        if (undo === undefined) return;
        const over = valueOf(await looks.call(), inputs);
        assert.equal(state(inputs, over, limit), "OK", `${String(over)} after`);
      });

    it("counts deadlocks and what was rolled back", async () => {
      await looks.call();
      const [a, b] = [await db.as("blue"), await db.as("blue")];
      await deadlock(a, b);
      await Promise.all([a.end(), b.end()]);
      const [line] = await looks.call();
      assert.equal(line?.DeadlocksBroken, 1);
      assert.ok((line.Rollbacks as number) > 0);
    });

    it("asks for its password once, and once more when it was changed", async () => {
      assert.equal(secret.asked, 1);
      await db.superuser((client) => client.query(`ALTER ROLE ${roles.monitoring} PASSWORD 'another-one'`));
      secret.password = "another-one";
      await looks.call();
      assert.equal(secret.asked, 2);
      // One that is refused, and was just read, isn't asked for for ever.
      secret.password = "not-that-one";
      await db.superuser((client) => client.query(`ALTER ROLE ${roles.monitoring} PASSWORD '${rolePassword}'`));
      await assert.rejects(looks.call(), /can't connect as pages_monitoring to pages at localhost:\d+: password authentication failed/); // prettier-ignore
      assert.equal(secret.asked, 3);
      secret.password = rolePassword;
      await looks.call();
      assert.equal(secret.asked, 4);
    });

    it("takes no server for its own whose certificate it doesn't know, nor one of another name", async () => {
      const other = join(folder, "other.pem");
      writeFileSync(other, readFileSync(join(folder, "server.pem")));
      for (const change of [{ PGHOST: "127.0.0.1" }, { PGSSLROOTCERT: other }] as Record<string, string>[]) {
        const stranger = CalledFunction.start(file, { ...env, ...change });
        await assert.rejects(stranger.call(), /can't connect as pages_monitoring.*(certificate|altnames)/);
        await stranger.stop();
      }
    });

    it("says what is in its way, and never a password", async () => {
      const unknown = CalledFunction.start(file, { ...env, SECRET: "arn:aws:secretsmanager:eu-west-1:0:secret:gone" });
      await assert.rejects(unknown.call(), /can't read the secret arn:.*gone: 400 .*can't find the specified secret/);
      const unsigned = CalledFunction.start(file, { ...env, AWS_SECRET_ACCESS_KEY: "wrong" });
      await assert.rejects(unsigned.call(), /InvalidSignatureException/);
      const unset = CalledFunction.start(file, { ...env, NAMESPACE: "" });
      await assert.rejects(unset.call(), /the function has no variable NAMESPACE; run: pulumi up/);
      await Promise.all([unknown, unsigned, unset].map((each) => each.stop()));
      assert.ok(!looks.written.includes(rolePassword) && !looks.written.includes(keys.secret));
    });
  });

describe("the collector's function without a database", function () {
  this.timeout(180_000);

  it("has collector-silent fire, as nothing is written", async () => {
    const [text, declared, port] = await Promise.all([
      bundledFunction("collector"),
      declaredCollector(),
      findFree(20_000),
    ]);
    const folder = mkdtempSync(join(tmpdir(), "collector-"));
    writeFileSync(join(folder, "index.js"), text);
    writeFileSync(join(folder, "ca.pem"), "");
    const secret = await OneSecret.start(declared.variables.SECRET ?? "", rolePassword, keys);
    const looks = CalledFunction.start(join(folder, "index.js"), {
      ...declared.variables,
      ...{ PGHOST: "localhost", PGPORT: String(port), PGSSLROOTCERT: join(folder, "ca.pem"), AWS_REGION: "eu-west-1" },
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secret.url,
      ...{ AWS_ACCESS_KEY_ID: keys.id, AWS_SECRET_ACCESS_KEY: keys.secret, AWS_SESSION_TOKEN: keys.token },
    });
    try {
      await assert.rejects(looks.call(), /can't connect as pages_monitoring to pages at localhost:\d+: /);
      assert.equal(looks.written, "");
      const silent = declared.alarms.find(({ name }) => name === "switchyard-watched-collector-silent");
      assert.deepEqual([silent?.treatMissingData, silent?.evaluationPeriods, silent?.period], ["breaching", 5, 60]);
    } finally {
      await looks.stop();
      await secret.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
