import {
  TrafficMoved,
  TrafficUnreachable,
  type LiveTraffic,
  type LocalTrafficAddress,
  type TargetCount,
  type Traffic,
  type TrafficChange,
  type TrafficExpectation,
} from "../traffic";
import { BalancerClient, BalancerError, isAbsent, type BalancerState, type Weights } from "./balancer/client";

/** The local balancer as the traffic resources see it. */
export function localTraffic(address: LocalTrafficAddress): Traffic {
  const client = new BalancerClient(address);
  return {
    read: () => inWordsOfTraffic(async () => liveOf(await client.state())),
    change: (change, expect) =>
      inWordsOfTraffic(async () => {
        await client.modifyListener(inBalancersForm(change, expect));
      }),
  };
}

/** It says that it isn't ready, or nobody has asked it yet. */
const answers: (string | undefined)[] = ["Target.ResponseCodeMismatch", "Elb.InitialHealthChecking"];

const weightsOf = (greenWeight: number): Weights => ({ blue: 100 - greenWeight, green: greenWeight });

function liveOf({ production, targets }: BalancerState): LiveTraffic | undefined {
  if (production === null) return undefined;
  const count = (colour: keyof typeof targets): TargetCount => ({
    registered: targets[colour].length,
    healthy: targets[colour].filter(({ health }) => health.state === "healthy").length,
    alive: targets[colour].filter(({ health }) => health.state === "healthy" || answers.includes(health.reason)).length,
  });
  return {
    greenWeight: production.weights.green,
    tags: production.tags,
    targets: { blue: count("blue"), green: count("green") },
  };
}

const inBalancersForm = ({ greenWeight, tags }: TrafficChange, expect?: TrafficExpectation) => ({
  ...(greenWeight === undefined ? {} : { weights: weightsOf(greenWeight) }),
  ...(tags === undefined ? {} : { tags: { ...tags } }),
  ...(expect === undefined
    ? {}
    : {
        expect: {
          ...(expect.greenWeight === undefined ? {} : { weights: weightsOf(expect.greenWeight) }),
          ...(expect.tag === undefined ? {} : { tag: expect.tag }),
        },
      }),
});

async function inWordsOfTraffic<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BalancerError)) throw error;
    if (error.code === "PreconditionFailed") throw new TrafficMoved(error.message, { cause: error });
    if (isAbsent(error) || error.code === "Timeout") throw new TrafficUnreachable(error.message, { cause: error });
    throw error;
  }
}
