import { hasUnknown, sameInputs, type Difference, type Provider } from "../../../providers/contract";
import { BalancerClient, BalancerError, isGone, isAbsent, type Weights } from "../balancer/client";
import { keepOrChoosePort, takenPort } from "../process/configured-port";
import { openFree } from "../process/ports";
import type { LocalListenerInputs as Inputs, LocalListenerState as State } from "./resource";

const firstPort = 8080;
const portKey = "local.port";

const weightsFor = (greenWeight: number): Weights => ({ blue: 100 - greenWeight, green: greenWeight });

/** Live weights count, not what state remembers: somebody may have moved them, or a walk was killed half way. */
async function diff(olds: State, news: Inputs): Promise<Difference> {
  if (hasUnknown(news) || !sameInputs(olds, news, ["chosenPort"])) return { changes: true };
  try {
    const { production } = await new BalancerClient(news).state();
    const live = production?.weights.green === news.greenWeight && production.port === olds.chosenPort;
    return { changes: !live };
  } catch (error) {
    // Not running: bringing it back is the balancer's own change, and it comes back with the weights it had.
    if (isAbsent(error)) return { changes: false };
    throw error;
  }
}

async function apply(news: Inputs, olds?: State): Promise<State> {
  const client = new BalancerClient(news);
  const weights = weightsFor(news.greenWeight);
  const live = (await client.state()).production;
  const find = () => keepOrChoosePort(portKey, news.port, live?.port, olds?.chosenPort ?? firstPort);
  const listener = await openFree(find, (port) =>
    live === null ? client.createListener({ port, weights }) : client.modifyListener({ port, weights }),
  );
  return { ...news, chosenPort: listener.port };
}

export const provider: Provider<Inputs, State> = {
  check: async (news, olds) => (hasUnknown(news.port) ? [] : takenPort(portKey, news.port, olds?.chosenPort)),
  diff,
  create: async (inputs) => ({ id: "production", outs: await apply(inputs) }),
  update: (olds, news) => apply(news, olds),
  async delete(state) {
    try {
      await new BalancerClient(state).deleteListener();
    } catch (error) {
      // Gone already, or its process is: nothing listens, which is what was asked for.
      if (isGone(error) || (error instanceof BalancerError && error.code === "ListenerNotFound")) return;
      throw error;
    }
  },
};
