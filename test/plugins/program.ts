import * as pulumi from "@pulumi/pulumi";
import type { PluginProcess } from "./protocol/client";
import { reveal, type Properties } from "./protocol/values";

/** A resource as the program declared it, and as the plugin made it. */
export interface Declared {
  type: string;
  name: string;
  inputs: Properties;
  outs: Properties;
  id: string;
}

/**
 * Lets the SDK register resources without an engine: those of `plugin` are really checked and created by it, in the order
 * that the program's dependencies give; providers and components are taken as they are.
 * @returns what was made so far, in the order it was made
 */
export function registerThrough(plugin: PluginProcess, name: string): Declared[] {
  const made: Declared[] = [];
  const mocks: pulumi.runtime.Mocks = {
    async newResource({ type, name: resource, inputs: given }) {
      const inputs = reveal(given).plain as Properties;
      if (type === `pulumi:providers:${name}`) {
        const failures = await plugin.checkConfig(inputs);
        if (failures.length > 0) throw new Error(failures.join("\n"));
        await plugin.configure(inputs);
      }
      if (!type.startsWith(`${name}:`)) {
        made.push({ type, name: resource, inputs, outs: inputs, id: resource });
        return { id: resource, state: inputs };
      }
      const failures = await plugin.check(type, inputs);
      if (failures.length > 0) throw new Error(`${type} ${resource}: ${failures.join("\n")}`);
      const { id, outs } = await plugin.create(type, inputs);
      made.push({ type, name: resource, inputs, outs, id });
      return { id, state: outs };
    },
    call: ({ token }) => {
      throw new Error(`${token} is not offered here`);
    },
  };
  // The SDK's mocks come with an asynchronous setup, which ends before the first resource is registered.
  void pulumi.runtime.setMocks(mocks, "switchyard", "test", false);
  return made;
}

/** The value of an output. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  new Promise((resolve) => {
    output.apply((value) => resolve(value));
  });
