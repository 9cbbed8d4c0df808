import assert from "node:assert/strict";
import { identify } from "../../infra/platform/local/process/identity";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { types as type } from "../plugins/postgresql/types";
import { PluginProcess } from "../plugins/protocol/client";
import { unknown } from "../plugins/protocol/values";

describe("the stand-in for postgresql, before any server", function () {
  this.timeout(120_000);
  let plugin: PluginProcess;
  before(async () => {
    plugin = await PluginProcess.start("postgresql");
  });
  after(() => plugin.stop());

  it("says in one line that it is a stand-in", () => {
    assert.equal(
      plugin.said(),
      "pulumi-resource-postgresql: a stand-in for tests and local use, not the official plugin\n",
    );
  });

  it("refuses resources and functions that it has not, and names those that it has", async () => {
    await assert.rejects(
      plugin.check("postgresql:index/schema:Schema", { name: "x" }),
      /postgresql:index\/schema:Schema is not offered by the stand-in for postgresql, which has .*Database, .*install the official plugin/,
    );
  });

  it("refuses properties that are missing, strange, of another type, or not offered", async () => {
    assert.deepEqual(await plugin.check(type.role, { naem: "x", connectionLimit: "7", passwordWo: "x", roles: "a" }), [
      "naem: there is no such property; there are name, password, encryptedPassword, validUntil, connectionLimit, superuser, " +
        "createDatabase, createRole, inherit, login, replication, bypassRowLevelSecurity, roles, searchPaths, statementTimeout, " +
        "idleInTransactionSessionTimeout, assumeRole, skipDropRole, skipReassignOwned",
      "passwordWo: the stand-in does not offer this property; leave it out, or install the official plugin",
      "name: found nothing, expected a string: this property is required",
      'connectionLimit: found "7", expected an integer',
      'roles: found "a", expected a list of strings',
    ]);
    assert.deepEqual(
      await plugin.check(type.grant, { role: "r", database: "d", objectType: "table", privileges: ["EXECUTE"] }),
      [
        "schema: found nothing, expected the schema: objectType is table",
        "privileges: EXECUTE is not an allowed privilege for object type table; allowed: ALL, SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN",
      ],
    );
  });

  it("judges its configuration, and takes from the environment what is left out", async () => {
    assert.deepEqual(
      await plugin.checkConfig({ port: "0", sslmode: "prefer", maxConnections: "1", hots: "x", scheme: "awspostgres" }),
      [
        "hots: there is no such property; there are host, port, database, username, password, superuser, sslmode, sslrootcert, connectTimeout, maxConnections",
        "scheme: the stand-in does not offer this; leave it out, or install the official plugin",
        'port: found "0", expected a port, 1 to 65535',
        'sslmode: found "prefer", expected one of disable, require, verify-ca, verify-full',
        'maxConnections: found "1", expected 0 (any number), or 2 and more',
      ],
    );
    assert.deepEqual(await plugin.checkConfig({ host: unknown, port: unknown, password: unknown }), []);
    const elsewhere = await PluginProcess.start("postgresql", {
      PGHOST: "127.0.0.1",
      PGPORT: "1",
      PGUSER: "someone",
      PGSSLMODE: "disable",
    });
    try {
      await elsewhere.configure({});
      await assert.rejects(
        elsewhere.create(type.role, { name: "x" }),
        /at 127\.0\.0\.1:1: .*user someone, sslmode disable/,
      );
    } finally {
      await elsewhere.stop();
    }
  });

  it("ends by itself when the engine that started it is gone", async () => {
    const orphan = await PluginProcess.startOrphan("postgresql");
    await waitUntil("its end", () => (identify(orphan) === undefined ? true : undefined), { timeoutMs: 10_000 });
  });
});
