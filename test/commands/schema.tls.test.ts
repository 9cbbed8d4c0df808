import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Checkout, migrationText } from "../support/commands";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";
import type { Ended } from "../support/stack";
import { speakTls } from "../support/tls-postgres";

interface Report {
  database: { host: string; answered: boolean; error: string | null };
  migrations: { version: string; standing: string }[];
  exitCode: number;
}

/** How the database of a stack on AWS is reached, as its state has it. */
interface Reached {
  readonly host: string;
  readonly sslmode: "verify-ca" | "verify-full";
  readonly sslrootcert?: string;
}

/** By its name, and through a tunnel; the bundle's path is the project's, as `rds.caBundle` is. */
const bundle = "certificates/ca.pem";
const byName: Reached = { host: "localhost", sslmode: "verify-full", sslrootcert: bundle };
const throughTunnel: Reached = { host: "127.0.0.1", sslmode: "verify-ca", sslrootcert: bundle };

describe("the commands, where a stack's database speaks TLS and nothing else", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let database: RealDatabase;
  let checkout: Checkout;
  const passphrase = { PULUMI_CONFIG_PASSPHRASE: "a test's own" };

  before(async () => {
    checkout = new Checkout();
    postgres = await startPostgres(15);
    database = await createRealDatabase(postgres);
    mkdirSync(join(checkout.folder, "certificates"));
    await speakTls(postgres, join(checkout.folder, "certificates"));
    await database.owner.query("CREATE TABLE kept (id bigint)");
    await postgres.asSuperuser((client) => client.query(`ALTER ROLE ${database.target.migrator.user} INHERIT`));
    await refusePlain();
    for (const file of readdirSync(join(checkout.folder, "migrations"))) checkout.unlink(`migrations/${file}`);
    checkout.write("migrations/0001_notes.sql", migrationText("CREATE TABLE notes (id bigint);", "DROP TABLE notes;"));
    await must("stack", "init");
  });
  after(async () => {
    checkout.remove();
    await postgres.stop();
  });

  const pulumi = (...args: string[]): Promise<Ended> =>
    checkout.run(["tools/pulumi.cjs", ...args, "--stack", "staging", "--non-interactive"], passphrase);
  async function must(...args: string[]): Promise<void> {
    const { code, output } = await pulumi(...args);
    assert.equal(code, 0, output);
  }

  /** From now on, whoever the commands log in as needs TLS. */
  async function refusePlain(): Promise<void> {
    const { connection, migrator } = database.target;
    await postgres.asSuperuser(async (client) => {
      const { rows } = await client.query<{ hba_file: string }>("SHOW hba_file");
      const file = rows[0]?.hba_file ?? "";
      const refused = `hostnossl all ${connection.user},${migrator.user} all reject\n`;
      writeFileSync(file, refused + readFileSync(file, "utf8"));
      await client.query("SELECT pg_reload_conf()");
    });
  }

  /** The state that an `up` would have left, of what the commands read in it. */
  async function standsAs(reached: Reached): Promise<void> {
    const { connection, password, owner, migrator } = database.target;
    const address = { ...connection, ...reached, port: connection.port };
    const urn = (type: string, name: string) => `urn:pulumi:staging::switchyard::${type}::${name}`;
    const provider = urn("pulumi:providers:pulumi-nodejs", "default");
    const id = "00000000-0000-4000-8000-000000000000";
    const ours = (type: string, inputs: object) => ({
      ...{
        urn: urn(`pulumi-nodejs:dynamic/switchyard:${type}`, type),
        custom: true,
        id: type,
        inputs,
        outputs: inputs,
      },
      ...{ type: `pulumi-nodejs:dynamic/switchyard:${type}`, provider: `${provider}::${id}` },
    });
    const asMigrator = { connection: { ...address, user: migrator.user }, password: migrator.password, owner };
    const asAdministrator = { connection: address, password };
    const made = "postgresql:index/database:Database";
    const of = `${provider}::${id}`;
    const resources = [
      { urn: provider, custom: true, id, type: "pulumi:providers:pulumi-nodejs" },
      {
        urn: urn(made, "pages"),
        custom: true,
        id: "pages",
        type: made,
        inputs: { template: "template1" },
        provider: of,
      },
      ours("AccessCheck", asAdministrator),
      ours("SchemaWiden", asMigrator),
      ours("Backup", {
        ...{ ...asAdministrator, owner, migrator: migrator.user, migratorPassword: migrator.password },
        ...{
          store: { kind: "local", folder: "backups" },
          platform: "local",
          mode: "dump",
          dumpUpTo: 1e9,
          drill: "never",
        },
        ...{ keep: { last: 1, days: 1 }, release: "blue 1.0.0", template: "template1" },
      }),
    ];
    checkout.write("state.json", JSON.stringify({ version: 3, deployment: { manifest: { time: "2026-11-21T00:00:00Z", magic: "", version: "" }, resources } })); // prettier-ignore
    await must("stack", "import", "--file", "state.json");
  }

  async function status(env: NodeJS.ProcessEnv = {}): Promise<Report> {
    const { value } = await checkout.json(["status", "--stack", "staging"], { ...passphrase, ...env });
    return value as Report;
  }

  for (const [how, reached] of [
    ["by its name", byName],
    ["through a tunnel, whose name is in no certificate", throughTunnel],
  ] as const)
    it(`ask it ${how}, and rehearse and back up by the same way`, async () => {
      await standsAs(reached);
      const { database: asked, migrations, exitCode } = await status();
      assert.deepEqual([asked.host, asked.error, asked.answered, exitCode], [reached.host, null, true, 3]);
      assert.deepEqual(migrations.map(({ version, standing }) => [version, standing]), [["0001", "pending"]]); // prettier-ignore
      const rehearsed = await checkout.schema(["rehearse", "--stack", "staging"], passphrase);
      assert.equal(rehearsed.code, 0, rehearsed.output);
      assert.match(rehearsed.output, /\nPassed on a copy of the structure: 0001\.\n$/);
      const taken = await checkout.run(["--import", "tsx", "infra/commands/backups/main.ts", "take", "--stack", "staging"], passphrase); // prettier-ignore
      assert.equal(taken.code, 0, taken.output);
    });

  it("find the bundle in the project, wherever they are run", async () => {
    await standsAs(byName);
    const { status: code, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", join(checkout.folder, "infra/commands/schema/main.ts"), "status", "--stack", "staging"],
      { cwd: join(checkout.folder, "docs"), env: { ...process.env, ...passphrase }, encoding: "utf8" },
    );
    assert.equal(code, 3, stderr);
  });

  it("are refused by a server of another authority, or of another name, and say so", async () => {
    await standsAs({ ...byName, host: "127.0.0.1" });
    const other = await status();
    assert.equal(other.database.answered, false);
    assert.match(other.database.error ?? "", /does not match certificate's altnames/);
    await standsAs({ host: "localhost", sslmode: "verify-full" });
    const says =
      /none of what Node\.js trusts by itself, expected AWS's bundle .*pulumi config set --path rds\.caBundle <file>/;
    assert.match((await status()).database.error ?? "", says);
  });

  it("name the bundle that is missing, and send nobody to start a database", async () => {
    await standsAs({ ...byName, sslrootcert: "certificates/absent.pem" });
    const { code, output } = await checkout.schema(["status", "--stack", "staging"], passphrase);
    assert.equal(code, 1);
    assert.match(output, /can't read the certificates that are trusted: .*\/certificates\/absent\.pem/);
    assert.match(output, /\nNext: mend that, then ask again\.\n$/);
  });

  it("reach one that is named by hand in the same way", async () => {
    const { connection, migrator } = database.target;
    const at = `postgres://${migrator.user}@127.0.0.1:${connection.port}/${database.name}`;
    const url = `${at}?sslmode=verify-ca&sslrootcert=${encodeURIComponent(bundle)}`;
    const { code, output } = await checkout.schema(["status", "--database-url", url], {
      PGPASSWORD: migrator.password,
    });
    assert.equal(code, 3, output);
  });
});
