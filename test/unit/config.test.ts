import assert from "node:assert/strict";
import { inspect } from "node:util";
import { asRaw, aws, load, local, localRelease, refusal, refuses, source, told } from "./config-support";
import { ConfigError, loadConfig } from "../../infra/config";

describe("a stack's config", () => {
  it("gets every default on the local platform", () => {
    assert.deepEqual(load(local), {
      platform: "local",
      greenWeight: 0,
      blue: { ...localRelease, count: 1, env: {} },
      migrateTo: "latest",
      watchAfter: 60_000,
      bake: {
        steps: [10, 25, 50, 100],
        bake: 600_000,
        maxBake: 1_800_000,
        minRequests: 1_000,
        onInsufficient: "return",
        limits: { errorRate: 0.001, p95: 1, timesWorse: 2, confidence: 0.99 },
      },
      overrides: { rolling: false, acceptLoss: [], acceptEdited: [], breakIdle: [], cutOver: false },
      database: {
        name: "pages",
        majorVersion: 15,
        maxConnections: 250,
        colourConnectionLimit: 100,
        pool: { max: 20, min: 5, idle: 30_000, connect: 2_000, statement: 10_000 },
      },
      local: { deleteDataOnDestroy: false },
      alarms: {
        errorRate: { high: 0.01, critical: 0.05 },
        minRequests: 100,
        p95: { high: 500, critical: 1_000 },
        connections: 80,
      },
      rehearsal: { drift: "warn", acceptUnrehearsed: [] },
      backup: {
        mode: "dump",
        dumpUpTo: 100 * 2 ** 30,
        drill: "narrowing",
        maxAge: 3_600_000,
        keep: { last: 10, days: 30 },
      },
      smoke: {
        requests: [
          { method: "GET", path: "/health", headers: {}, expect: { status: 200 }, requests: 1, concurrency: 1 },
        ],
        healthWait: 300_000,
      },
      requireConfirm: false,
      secretKeys: [],
    });
  });

  it("watches for a minute after a migration, up to an hour, or not at all", () => {
    assert.equal(load({ ...local, watchAfter: "0s" }).watchAfter, 0);
    assert.equal(load({ ...local, watchAfter: "1h" }).watchAfter, 3_600_000);
    refuses({ ...local, watchAfter: "1h1ms" }, "watchAfter", "a duration from 0s to 1h");
    refuses({ ...local, watchAfter: "60" }, "watchAfter", "a duration from 0s to 1h");
  });

  it("runs two copies on AWS by default, and has no local settings", () => {
    const config = load(aws);
    assert.equal(config.blue?.count, 2);
    assert.ok(!("local" in config) && !("green" in config));
  });

  it("takes what is set, from text or from typed JSON alike", () => {
    const config = load({
      platform: "local",
      greenWeight: "25",
      blue: { ...localRelease, count: "3", env: { LOG_LEVEL: "debug" } },
      green: { ...localRelease, version: "1.1.0", schema: "0007", entry: "./examples/pages/../pages/server.ts" },
      migrateTo: "0007",
      database: { majorVersion: 18, pool: { idle: "1h", max: "10" } },
      local: { port: 8080, deleteDataOnDestroy: "true", postgresUser: "nobody" },
    });
    assert.ok(config.platform === "local");
    assert.deepEqual(config.blue, { ...localRelease, count: 3, env: { LOG_LEVEL: "debug" } });
    assert.equal(config.green?.entry, "examples/pages/server.ts");
    assert.deepEqual(config.database.pool, { max: 10, min: 5, idle: 3_600_000, connect: 2_000, statement: 10_000 });
    assert.deepEqual(config.local, { port: 8080, deleteDataOnDestroy: true, postgresUser: "nobody" });
  });

  it("takes what the engine fills in from Pulumi.yaml for not set", () => {
    const traffic = { greenWeight: "0", blue: "{}", green: "{}", migrateTo: "latest", bake: "{}" };
    const lists = { acceptLoss: "[]", acceptEdited: "[]", breakIdle: "[]" };
    const overrides = { ...lists, rolling: "false", cutOver: "false", acceptTargeted: "", restore: "{}" };
    const filled = { ...traffic, ...overrides, database: "{}", local: "{}" };
    assert.deepEqual(load({ ...filled, ...local }), load(local));
    assert.deepEqual(load({ ...filled, ...aws }), load(aws));
    refuses({ ...filled, ...local, platform: "" }, "platform", "nothing: the key is not set");
  });

  it("leaves other namespaces alone", () => {
    assert.deepEqual(loadConfig({ ...asRaw(local), "aws:region": "mars", "pulumi:tags": "{" }, source), load(local));
  });

  it("goes by the project's own name", () => {
    const raw = Object.fromEntries(
      Object.entries(asRaw(local)).map(([key, value]) => [key.replace("switchyard", "shop"), value]),
    );
    assert.deepEqual(loadConfig(raw, { stack: "local", project: "shop" }), load(local));
    assert.throws(
      () => loadConfig({ ...raw, "shop:greenWeight": "140" }, { stack: "dev", project: "shop" }),
      /stack dev .*Pulumi\.dev\.yaml[^]*pulumi config set shop:greenWeight 25/,
    );
  });

  it("says which of its keys hold secrets", () => {
    assert.deepEqual(loadConfig(asRaw(local), source, ["switchyard:blue", "aws:secretKey"]).secretKeys, ["blue"]);
  });
});

