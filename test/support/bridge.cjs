"use strict";
// Preloaded with the emulated AWS provider. Pulumi's dynamic Terraform bridge takes a provider's own blocks as lists, where
// Pulumi's real AWS provider, and so the program, has one object; and it knows neither the name nor the archive that Pulumi's
// gives to a function. Nothing else of what is passed on is touched.
const { basename } = require("node:path");

if (basename(process.argv[1] ?? "") === "pulumi-resource-aws.js") {
  const { ResourceProviderClient } = require("@pulumi/pulumi/proto/provider_grpc_pb.js");
  const { Value } = require("google-protobuf/google/protobuf/struct_pb.js");
  const blocks = ["defaultTags", "ignoreTags"];

  /** @param {any} struct */
  const asLists = (struct) => {
    const fields = struct?.getFieldsMap?.();
    for (const name of fields === undefined ? [] : blocks) {
      const value = fields.get(name)?.toJavaScript();
      const isText = typeof value === "string";
      const found = isText ? JSON.parse(value) : value;
      if (found === undefined || found === null || Array.isArray(found)) continue;
      fields.set(name, Value.fromJavaScript(isText ? JSON.stringify([found]) : [found]));
    }
  };

  /** @type {Record<string, any>} */
  const client = ResourceProviderClient.prototype;
  for (const method of ["checkConfig", "diffConfig", "configure"]) {
    const real = client[method];
    /** @type {(this: unknown, request: any, ...rest: unknown[]) => unknown} */
    const patched = function (request, ...rest) {
      for (const get of ["getNews", "getOlds", "getArgs", "getOldInputs"]) asLists(request[get]?.());
      return Reflect.apply(real, this, [request, ...rest]);
    };
    client[method] = patched;
  }

  const theirs = { name: "functionName", code: "filename" };
  const check = client.check;
  /** @type {(this: unknown, request: any, answer: (error: unknown, checked: any) => void) => unknown} */
  client.check = function (request, answer) {
    if (!request.getUrn().includes("lambdaFunction:LambdaFunction::"))
      return Reflect.apply(check, this, [request, answer]);
    /** @type {Map<string, unknown>} */
    const given = new Map();
    const fields = request.getNews().getFieldsMap();
    request.clearOlds();
    for (const [ours, other] of Object.entries(theirs)) {
      given.set(ours, fields.get(ours));
      fields.set(other, ours === "code" ? Value.fromJavaScript("function.zip") : fields.get(ours));
      fields.del(ours);
    }
    /** @type {(error: unknown, checked: any) => void} */
    const back = (error, checked) => {
      const inputs = checked?.getInputs()?.getFieldsMap();
      for (const [ours, other] of Object.entries(inputs === undefined ? {} : theirs)) {
        inputs.del(other);
        inputs.set(ours, given.get(ours));
      }
      answer(error, checked);
    };
    return Reflect.apply(check, this, [request, back]);
  };
}
