import assert from "node:assert/strict";
import fc from "fast-check";
import { bytes, formatDuration, formatSize, milliseconds, parseDuration, parseSize } from "../../infra/config";
import { plainInteger, size } from "../../infra/config/kinds";
import { nearest } from "../../infra/config/nearest";

const wholes = fc.oneof(fc.maxSafeNat(), fc.nat({ max: 100_000_000 }));

describe("durations", () => {
  const examples: [string, number][] = [
    ["250ms", 250],
    ["90s", 90_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["1d12h", 129_600_000],
    ["0s", 0],
  ];
  for (const [text, expected] of examples) {
    it(`reads ${text} as ${expected} ms`, () => assert.equal(parseDuration(text), expected));
  }

  for (const text of [
    "",
    "10",
    "1.5h",
    "-1s",
    " 1s",
    "1s ",
    "01s",
    "1e2s",
    "1m1h",
    "1s1s",
    "1S",
    "1h 30m",
    "9007199254740992ms",
    "1min",
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), undefined));
  }

  it("reads back every duration that it writes", () => {
    fc.assert(fc.property(wholes, (value) => assert.equal(parseDuration(formatDuration(milliseconds(value))), value)));
  });

  it("writes the shortest form, whichever way a duration was written", () => {
    assert.equal(formatDuration(milliseconds(5_400_000)), "1h30m");
    assert.equal(formatDuration(milliseconds(90_000)), "1m30s");
    assert.equal(formatDuration(milliseconds(0)), "0s");
  });

  it("never makes a duration out of a number that can't be one", () => {
    for (const value of [-1, 0.5, Number.NaN, Infinity, 2 ** 53, -0])
      assert.throws(() => milliseconds(value), RangeError);
  });

  it("reads any text as a whole number of milliseconds or not at all", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9dhms]{0,20}$/), (text) => {
        const value = parseDuration(text);
        assert.ok(value === undefined || (Number.isSafeInteger(value) && value >= 0));
      }),
    );
  });
});

describe("sizes", () => {
  const examples: [string, number][] = [
    ["20Gi", 20 * 2 ** 30],
    ["512Mi", 512 * 2 ** 20],
    ["1Ti", 2 ** 40],
    ["64Ki", 65_536],
    ["1048577", 1_048_577],
    ["0", 0],
  ];
  for (const [text, expected] of examples) {
    it(`reads ${text} as ${expected} bytes`, () => assert.equal(parseSize(text), expected));
  }

  for (const text of [
    "",
    "20G",
    "20GB",
    "20 Gi",
    "1.5Gi",
    "-1",
    "01",
    "1e3",
    "gi",
    "20gi",
    "9007199254740992",
    "8192Ti",
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseSize(text), undefined));
  }

  it("reads back every size that it writes", () => {
    fc.assert(fc.property(wholes, (value) => assert.equal(parseSize(formatSize(bytes(value))), value)));
  });

  it("writes the largest unit that holds the size exactly", () => {
    assert.equal(formatSize(bytes(20 * 2 ** 30)), "20Gi");
    assert.equal(formatSize(bytes(1536 * 2 ** 20)), "1536Mi");
    assert.equal(formatSize(bytes(1001)), "1001");
    assert.equal(formatSize(bytes(0)), "0");
  });
});

describe("a key that holds a size", () => {
  const key = size(bytes(2 ** 30), bytes(2 ** 40), { meaning: "Room for data." });

  it("takes what is in its range, both ends included", () => {
    for (const value of ["1Gi", "1024Gi", "20Gi", 2 ** 30, "1073741824"])
      assert.equal(key.safeParse(value).success, true);
    for (const value of ["1Mi", "1025Gi", "20G", 2 ** 30 - 1, 1.5, true, null])
      assert.equal(key.safeParse(value).success, false);
  });
});

describe("integers", () => {
  it("reads what it would itself write, and nothing else", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => assert.equal(plainInteger(String(value)), value === 0 ? 0 : value)),
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.double().map(String), fc.stringMatching(/^[-+0-9eExX._ ]{0,6}$/)),
        (text) => {
          const value = plainInteger(text);
          assert.ok(value === undefined || String(value) === text);
        },
      ),
    );
  });

  for (const text of [
    "1e2",
    " 25",
    "25 ",
    "25.5",
    "25.0",
    "0x10",
    "NaN",
    "Infinity",
    "-0",
    "+5",
    "025",
    "1_000",
    "",
    "٣",
    "9007199254740993",
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(plainInteger(text), undefined));
  }
});

describe("near misses", () => {
  const keys = ["platform", "greenWeight", "blue", "green", "migrateTo", "port", "previewPort"];
  const examples: [string, string | undefined][] = [
    ["greenWieght", "greenWeight"],
    ["GREENWEIGHT", "greenWeight"],
    ["green_weight", "greenWeight"],
    ["prot", "port"],
    ["bleu", "blue"],
    ["migrateto", "migrateTo"],
    ["version", undefined],
    ["", undefined],
    ["x".repeat(100_000), undefined],
  ];
  for (const [word, expected] of examples) {
    it(`takes ${JSON.stringify(word.slice(0, 20))} for ${expected ?? "nothing"}`, () =>
      assert.equal(nearest(word, keys), expected));
  }
});
