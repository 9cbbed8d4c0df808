import assert from "node:assert/strict";
import { createHmac, createHash, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { roleKinds, roleNames } from "../../infra/database/names";
import {
  defaultPrivileges,
  inOtherSchemas,
  inServiceSchema,
  onDatabase,
  privilegesOn,
  type Grantee,
} from "../../infra/database/privileges";
import { stableVerifier } from "../../infra/database/verifier";

const kinds = ["schema", "table", "sequence", "function"] as const;
const grantees: Grantee[] = ["migrator", "blue", "green", "readonly", "monitoring", "public"];

describe("the names of a database's roles", () => {
  it("begin with the database's name, and say what each is for", () => {
    assert.deepEqual(roleNames("pages"), {
      owner: "pages_owner",
      migrator: "pages_migrator",
      blue: "pages_app_blue",
      green: "pages_app_green",
      readonly: "pages_readonly",
      monitoring: "pages_monitoring",
    });
  });

  it("are all different, and none is cut off by PostgreSQL", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 52, unit: "grapheme-ascii" }), (database) => {
        const names = Object.values(roleNames(database));
        assert.equal(new Set(names).size, roleKinds.length);
        for (const name of names) assert.ok(Buffer.byteLength(name) <= 63, name);
      }),
    );
  });

  it("are refused when they would be cut off, with the key to change", () => {
    for (const database of ["", "x".repeat(53), "ä".repeat(27)])
      assert.throws(() => roleNames(database), /^Error: database\.name: found .* bytes\), expected 1 to 52: /);
  });
});

describe("the declared privileges", () => {
  it("are the same for both colours", () => {
    for (const privileges of [onDatabase, ...kinds.flatMap((kind) => [inServiceSchema[kind], inOtherSchemas[kind]])])
      assert.deepEqual(privileges.blue, privileges.green);
  });

  it("let nobody write outside of the service's schema, and nobody create anything anywhere", () => {
    for (const kind of kinds)
      for (const grantee of grantees) {
        const elsewhere = privilegesOn(kind, "switchyard")[grantee] ?? [];
        assert.ok(elsewhere.every((privilege) => ["SELECT", "USAGE"].includes(privilege)));
        const everywhere = [
          ...elsewhere,
          ...(privilegesOn(kind, "public")[grantee] ?? []),
          ...(onDatabase[grantee] ?? []),
        ];
        for (const never of ["CREATE", "TEMPORARY", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"])
          assert.ok(!everywhere.includes(never), `${grantee} has ${never}`);
      }
  });

  it("are what new objects are born with, as PostgreSQL adds a schema's defaults to those of all schemas", () => {
    const all = defaultPrivileges();
    for (const schema of ["public", "switchyard"])
      for (const kind of kinds)
        for (const grantee of grantees) {
          // There are no schemas in schemas: their defaults are those of all, and `public` is no new schema.
          if (kind === "schema" && schema === "public") continue;
          const born = all
            .filter((each) => each.kind === kind && each.grantee === grantee)
            .filter((each) => each.schema === undefined || each.schema === schema)
            .flatMap(({ privileges }) => privileges);
          assert.deepEqual(new Set(born), new Set(privilegesOn(kind, schema)[grantee] ?? []), `${kind} in ${schema}`);
        }
  });

  it("take from everybody the right to call new functions, which only a default of all schemas can", () => {
    assert.ok(
      defaultPrivileges().some(
        ({ kind, grantee, schema, privileges }) =>
          kind === "function" && grantee === "public" && schema === undefined && privileges.length === 0,
      ),
    );
  });
});

describe("the verifier of a role's password", () => {
  it("is the same at every run, and another for another role or password", () => {
    const verifiers = [
      ["blue", "one"],
      ["green", "one"],
      ["blue", "two"],
    ].map(([role = "", password = ""]) => stableVerifier(role, password));
    assert.equal(stableVerifier("blue", "one"), verifiers[0]);
    assert.equal(new Set(verifiers).size, 3);
  });

  it("is one that PostgreSQL takes, of that password", () => {
    const [, iterations = "", salt = "", stored = ""] =
      /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):[^:]+$/.exec(stableVerifier("blue", "secret")) ?? [];
    const salted = pbkdf2Sync("secret", Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const clientKey = createHmac("sha256", salted).update("Client Key").digest();
    assert.equal(createHash("sha256").update(clientKey).digest("base64"), stored);
  });
});
