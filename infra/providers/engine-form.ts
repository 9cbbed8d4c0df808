import type * as pulumi from "@pulumi/pulumi";
import { PartialFailure, type Provider } from "./contract";

export type EngineProvider = Required<Omit<pulumi.dynamic.ResourceProvider, "configure">>;

/** A provider of ours in the form that the engine speaks. */
export function inEnginesForm(real: Provider<object, object>): EngineProvider {
  return {
    check: (olds: object | undefined, news: object) =>
      plainly(async () => {
        const known = olds !== undefined && Object.keys(olds).length > 0 ? olds : undefined;
        const problems = (await real.check?.(news, known)) ?? [];
        const inputs = problems.length > 0 ? undefined : real.complete?.(news, known);
        return {
          inputs: inputs === undefined ? news : stateful(inputs),
          // With a property named, the engine would print its whole value before the sentence.
          failures: problems.map((reason) => ({ property: "", reason })),
        };
      }),
    diff: (id, olds: object, news: object) => plainly(async () => real.diff(olds, news, id)),
    create: (inputs: object) =>
      plainly(async () => {
        const { id, outs } = await real.create(inputs);
        return { id, outs: stateful(outs) };
      }),
    update: (id, olds: object, news: object) =>
      plainly(async () => ({ outs: stateful(await real.update(olds, news, id)) })),
    read: (id, props: object) =>
      plainly(async () => {
        const found = real.read === undefined ? props : await real.read(props, id);
        // Without an id the engine takes the resource as gone, and drops it from state.
        return found === undefined ? ({} as pulumi.dynamic.ReadResult) : { id, props: stateful(found) };
      }),
    delete: (id, props: object) => plainly(async () => real.delete(props, id)),
  };
}

/**
 * Undefined, bigint or Date in outputs breaks them after create has run, which would leave an orphan: JSON has none of
 * them. (A bigint throws here, still before the engine has lost track.)
 */
function stateful(outs: object): object {
  return JSON.parse(JSON.stringify(outs)) as object;
}

/** A thrown subclass of Error loses its message on its way to the engine; a plain one with these fields keeps it. */
async function plainly<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const plain = new Error(message);
    // Nobody is helped by our stack trace in the operator's terminal.
    plain.stack = "";
    if (error instanceof PartialFailure)
      Object.assign(plain, { id: error.id, properties: stateful(error.outs), reasons: [message] });
    throw plain;
  }
}
