import assert from "node:assert/strict";
import { posix } from "node:path";
import fc from "fast-check";
import {
  ConfigError,
  colours,
  compareMigrations,
  connectionsFor,
  loadConfig,
  weightOf,
  type Config,
} from "../../infra/config";
import { describeKeys } from "../../infra/config/key";
import { schema } from "../../infra/config/schema";
import { asRaw, aws, awsRelease, local, localRelease, source } from "./config-support";
import { follow } from "./config-commands";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const known = describeKeys(schema).map(({ path }) => path);
const names = fc.oneof(
  fc.constantFrom(...new Set(known.flat()), "__proto__", "constructor", "toString", "greenWieght", "LOG_LEVEL", "PORT"),
  fc.string({ maxLength: 8 }),
);
const paths = fc.oneof(
  fc.constantFrom(...known),
  fc.tuple(fc.constantFrom(...known), names).map(([path, name]) => [...path.slice(0, -1), name]),
  fc.constantFrom("blue", "green").chain((colour) => names.map((name) => [colour, "env", name])),
);
const scalars: fc.Arbitrary<null | boolean | number | string> = fc.oneof(
  fc.constantFrom(
    "",
    "0",
    "1",
    "25",
    "140",
    "1e2",
    " 25",
    "-0",
    "0x10",
    "local",
    "aws",
    "lokal",
    "latest",
    "0006",
    "0005",
    "0.001",
    "2.5",
    "return",
    "10s",
    "1h",
    "20Gi",
    "pages",
  ),
  fc.integer({ min: -1, max: 10_000 }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const values: fc.Arbitrary<Json> = fc.oneof(
  { weight: 8, arbitrary: scalars },
  { weight: 1, arbitrary: fc.array(scalars, { maxLength: 2 }) },
  { weight: 1, arbitrary: fc.dictionary(names, scalars, { maxKeys: 3, noNullPrototype: true }) },
);

const sound = fc.constantFrom<Record<string, Json>>(
  local,
  aws,
  { ...local, green: { ...localRelease, schema: "0007", count: 2 }, greenWeight: "25", migrateTo: "0007" },
  {
    ...aws,
    green: { ...awsRelease, env: { LOG_LEVEL: "debug" } },
    greenWeight: "100",
    database: { pool: { max: 10 } },
  },
  {
    ...local,
    bake: { steps: [25, 100], bake: "5s", maxBake: "1m", expectedRequestsPerSecond: 20, limits: { errorRate: "0.01" } },
    rolling: "true",
    acceptLoss: ["0007", "20260101120000"],
    acceptTargeted: "up-1",
  },
  { ...local, local: { port: 9000, previewPort: 9001 }, database: { majorVersion: 18, pool: { idle: "1m" } } },
);

/** A sound config with a few keys, known or not, set to anything or taken out. */
const configs = fc
  .tuple(sound, fc.array(fc.tuple(paths, fc.option(values, { nil: undefined })), { maxLength: 5 }))
  .map(([base, changes]) => asRaw(changes.reduce((tree, [path, value]) => change(tree, path, value), base)));

function change(
  tree: Record<string, Json>,
  [first = "", ...rest]: readonly string[],
  value: Json | undefined,
): Record<string, Json> {
  const entries = Object.entries(tree).filter(([name]) => name !== first);
  const inner = Object.hasOwn(tree, first) ? tree[first] : undefined;
  const object = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : {};
  const changed = rest.length === 0 ? value : change(object, rest, value);
  // fromEntries defines __proto__ as a key like any other, where an assignment would not.
  return Object.fromEntries(changed === undefined ? entries : [...entries, [first, changed]]);
}

function attempt(raw: Record<string, string>, secretKeys: readonly string[] = []): Config | ConfigError {
  try {
    return loadConfig(raw, source, secretKeys);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function assertSound(config: Config): void {
  const { greenWeight, migrateTo, database } = config;
  assert.ok(Number.isInteger(greenWeight) && greenWeight >= 0 && greenWeight <= 100 && !Object.is(greenWeight, -0));
  assert.ok(config.blue !== undefined || config.green !== undefined);
  for (const colour of colours) {
    const release = config[colour];
    const weight = weightOf(colour, greenWeight);
    assert.ok(weight === 0 || (release !== undefined && release.count > 0));
    if (release === undefined) continue;
    assert.ok(migrateTo === "latest" || compareMigrations(release.schema, migrateTo) <= 0);
    assert.ok(release.count * database.pool.max <= database.colourConnectionLimit);
    assert.ok(Object.values(release.env).every((value) => typeof value === "string"));
    assert.ok(
      Object.keys(release.env).every((name) =>
        /^(?!PG|PORT$|HOST$|COLOUR$|RELEASE$|SCHEMA$)[A-Z][A-Z0-9_]*$/.test(name),
      ),
    );
    if ("entry" in release)
      assert.ok(!posix.relative("/project", posix.join("/project", release.entry)).startsWith(".."));
    assert.equal("entry" in release, config.platform === "local");
    assert.equal("image" in release, config.platform === "aws");
  }
  const { steps, maxBake, bake, limits } = config.bake;
  assert.ok(steps.at(-1) === 100 && steps.every((step, at) => Number.isInteger(step) && step > (steps[at - 1] ?? 0)));
  assert.ok(bake > 0 && bake <= maxBake);
  assert.ok(Object.values(limits).every((limit) => Number.isFinite(limit) && limit > 0));
  for (const versions of [config.overrides.acceptLoss, config.overrides.acceptEdited, config.overrides.breakIdle])
    assert.equal(new Set(versions.map(Number)).size, versions.length);
  assert.ok(connectionsFor(database.colourConnectionLimit) <= database.maxConnections);
  assert.ok(database.pool.min <= database.pool.max);
  if (config.platform === "local") {
    const ports = [config.local.port, config.local.previewPort, config.local.databasePort].filter(
      (port) => port !== undefined,
    );
    assert.equal(new Set(ports).size, ports.length);
  }
}

const runs = { numRuns: 600 };

describe("any config", () => {
  it("is either sound or refused with a ConfigError, and nothing else ever happens", () => {
    let accepted = 0;
    fc.assert(
      fc.property(configs, (raw) => {
        const result = attempt(raw);
        if (result instanceof ConfigError) assert.ok(result.keys.length > 0);
        else {
          accepted += 1;
          assertSound(result);
        }
      }),
      runs,
    );
    assert.ok(accepted > runs.numRuns / 20, `only ${accepted} of ${runs.numRuns} were accepted: this shows too little`);
  });

  it("of arbitrary text is judged too", () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.constantFrom("{", '{"version":1e999}', "[[]]", "nul"),
    );
    const raws = fc.dictionary(
      names.map((name) => `switchyard:${name}`),
      text,
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(raws, (raw) => assert.ok(attempt(raw) instanceof ConfigError)),
      runs,
    );
  });

  it("is refused in words: no undefined, no [object Object], no control character but line feeds", () => {
    fc.assert(
      fc.property(configs, (raw) => {
        const result = attempt(raw);
        if (!(result instanceof ConfigError)) return;
        assert.doesNotMatch(result.message, /undefined|\[object|NaN/);
        // eslint-disable-next-line no-control-regex -- these are what must not be there
        assert.doesNotMatch(result.message, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
        assert.equal(new Set(result.keys.map((path) => JSON.stringify(path))).size, result.keys.length);
      }),
      runs,
    );
  });

  it("is put right by following the commands of the message, whichever way is taken", () => {
    let mended = 0;
    fc.assert(
      fc.property(configs, fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 4 }), (raw, picks) => {
        let at = { ...raw };
        for (let round = 0; round < 8; round += 1) {
          const result = attempt(at);
          if (!(result instanceof ConfigError)) {
            if (round > 0) mended += 1;
            return;
          }
          at = { ...follow(result, at, picks[round % picks.length] ?? 0) };
        }
        assert.fail(`still refused after 8 rounds of following the commands:\n${JSON.stringify(at)}`);
      }),
      runs,
    );
    assert.ok(mended > runs.numRuns / 4);
  });

  it("keeps its secrets to itself", () => {
    const marker = "s3cr3t";
    const secrets = fc.oneof(
      scalars.map((value) => `${marker}${String(value)}`),
      fc.constant(31415926535),
      fc.constant(3141592.6535),
    );
    const placed = fc
      .constantFrom(
        ...colours,
        "database",
        "local",
        "greenWeight",
        "platform",
        "migrateTo",
        "acceptLoss",
        "bake",
        "other",
      )
      .chain((top) => fc.tuple(fc.constant(top), configs, names, names, secrets));
    fc.assert(
      fc.property(placed, ([top, raw, name, inner, secret]) => {
        for (const value of [secret, { [name]: secret }, { [name]: { [inner]: secret } }, [secret]]) {
          const result = attempt({ ...raw, ...asRaw({ [top]: value }) }, [`switchyard:${top}`]);
          if (result instanceof ConfigError) assert.doesNotMatch(result.message, /s3cr3t|31415926535|3141592\.6535/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
