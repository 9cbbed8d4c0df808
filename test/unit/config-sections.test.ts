import assert from "node:assert/strict";
import { asRaw, aws, awsRelease, domain, load, local, localRelease, refusal, refuses } from "./config-support";

describe("releases", () => {
  it("are missing where a colour has weight", () => {
    refuses(
      { platform: "local" },
      "blue",
      "missing release",
      "100 %",
      "'switchyard:blue.version' 1.0.0",
      "switchyard:blue.entry",
    );
    refuses(
      { ...local, greenWeight: "25" },
      "green",
      "missing release",
      "25 %",
      "'switchyard:green.schema' 0006",
      "set switchyard:greenWeight 0",
    );
    refuses(
      { platform: "aws", green: awsRelease, domain },
      "blue",
      "missing release",
      "switchyard:blue.image",
      "set switchyard:greenWeight 100",
    );
    assert.equal(load({ platform: "local", green: localRelease, greenWeight: "100" }).blue, undefined);
  });

  it("are missing altogether, even when the weight can't be read", () => {
    const { message } = refusal(asRaw({ platform: "local", greenWeight: "x" }));
    assert.ok(message.includes("at least one release, under blue or green"));
  });

  it("have to be complete", () => {
    refuses(
      { ...local, blue: { version: "1.0.0", entry: "a.ts" } },
      "blue.schema",
      "nothing: the key is not set",
      "required",
    );
    refuses({ ...local, blue: { ...localRelease, entry: undefined } }, "blue.entry", "required on platform local");
    refuses({ ...aws, blue: { ...awsRelease, image: undefined } }, "blue.image", "required on platform aws");
    const { keys } = refusal(asRaw({ ...local, blue: { count: 1 } }));
    assert.deepEqual(
      keys.map((path) => path.join(".")),
      ["blue.version", "blue.schema", "blue.entry"],
    );
  });

  it("are started from what their platform knows", () => {
    refuses(
      { ...local, blue: { ...localRelease, image: awsRelease.image } },
      "blue.image",
      "rm --path 'switchyard:blue.image'",
    );
    refuses(
      { ...aws, blue: { ...awsRelease, entry: localRelease.entry } },
      "blue.entry",
      `found    "${localRelease.entry}"`,
      "rm --path 'switchyard:blue.entry'",
    );
  });

  it("are not retired while they have weight", () => {
    refuses({ ...local, blue: { ...localRelease, count: 0 } }, "blue.count", "retired", "'switchyard:blue.count' 1");
    const both = { ...local, green: localRelease, blue: { ...localRelease, count: 0 } };
    refuses({ ...both, greenWeight: "50" }, "blue.count", "50 %", "set switchyard:greenWeight 100");
    assert.equal(load({ ...both, greenWeight: "100" }).blue?.count, 0);
  });

  it("are not ahead of the schema", () => {
    const blue = { ...localRelease, schema: "0010" };
    refuses(
      { ...local, blue, migrateTo: "0009" },
      "blue.schema",
      "0010, which is past migrateTo 0009",
      "set switchyard:migrateTo 0010",
      "set switchyard:migrateTo latest",
    );
    refuses(
      { ...local, blue: { ...blue, schema: "20260101120000" }, migrateTo: "9999" },
      "blue.schema",
      "past migrateTo",
    );
    assert.equal(load({ ...local, blue, migrateTo: "0010" }).migrateTo, "0010");
  });

  for (const entry of [
    "/etc/x.js",
    "../x.js",
    "a/../../x.js",
    "a\\b.js",
    "C:/x.js",
    "server",
    "",
    "..",
    "a\u0000.js",
    "-e.js",
  ]) {
    it(`do not start from ${JSON.stringify(entry)}`, () =>
      refuses({ ...local, blue: { ...localRelease, entry } }, "blue.entry", "relative to the project"));
  }

  for (const image of [
    "pages",
    "pages:latest",
    "registry.example.com:5000/pages",
    "Pages:1",
    "pages:1 --privileged",
    "pages@sha256:12",
    "a".repeat(600),
    `${"a-".repeat(250)}!`,
  ]) {
    it(`do not run the image ${image.slice(0, 40)}`, () =>
      refuses({ ...aws, blue: { ...awsRelease, image } }, "blue.image", "pinned"));
  }

  for (const image of [
    "pages:1.0.0",
    "localhost:5000/team/pages:v1.0.0",
    `pages@sha256:${"a".repeat(64)}`,
    `123456789012.dkr.ecr.eu-west-1.amazonaws.com/pages:latest@sha256:${"0".repeat(64)}`,
  ]) {
    it(`run the image ${image.slice(0, 60)}`, () =>
      assert.equal(load({ ...aws, blue: { ...awsRelease, image } }).platform, "aws"));
  }

  it("get only variables that are theirs to set, as strings", () => {
    const withEnv = (env: unknown) => ({ ...local, blue: { ...localRelease, env } });
    for (const name of ["PORT", "HOST", "COLOUR", "RELEASE", "SCHEMA", "PGPASSWORD"]) {
      refuses(withEnv({ [name]: "x" }), `blue.env.${name}`, `rm --path 'switchyard:blue.env.${name}'`);
    }
    refuses(withEnv({ log_level: "x" }), "blue.env.log_level", "'switchyard:blue.env.LOG_LEVEL' x");
    refuses(
      withEnv({ RETRIES: 5 }),
      "blue.env.RETRIES",
      "found    5",
      "--type string --path 'switchyard:blue.env.RETRIES' 5",
    );
    refuses(withEnv({ NUL: "a\0b" }), "blue.env.NUL");
    refuses(withEnv(["A=b"]), "blue.env", "a list of 1");
  });
});