describe("a wrong config", () => {
  it("is refused with every problem at once, whichever keys they are in", () => {
    const error = refusal(
      asRaw({
        platform: "locla",
        greenWeight: "140",
        greenWieght: "25",
        blue: { version: 1, schema: "0006", cuont: 2, env: { PORT: "1" } },
        green: "1.0.0",
        migrateTo: "6",
        database: { pool: { max: 5, min: 9, idle: "10" } },
        local: { port: 9000, previewPort: 9000 },
      }),
    );
    assert.equal(error.name, "ConfigError");
    assert.deepEqual(error.keys.map((path) => path.join(".")).sort(), [
      "blue.cuont",
      "blue.env.PORT",
      "blue.version",
      "database.pool.idle",
      "database.pool.min",
      "green",
      "greenWeight",
      "greenWieght",
      "local.previewPort",
      "migrateTo",
      "platform",
    ]);
    assert.match(error.message, /^The config of stack local has 11 problems \(file Pulumi\.local\.yaml/);
  });

  it("says of each what was found, what is allowed and what mends it", () => {
    assert.equal(
      told({ ...local, greenWeight: "140" }, "greenWeight"),
      [
        "switchyard:greenWeight",
        '  found    "140"',
        "  allowed  an integer from 0 to 100 (percent)",
        "  mend     pulumi config set switchyard:greenWeight 25",
      ].join("\n"),
    );
  });

  for (const text of ["x", "1e2", " 25", "25.5", "0x10", "NaN", "-0", "-1", "101", "", "9".repeat(400)]) {
    it(`has no weight of ${JSON.stringify(text.slice(0, 20))}`, () =>
      refuses({ ...local, greenWeight: text }, "greenWeight", 'found    "'));
  }

  for (const json of ["1e2", "2.0", "1.5", "-0", "1e400", "-1", "101", "null", "[]", "{}", '" 2"']) {
    it(`has no count of ${json}`, () => {
      const blue = `{"version":"1.0.0","schema":"0006","entry":"a.ts","count":${json}}`;
      const found = json === "[]" ? "a list of 0" : json === "{}" ? "an empty object" : json;
      refuses({ ...local, blue }, "blue.count", `found    ${found}\n`);
    });
  }

  it("may hold JSON that does not parse", () => {
    refuses(
      { ...local, database: '{"name": "pages"' },
      "database",
      "can't be read as JSON",
      "pulumi config rm switchyard:database",
    );
    refuses({ ...local, database: "[".repeat(200_000) }, "database", "can't be read as JSON");
    const deep = `{"pool":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    refuses({ ...local, database: deep }, "database", "can't be read as JSON");
    refuses({ ...local, database: "[1]" }, "database", "a list of 1");
    refuses({ ...local, database: "null" }, "database", "found    null");
  });

  it("may have its zeros eaten by YAML, and is told about quotes", () => {
    refuses(
      { ...local, blue: { ...localRelease, schema: 6 } },
      "blue.schema",
      "found    6",
      "quotes",
      "'switchyard:blue.schema' 0006",
    );
    refuses(
      { ...local, blue: '{"version":1.10,"schema":"0006","entry":"a.ts"}' },
      "blue.version",
      "found    1.10",
      "1.10 needs quotes",
    );
  });

  it("is quoted as it was written, also where a number would lose digits", () => {
    const blue = '{"version":9007199254740993,"schema":"0006","entry":"a.ts"}';
    refuses({ ...local, blue }, "blue.version", "found    9007199254740993");
  });

  it("shows characters that a terminal would obey, and cuts long text off", () => {
    refuses({ ...local, platform: "\u001b[31m\u202elocal" }, "platform", '"\\u001b[31m\\u202elocal"');
    refuses({ ...local, migrateTo: "x".repeat(500) }, "migrateTo", `"${"x".repeat(80)}" and 420 characters more`);
  });
});

describe("an unknown key", () => {
  it("comes with the key that was probably meant, at every level", () => {
    refuses(
      { ...local, greenWieght: "25" },
      "greenWieght",
      "did you mean greenWeight?",
      "rm switchyard:greenWieght",
      "set switchyard:greenWeight 25",
    );
    refuses(
      { ...local, blue: { ...localRelease, cuont: 2 } },
      "blue.cuont",
      "did you mean blue.count?",
      "'switchyard:blue.count' 2",
    );
    refuses(
      { ...local, database: { pool: { maxx: 9 } } },
      "database.pool.maxx",
      "did you mean database.pool.max?",
      "'switchyard:database.pool.max' 9",
    );
  });

  it("shows by example what its value can't say", () =>
    refuses({ ...local, greenWieght: "a quarter" }, "greenWieght", "set switchyard:greenWeight 25"));

  it("may be one set without --path", () =>
    refuses(
      { ...local, "local.port": "8080" },
      "local.port",
      "with --path",
      "rm switchyard:local.port",
      "--path 'switchyard:local.port' 8080",
    ));

  it("may be one from another place", () =>
    refuses({ ...local, previewPort: "8081" }, "previewPort", "did you mean local.previewPort?"));

  it("is not moved over a value that was set on purpose", () =>
    refuses(
      { ...local, greenWeight: "0", migrateto: "0006", migrateTo: "0007" },
      "migrateto",
      /one of\n.*- pulumi config rm switchyard:migrateto\n/,
    ));

  it("may just be unknown", () =>
    refuses({ ...local, colour: "red" }, "colour", "unknown key", "one of the keys platform,", "rm switchyard:colour"));

  it("is refused also when it is a name that every object has", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      refuses({ ...local, [`x${name}`]: "1" }, `x${name}`, "unknown key");
      assert.ok(
        refusal({ ...asRaw(local), [`switchyard:${name}`]: '{"a":1}' }).message.includes(
          `switchyard:${name}: unknown key`,
        ),
      );
      const blue = `{"version":"1.0.0","schema":"0006","entry":"a.ts","${name}":{"count":0}}`;
      refuses({ ...local, blue }, `blue.${name}`, "unknown key");
      const env = `{"version":"1.0.0","schema":"0006","entry":"a.ts","env":{"${name}":"x"}}`;
      refuses({ ...local, blue: env }, `blue.env.${name}`, "a name of A-Z");
    }
    assert.equal(({} as Record<string, unknown>).count, undefined);
  });

  it("is left to an editor where a shell or Pulumi's own paths can't be trusted with it", () => {
    for (const name of ["a\\b", "a\nb", "a\u001bb"]) {
      const { message } = refusal(asRaw({ ...local, blue: { ...localRelease, [name]: "x" } }));
      assert.match(message, /mend {5}take switchyard:blue\[".*"\] out of Pulumi\.local\.yaml with an editor/);
    }
  });
});

describe("a secret", () => {
  const keys = [
    "switchyard:platform",
    "switchyard:blue",
    "switchyard:database",
    "switchyard:pasword",
    "switchyard:greenWieght",
  ];

  it("is never shown, nor what could be told from it", () => {
    const { message } = refusal(
      asRaw({
        platform: "lokal",
        blue: { ...localRelease, version: "hunter 2", count: 77, env: { lower: "hunter3", N: 4711 } },
        database: { pool: { max: 99 }, name: "Hunter4" },
        pasword: "hunter5",
        greenWieght: "42",
      }),
      keys,
    );
    assert.doesNotMatch(message, /lokal|mean local|hunter|4711|77|99|7623|42/i);
    assert.match(message, /switchyard:pasword: unknown key\n {2}found {4}\[secret\]/);
    assert.match(message, /pulumi config set switchyard:greenWeight$/m);
  });

  it("is not quoted from JSON that does not parse", () => {
    const { message } = refusal({ ...asRaw(local), "switchyard:blue": '{"env": {"TOKEN": "hunter2"' }, keys);
    assert.doesNotMatch(message, /hunter2|TOKEN/);
  });

  it("is not in what else an error carries, for those who log it whole", () => {
    const error = refusal(
      asRaw({ ...local, pasword: "hunter5", blue: { ...localRelease, version: "hunter 2" } }),
      keys,
    );
    assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /hunter/);
  });

  it("stays one when its key is mended", () => {
    const { message } = refusal(asRaw({ ...local, platform: "x" }), keys);
    assert.match(message, /pulumi config set --secret switchyard:platform local/);
  });
});

describe("the error", () => {
  it("is one that callers can tell apart, with the keys as data but no value", () => {
    const error = refusal({});
    assert.ok(error instanceof ConfigError && error instanceof Error);
    assert.deepEqual(error.keys, [["blue"], ["platform"]]);
  });
});
