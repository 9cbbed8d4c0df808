import { readFileSync } from "node:fs";
import { withConnection } from "../../../providers/connection";
import type { Provider } from "../../../providers/contract";
import { inProject } from "../../../providers/project";
import type { RdsSeedTakeOverInputs as Inputs } from "./resource";
import { takeOver, type InDatabase } from "./take-over";

/** @throws with the key, for a file that isn't there. */
function textOf(mask: string): string {
  try {
    return readFileSync(inProject(mask), "utf8");
  } catch (error) {
    throw new Error(
      `switchyard:rds.mask is ${mask}, which can't be read (${(error as Error).message}); expected a file with SQL: ` +
        "pulumi config set --path rds.mask <file>",
      { cause: error },
    );
  }
}

async function run(inputs: Inputs): Promise<Inputs> {
  const { connection, password, expected, owner, instance, mask } = inputs;
  const inDatabase: InDatabase = (database, work) =>
    withConnection({ ...connection, database }, password, "switchyard-seed", work);
  const taken = await takeOver(inDatabase, { expected, owner, instance, ...(mask && { mask: textOf(mask) }) });
  if (taken) console.error(`took up ${expected.database} from the snapshot${mask ? `, masked by ${mask}` : ""}`);
  return inputs;
}

export const provider: Provider<Inputs, Inputs> = {
  check: ({ mask }) => {
    if (mask === undefined) return [];
    try {
      textOf(mask);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  },
  diff: (olds, news) => ({ changes: olds.instance !== news.instance }),
  create: async (inputs) => ({ id: `${inputs.instance}/seed-take-over`, outs: await run(inputs) }),
  update: (_olds, news) => run(news),
  delete: () => Promise.resolve(),
};
