import { withConnection } from "../../../providers/connection";
import type { Provider } from "../../../providers/contract";
import { isTaken, stepAside } from "./aside";
import type { RdsSeedAsideInputs as Inputs } from "./resource";

async function run(inputs: Inputs): Promise<Inputs> {
  const { connection, password, database, instance, snapshot } = inputs;
  if (snapshot === "") {
    console.error(
      `switchyard:rds.seedFrom is for a new instance, and ${instance} was there before it: nothing is seeded`,
    );
    return inputs;
  }
  await withConnection(connection, password, "switchyard-seed", async (client) => {
    if (await isTaken(client, database, instance)) return;
    if (await stepAside(client, database)) return;
    console.error(
      `the snapshot in switchyard:rds.seedFrom holds no database ${database} of a stack: this one begins empty beside what it holds`,
    );
  });
  return inputs;
}

export const provider: Provider<Inputs, Inputs> = {
  // Only an instance that is another one can hold what nobody has looked at.
  diff: (olds, news) => ({ changes: olds.instance !== news.instance }),
  create: async (inputs) => ({ id: `${inputs.instance}/seed-aside`, outs: await run(inputs) }),
  update: (_olds, news) => run(news),
  delete: () => Promise.resolve(),
};
