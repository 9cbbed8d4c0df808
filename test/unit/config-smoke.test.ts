import assert from "node:assert/strict";
import { asRaw, load, local, refusal, told } from "./config-support";

const smoke = (requests: unknown) => ({ ...local, smoke: { requests } });

const saysOf = (requests: unknown): string => {
  const text = told(smoke(requests), "smoke.requests");
  assert.ok(text !== undefined, refusal(asRaw(smoke(requests))).message);
  return text;
};

describe("smoke requests", () => {
  it("are one to /health where config names none", () => {
    const { requests, healthWait, command } = load(local).smoke;
    assert.deepEqual(requests, [
      { method: "GET", path: "/health", headers: {}, expect: { status: 200 }, requests: 1, concurrency: 1 },
    ]);
    assert.deepEqual([healthWait, command], [300_000, undefined]);
  });

  it("may be none at all, when a list without any says so", () => assert.deepEqual(load(smoke([])).smoke.requests, []));

  it("are read with their defaults, and hold nothing undefined", () => {
    const { requests } = load(
      smoke([
        {
          method: "POST",
          path: "/pages?draft=1",
          headers: { "X-Team": "web" },
          body: { title: "x", price: 1.5, tags: [null, true] },
          expect: { status: 201, json: { items: [{ id: 1 }] }, contains: "id" },
          p95: "250ms",
          requests: 200,
          concurrency: 10,
        },
        { path: "/" },
      ]),
    ).smoke;
    assert.deepEqual(requests, [
      {
        method: "POST",
        path: "/pages?draft=1",
        headers: { "x-team": "web" },
        body: { title: "x", price: 1.5, tags: [null, true] },
        expect: { status: 201, json: { items: [{ id: 1 }] }, contains: "id" },
        p95: 250,
        requests: 200,
        concurrency: 10,
      },
      { method: "GET", path: "/", headers: {}, expect: { status: 200 }, requests: 1, concurrency: 1 },
    ]);
    assert.deepEqual(JSON.parse(JSON.stringify(requests)), requests);
  });

  it("are all listed that are wrong, each with its place, what was found and what is allowed", () => {
    const text = saysOf([
      { path: "health", expect: { status: 99 } },
      { path: "/ok" },
      { metod: "POST", path: "/pages", concurrency: 0, headers: { a: 1 } },
      "x",
    ]);
    for (const part of [
      'requests[0].path is "health"',
      "requests[0].path: a path that starts with /",
      "requests[0].expect.status is 99",
      "requests[0].expect.status: an integer from 100 to 599",
      "requests[2].metod is no key of a request, did you mean method?",
      "requests[2].concurrency: an integer from 1 to 100",
      "requests[2].headers: an object of strings",
      'requests[3] is "x"',
      "mend     set requests[0].path",
      "in the stack's config file",
    ])
      assert.ok(text.includes(part), `${part} is not in:\n${text}`);
    assert.ok(!text.includes("requests[1]"), text);
  });

  it("say what is missing, and what they are when they are no list", () => {
    assert.match(saysOf([{ expect: {} }]), /requests\[0\]\.path is not set/);
    assert.match(saysOf({ path: "/" }), /found {4}an object with path\n {2}allowed {2}a list of at most 100 objects/);
  });

  for (const [what, request, says] of [
    ["more at once than there are", { concurrency: 3, requests: 2 }, "requests[0].concurrency: at most its requests"],
    ["a p95 of too few", { p95: "1s", requests: 19 }, "requests[0].requests: at least 20"],
    ["a GET with a body", { body: {} }, "requests[0].body: nothing: a GET has no body"],
    ["a line break in a header", { headers: { a: "b\r\nc: d" } }, "requests[0].headers: an object of strings"],
    ["a space in a path", { path: "/a b" }, "requests[0].path: a path"],
  ] as const) {
    it(`have not ${what}`, () => {
      const text = saysOf([{ path: "/", ...request }]);
      assert.ok(text.includes(says), text);
    });
  }

  it("show nothing of what they hold when they are secret", () => {
    const { message } = refusal(asRaw(smoke([{ path: "hunter2", headers: { authorization: "hunter2" } }])), [
      "switchyard:smoke",
    ]);
    assert.ok(!message.includes("hunter2"), message);
    assert.match(message, /requests\[0\]\.path: a path that starts with/);
  });
});
