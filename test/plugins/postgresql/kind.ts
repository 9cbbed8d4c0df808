import type { Context, Kind } from "../protocol/plugin";
import { checkInputs, complete, difference, inputsOf, plan, type Schema } from "../protocol/schema";
import type { Properties } from "../protocol/values";
import type { Server } from "./server";

/** What an operation of one kind works with. `values` are the inputs with their defaults. */
export interface Operations<V> {
  schema: Schema;
  /** Its id, which the official plugin makes of the same parts. */
  id(values: V): string;
  create(server: Server, values: V, context: Context): Promise<void>;
  /** What the server holds, laid over `values`; undefined when it is gone. */
  read(server: Server, values: V, context: Context): Promise<Properties | undefined>;
  update?(server: Server, olds: V, values: V, context: Context): Promise<void>;
  delete(server: Server, values: V, context: Context): Promise<void>;
  /** What an id says, for an import; undefined: it has not this kind's form. */
  parse?(id: string): Properties | undefined;
}

/**
 * A kind of resource on `server`, which is asked for when it is needed: it is known only once the engine has configured
 * the plugin.
 */
export function kind<V extends object>(server: () => Server, operations: Operations<V>): Kind {
  const { schema } = operations;
  /** Checked before: the engine hands on only inputs that passed, and state that these operations made. */
  const valuesOf = (properties: Properties) => complete(schema, properties) as V;
  const readOuts = async (values: V, context: Context): Promise<Properties | undefined> => {
    const found = await operations.read(server(), values, context);
    return found === undefined ? undefined : { ...values, ...found };
  };
  const mustBeThere = async (values: V, context: Context): Promise<Properties> => {
    const outs = await readOuts(values, context);
    if (outs === undefined)
      throw new Error(`${operations.id(values)} was removed by somebody else as soon as it was made`);
    return outs;
  };
  return {
    check: (news) => checkInputs(schema, news),
    diff: (olds, news) => difference(schema, olds, news),
    plan: (news, olds) => plan(schema, news, olds),
    async create(news, context) {
      const values = valuesOf(news);
      await operations.create(server(), values, context);
      return { id: operations.id(values), outs: await mustBeThere(values, context) };
    },
    async read(id, olds, context) {
      const known = olds ?? operations.parse?.(id);
      if (known === undefined)
        throw new Error(`can't import ${id}: this kind of resource has no import, or not by this id`);
      const outs = await readOuts(valuesOf(known), context);
      if (outs === undefined) return undefined;
      return { id: operations.id(outs as V), outs, inputs: olds === undefined ? inputsOf(schema, outs) : undefined };
    },
    async update(olds, news, context) {
      if (operations.update === undefined) throw new Error(`${operations.id(valuesOf(olds))} has nothing to update`);
      const values = { ...(plan(schema, news, olds) as V) };
      await operations.update(server(), valuesOf(olds), values, context);
      return mustBeThere(values, context);
    },
    delete: (olds, context) => operations.delete(server(), valuesOf(olds), context),
  };
}
