import type { Provider } from "../../../providers/contract";
import { takeOver } from "../postgres/kept";
import type { LocalTakeOverInputs as Inputs } from "./resource";

async function run(inputs: Inputs): Promise<Inputs> {
  if (await takeOver(inputs, inputs))
    console.error(`took up the data of ${inputs.database} that an earlier stack left`);
  return inputs;
}

export const provider: Provider<Inputs, Inputs> = {
  // It is the first `up` of a cluster that may find something; later ones have what they work on.
  diff: (olds, news) => ({ changes: olds.database !== news.database || olds.owner !== news.owner }),
  create: async (inputs) => ({ id: inputs.database, outs: await run(inputs) }),
  update: (_olds, news) => run(news),
  delete: () => Promise.resolve(),
};
