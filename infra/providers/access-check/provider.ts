import { checkAccess } from "../../database/check";
import { checkRoom } from "../../database/checks/room";
import { describe } from "../../database/finding";
import { isUnreachable, lacksDatabase, withConnection } from "../connection";
import { hasUnknown, sameInputs, type Difference, type Provider } from "../contract";
import type { AccessCheckInputs as Inputs } from "./resource";

const findings = (inputs: Inputs): Promise<string[]> =>
  withConnection(inputs.connection, inputs.password, "switchyard-access-check", async (client) => [
    ...(await checkRoom(client, inputs.expected.connectionLimits.blue)).map(describe),
    ...(await checkAccess(client, inputs.expected)),
  ]);

/** Asked on every preview and up: damage is a change, shown at preview, and refused by the update that it leads to. */
async function diff(olds: Inputs, news: Inputs): Promise<Difference> {
  if (hasUnknown(news) || !sameInputs(olds, news)) return { changes: true };
  try {
    return { changes: (await findings(news)).length > 0 };
  } catch (error) {
    if (lacksDatabase(error)) return { changes: true };
    // A database that is down has nobody else in it either; what needs it says so itself.
    if (isUnreachable(error)) return { changes: false };
    throw error;
  }
}

async function assertAccess(inputs: Inputs): Promise<Inputs> {
  const found = await findings(inputs);
  if (found.length > 0)
    throw new Error(
      [
        `access to ${inputs.connection.database} is not as declared (${found.length} of its objects or roles):`,
        ...found.map((line) => `  - ${line}`),
        "Mend it with the statements above, as the administrator, or with pulumi up --refresh where Access declares it.",
      ].join("\n"),
    );
  return inputs;
}

export const provider: Provider<Inputs, Inputs> = {
  diff,
  create: async (inputs) => ({ id: `${inputs.connection.database}/access`, outs: await assertAccess(inputs) }),
  update: (_olds, news) => assertAccess(news),
  delete: () => Promise.resolve(),
};
