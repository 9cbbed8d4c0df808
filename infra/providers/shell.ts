/* eslint-disable @typescript-eslint/no-require-imports, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/require-await -- the closure is kept in state as text and
   runs elsewhere: anything that it names from this file, a type's helper or a constant, would be captured with it */
import type * as pulumi from "@pulumi/pulumi";

/**
 * What is kept in state of a dynamic provider: a closure that captures nothing but a name. The code is loaded, as it is
 * in the checkout, when it runs, so a change of the implementation is not a change of the resource. The path of the entry
 * file is in every state there is: it never moves.
 */
export const shell = (name: string): pulumi.dynamic.ResourceProvider => ({
  async check(olds: unknown, news: unknown) {
    return require("tsx/cjs/api")
      .require("./providers/entry", process.cwd() + "/_")
      .provider(name)
      .check(olds, news);
  },
  async diff(id: string, olds: unknown, news: unknown) {
    return require("tsx/cjs/api")
      .require("./providers/entry", process.cwd() + "/_")
      .provider(name)
      .diff(id, olds, news);
  },
  async create(inputs: unknown) {
    return require("tsx/cjs/api")
      .require("./providers/entry", process.cwd() + "/_")
      .provider(name)
      .create(inputs);
  },
  async read(id: string, props: unknown) {
    return require("tsx/cjs/api")
      .require("./providers/entry", process.cwd() + "/_")
      .provider(name)
      .read(id, props);
  },
  async update(id: string, olds: unknown, news: unknown) {
    return require("tsx/cjs/api")
      .require("./providers/entry", process.cwd() + "/_")
      .provider(name)
      .update(id, olds, news);
  },
  async delete(id: string, props: unknown) {
    return require("tsx/cjs/api")
      .require("./providers/entry", process.cwd() + "/_")
      .provider(name)
      .delete(id, props);
  },
});
