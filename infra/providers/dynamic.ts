import * as pulumi from "@pulumi/pulumi";

/**
 * A resource whose provider is code of this project: `pulumi.dynamic.Resource` with a shell of our own in place of a
 * serialised closure. Outputs are declared with `declare readonly`: class fields would overwrite them.
 */
export abstract class DynamicResource extends pulumi.CustomResource {
  /**
   * @param provider its name in `entry.ts`, and in the type that state and previews show
   * @param props the inputs; outputs are keys that are undefined
   */
  constructor(provider: string, name: string, props: pulumi.Inputs, options?: pulumi.CustomResourceOptions) {
    super(`pulumi-nodejs:dynamic/switchyard:${provider}`, name, { ...props, __provider: textOf(provider) }, options);
  }
}

/**
 * What is kept in state of a dynamic provider: nothing but a name. The code is loaded, as it is in the checkout, when it
 * runs, so a change of the implementation is not a change of the resource. The path of the entry file is in every state
 * there is: it never moves. Written out, and not left to the SDK's serialisation of closures, which would capture what it
 * finds around it, and loads a compiler to do so: a fifth of a second of every `up`.
 */
const textOf = (name: string): string => `exports.handler = () => {
  const ask = (method) => async (...given) =>
    require("tsx/cjs/api").require("./providers/entry", process.cwd() + "/_").provider(${JSON.stringify(name)})[method](...given);
  return Object.fromEntries(["check", "diff", "create", "read", "update", "delete"].map((method) => [method, ask(method)]));
};
`;
