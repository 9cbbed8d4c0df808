import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError, readConfig } from "../../examples/pages/config";
import { featuresOf } from "../../examples/pages/features";
import { describeError, requestId } from "../../examples/pages/logging";
import { fromCursor, toCursor } from "../../examples/pages/routes/cursor";
import { judgeSchema } from "../../examples/pages/schema-state";

const complete = {
  PORT: "8080",
  COLOUR: "green",
  RELEASE: "1.1.0",
  SCHEMA: "0007",
  PGHOST: "db.example",
  PGDATABASE: "pages",
  PGUSER: "pages_green",
  PGPASSWORD: "hunter2-hunter2",
};

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the environment of the example service", () => {
  it("has the defaults of the pool: 20, 5, 30 s, 2 s, 10 s", () => {
    const { host, drainMs, debug, database } = readConfig(complete);
    const { max, min, idleMs, connectMs, statementTimeoutMs, port, tls, applicationName } = database;
    assert.deepEqual({ max, min, idleMs, connectMs, statementTimeoutMs }, { max: 20, min: 5, idleMs: 30_000, connectMs: 2_000, statementTimeoutMs: 10_000 }); // prettier-ignore
    assert.deepEqual({ host, drainMs, debug, port, tls }, { host: "127.0.0.1", drainMs: 20_000, debug: false, port: 5432, tls: false }); // prettier-ignore
    assert.equal(applicationName, "pages-green");
  });

  it("is refused with every problem at once, each with its key, what was found and what is expected", () => {
    const problems = problemsOf({
      ...complete,
      PORT: "http",
      COLOUR: "red",
      SCHEMA: "6",
      PGHOST: "",
      PGSSLMODE: "prefer",
      POOL_MAX: "3",
    });
    assert.deepEqual(problems, [
      'PORT: found "http", expected a whole number of port from 0 to 65535',
      'COLOUR: found "red", expected one of blue, green',
      'SCHEMA: found "6", expected the version of a migration such as 0006, 0006 or later',
      "PGHOST: found nothing, expected the database's host",
      'PGSSLMODE: found "prefer", expected one of disable, require, verify-ca, verify-full',
    ]);
    assert.deepEqual(problemsOf({ ...complete, POOL_MAX: "3" }), [
      "POOL_MIN: found 5, expected at most POOL_MAX, which is 3",
    ]);
  });

  it("refuses a schema older than the oldest that the queries work on", () => {
    assert.match(problemsOf({ ...complete, SCHEMA: "0005" })[0] ?? "", /^SCHEMA: found "0005".*0006 or later/);
    assert.deepEqual(problemsOf({ ...complete, SCHEMA: "20260201120000" }), []);
  });

  it("asks for a password without ever repeating one", () => {
    assert.deepEqual(problemsOf({ ...complete, PGPASSWORD: undefined }), [
      "PGPASSWORD: found nothing, expected the password of the role in PGUSER",
    ]);
    assert.doesNotMatch(problemsOf({ ...complete, PORT: "x" }).join(), /hunter2/);
  });

  it("takes libpq's modes of TLS for what libpq means by them", () => {
    const tlsOf = (PGSSLMODE: string) => readConfig({ ...complete, PGSSLMODE }).database.tls;
    assert.equal(tlsOf("disable"), false);
    assert.deepEqual(tlsOf("require"), { rejectUnauthorized: false });
    assert.deepEqual(tlsOf("verify-full"), { ca: undefined });
    const withoutNames = tlsOf("verify-ca");
    assert.ok(
      withoutNames !== false && "checkServerIdentity" in withoutNames && !("rejectUnauthorized" in withoutNames),
    );
  });

  it("names a root certificate that is missing or is none", () => {
    const verify = (PGSSLROOTCERT: string) => problemsOf({ ...complete, PGSSLMODE: "verify-full", PGSSLROOTCERT });
    assert.match(verify("/nowhere.pem")[0] ?? "", /^PGSSLROOTCERT: "\/nowhere.pem" can't be used, ENOENT/);
    assert.match(verify(__filename)[0] ?? "", /it holds no PEM certificate/);
    assert.deepEqual(verify("system"), []);
  });
});

describe("whether a release can run on a schema", () => {
  const cases = [
    { newest: null, past: [], reason: /the schema is at no migration, this release needs 0006 or later/ },
    { newest: "0005", past: [], reason: /the schema is at 0005, this release needs 0006/ },
    { newest: "0006", past: [], reason: undefined },
    { newest: "0009", past: [], reason: undefined },
    { newest: "0009", past: ["0008", "0009"], reason: /contract migration 0008 is applied, past 0006/ },
    { newest: "20260201120000", past: [], reason: undefined },
  ];
  for (const { newest, past, reason } of cases)
    it(`needs 0006, finds ${newest ?? "none"}${past.length === 0 ? "" : ` and contracts ${past.join(", ")}`}: ${reason === undefined ? "yes" : "no"}`, () => {
      const found = judgeSchema({ schema: "0006", needs: "0006" }, { newest, contractsPast: past });
      if (reason === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", reason);
    });

  it("needs the expands below the one that it was built against, whether that contract is applied or not", () => {
    const wanted = { schema: "0008", needs: "0007" };
    assert.equal(judgeSchema(wanted, { newest: "0007", contractsPast: [] }), undefined);
    assert.match(judgeSchema(wanted, { newest: "0006", contractsPast: [] }) ?? "", /needs 0007/);
  });

  it("decides what a release does, not what is applied", () => {
    assert.deepEqual(
      ["0006", "0007", "20260201120000"].map((schema) => featuresOf(schema).summary),
      [false, true, true],
    );
  });
});

describe("a cursor", () => {
  it("names any page's place exactly", () => {
    const dates = fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(dates, fc.uuid(), (createdAt, id) => {
        assert.deepEqual(fromCursor(toCursor({ createdAt, id })), { createdAt: createdAt.toISOString(), id });
      }),
    );
  });

  it("is refused when no list gave it", () => {
    fc.assert(fc.property(fc.string(), (text) => assert.throws(() => fromCursor(text), { code: "invalid_cursor" })));
    const forged = Buffer.from("2025-01-01T00:00:00.000Z x'); DROP TABLE pages;--").toString("base64url");
    assert.throws(() => fromCursor(forged), { code: "invalid_cursor" });
  });
});

describe("logs", () => {
  it("keep the caller's request id only where it can't forge a line or a header", () => {
    assert.equal(requestId({ headers: { "x-request-id": "1-67891233-abcdef012345678912345678" } }), "1-67891233-abcdef012345678912345678"); // prettier-ignore
    for (const id of ['a"b', "a b", "", "x".repeat(129)])
      assert.match(requestId({ headers: { "x-request-id": id } }), /^[0-9a-f-]{36}$/);
  });

  it("leave out what an error repeats of rows, and what libraries hang onto it", () => {
    const error = Object.assign(new Error("duplicate key"), {
      code: "23505",
      detail: "Key (slug)=(secret) exists",
      client: {},
    });
    const described = describeError(new Error("outer", { cause: error }));
    assert.doesNotMatch(JSON.stringify(described), /secret|client/);
    assert.equal((described.cause as { code: string }).code, "23505");
  });
});
