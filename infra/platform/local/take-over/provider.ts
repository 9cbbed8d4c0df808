import { mendAccess } from "../../../database/check";
import { roleNames } from "../../../database/names";
import type { Provider } from "../../../providers/contract";
import { withSuperuser } from "../postgres/cluster";
import { dataOf, forgetKept, isKept, takeOver } from "../postgres/kept";
import type { LocalTakeOverInputs as Inputs } from "./resource";

async function run(inputs: Inputs): Promise<Inputs> {
  const { owner, expected } = inputs;
  const home = await dataOf(inputs);
  if (!isKept(home)) return inputs;
  const { database } = expected;
  await takeOver(inputs, { database, roles: Object.values(roleNames(database)), owner });
  // What the roles of before were granted went with them; what those of now may do is what Access declares.
  await withSuperuser(inputs, (client) => mendAccess(client, expected), database);
  forgetKept(home);
  console.error(`took up the data of ${expected.database} that an earlier stack left`);
  return inputs;
}

export const provider: Provider<Inputs, Inputs> = {
  // It is the first `up` of a cluster that may find something; later ones have what they work on.
  diff: (olds, news) => ({ changes: olds.expected.database !== news.expected.database }),
  create: async (inputs) => ({ id: inputs.expected.database, outs: await run(inputs) }),
  update: (_olds, news) => run(news),
  delete: () => Promise.resolve(),
};
