import assert from "node:assert/strict";
import { hasUnknown, PartialFailure, sameInputs, unknownValue } from "../../infra/providers/contract";
import * as rpc from "@pulumi/pulumi/runtime/rpc";
import { inEnginesForm } from "../../infra/providers/engine-form";
import { provider } from "../../infra/providers/entry";

describe("dynamic providers", () => {
  it("know the engine's own sign for what is not known yet", () => {
    assert.equal(unknownValue, rpc.unknownValue);
    assert.ok(hasUnknown({ a: [{ b: rpc.unknownValue }] }));
    assert.ok(!hasUnknown({ a: [1, null, { b: "text" }] }));
  });

  it("compare inputs whatever the order of keys, and see one that was removed", () => {
    assert.ok(sameInputs({ a: 1, b: { c: 2, d: 3 }, __provider: "x" }, { b: { d: 3, c: 2 }, a: 1, __provider: "y" }));
    assert.ok(!sameInputs({ a: 1, b: 2 }, { a: 1 }));
    assert.ok(!sameInputs({ list: [1, 2] }, { list: [2, 1] }));
  });

  it("of a name that nobody has are refused, with where names are kept", () => {
    assert.throws(() => provider("Bakcup"), /no dynamic provider named Bakcup.*by-name\.ts/);
  });

  const base = { diff: () => ({ changes: false }), delete: () => Promise.resolve() };
  const thrown = (work: Promise<unknown>) =>
    work.then(
      () => assert.fail("nothing was thrown"),
      (error: unknown) => error as Error & { id?: string; properties?: object; reasons?: string[] },
    );

  it("throw plain errors, without a stack, as a subclass would lose its message on the way", async () => {
    const each = inEnginesForm({
      ...base,
      create: () => Promise.reject(new TypeError("the port is taken")),
      update: () => Promise.reject(new TypeError("the port is taken")),
    });
    const error = await thrown(each.create({}));
    assert.deepEqual([error.constructor, error.message, error.stack], [Error, "the port is taken", ""]);
  });

  it("hand over what half a create has left, so that state keeps track of it", async () => {
    const failure = new PartialFailure("half done", "blue", { pid: 7, gone: undefined });
    const each = inEnginesForm({
      ...base,
      create: () => Promise.reject(failure),
      update: () => Promise.reject(failure),
    });
    const { id, properties, reasons } = await thrown(each.create({}));
    assert.deepEqual({ id, properties, reasons }, { id: "blue", properties: { pid: 7 }, reasons: ["half done"] });
  });

  it("strip undefined from outputs, which would break them after create has run", async () => {
    const outs = { a: 1, b: undefined };
    const each = inEnginesForm({
      ...base,
      create: () => Promise.resolve({ id: "x", outs }),
      update: () => Promise.resolve(outs),
    });
    assert.deepEqual(await each.create({}), { id: "x", outs: { a: 1 } });
    assert.deepEqual(await each.update("x", {}, {}), { outs: { a: 1 } });
  });

  it("that find nothing on refresh give no id, so that the engine drops the resource", async () => {
    const nothing = { create: () => Promise.reject(new Error()), update: () => Promise.reject(new Error()) };
    const each = inEnginesForm({ ...base, ...nothing, read: () => Promise.resolve(undefined) });
    assert.deepEqual(await each.read("x", {}), {});
  });
});