describe("the database", () => {
  it("has room for both colours and the reserve", () => {
    refuses(
      { ...local, database: { maxConnections: 200 } },
      "database.maxConnections",
      "2 × colourConnectionLimit 100 + 25 reserved",
      "= 225",
      "'switchyard:database.maxConnections' 225",
      "'switchyard:database.colourConnectionLimit' 87",
    );
    assert.equal(load({ ...local, database: { maxConnections: 225 } }).database.maxConnections, 225);
  });

  it("lets every copy fill its pool, or names the three ways out", () => {
    const blue = { ...localRelease, count: 6 };
    refuses(
      { ...local, blue },
      "blue.count",
      "6 × database.pool.max 20 = 120",
      "'switchyard:database.pool.max' 16",
      "'switchyard:blue.count' 5",
      "'switchyard:database.colourConnectionLimit' 120",
      "'switchyard:database.maxConnections' 265",
    );
    assert.equal(load({ ...local, blue: { ...blue, count: 5 } }).blue?.count, 5);
    refuses({ ...local, database: { pool: { max: 101 } } }, "blue.count", "1 × database.pool.max 101 = 101");
  });

  it("counts the one copy that the local platform runs by default", () => {
    const database = { colourConnectionLimit: 30 };
    assert.equal(load({ ...local, database }).blue?.count, 1);
    refuses({ ...local, database: { colourConnectionLimit: 10 } }, "blue.count", "1 × database.pool.max 20 = 20");
  });

  it("keeps no more connections than it may open", () =>
    refuses(
      { ...local, database: { pool: { min: 21 } } },
      "database.pool.min",
      "above pool.max 20",
      "'switchyard:database.pool.min' 20",
    ));

  it("is of a major that the platform has", () => {
    refuses({ ...local, database: { majorVersion: 16 } }, "database.majorVersion", "15 or 18");
    refuses({ ...aws, database: { majorVersion: 14 } }, "database.majorVersion", "15, 16, 17 or 18");
    assert.equal(load({ ...aws, database: { majorVersion: 16 } }).database.majorVersion, 16);
  });

  for (const name of ["Pages", "1pages", "pages-db", "é", "", "a".repeat(64), 'x"; DROP', "postgres", "template1"]) {
    it(`is not named ${JSON.stringify(name.slice(0, 20))}`, () =>
      refuses({ ...local, database: { name } }, "database.name"));
  }
});

describe("local settings", () => {
  it("have no place on AWS", () =>
    refuses({ ...aws, local: { port: 8080 } }, "local", "an object with port", "rm switchyard:local"));

  it("give no port away twice", () => {
    const ports = { port: 9000, previewPort: 9001, databasePort: 9000 };
    refuses(
      { ...local, local: ports },
      "local.databasePort",
      "9000, which local.port has too",
      "rm --path 'switchyard:local.databasePort'",
    );
  });

  for (const port of [0, 80, 1023, 65_536, "8080x"]) {
    it(`listen on no port ${port}`, () => refuses({ ...local, local: { port } }, "local.port", "1024 to 65535"));
  }

  it("run PostgreSQL as no root", () =>
    refuses({ ...local, local: { postgresUser: "root" } }, "local.postgresUser", "other than root"));
});
