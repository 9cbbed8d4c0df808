import { sameInputs, type Difference, type Provider } from "../../../providers/contract";
import { systemClock } from "../../../providers/traffic/clock";
import { AwsFailed, passing } from "../sdk-errors";
import { judge, short } from "./judge";
import type { EcsSteadyInputs as Inputs, EcsSteadyState as State } from "./resource";
import { change, describe, stopReasons, unable } from "./service";

/** How often the service is looked at, in ms: DescribeServices may be asked 20 times a second by a whole account. */
const between = 5_000;

/** How long a service may take; starting tasks and draining old ones takes minutes, and a large one replaces some at a time. */
const longest = 30 * 60_000;

const outputs = ["runs"] as const;

/** What runs is asked each time: the circuit breaker changes it behind every state. */
async function diff(olds: State, news: Inputs): Promise<Difference> {
  const moved = olds.service !== news.service || olds.cluster !== news.cluster;
  if (moved) return { changes: true, replaces: ["service"] };
  if (!sameInputs(olds, news, outputs)) return { changes: true };
  try {
    return { changes: judge(await describe(news), news).is === "failed" };
  } catch (error) {
    if (error instanceof AwsFailed && passing.includes(error.kind)) return { changes: false };
    throw error;
  }
}

/** Puts the declared revision and count where they aren't, then waits until they are all that runs. */
async function settle(news: Inputs, before?: State): Promise<State> {
  await correct(news, before);
  const until = systemClock.now() + longest;
  for (;;) {
    const verdict = judge(await describe(news), news);
    if (verdict.is === "steady") return { ...news, runs: news.taskDefinition };
    if (verdict.is === "failed") throw new Error(await told(news, verdict.because));
    if (systemClock.now() > until)
      throw new Error(await told(news, `after ${longest / 60_000} minutes: ${verdict.because}`));
    await systemClock.sleep(between);
  }
}

/**
 * The service resource believes that what it last set is there. Where a revision was put back behind it, only this deploys it
 * again; and autoscaling moves a count only while it has figures.
 */
async function correct(news: Inputs, before: State | undefined): Promise<void> {
  const service = await describe(news);
  if (service === undefined) return;
  const desired = service.desiredCount ?? 0;
  const gains = news.weight > (before?.weight ?? 0);
  const warm = gains ? ((await describe(news, news.other))?.desiredCount ?? 0) : 0;
  const count = Math.min(Math.max(desired, news.minimum, warm), news.maximum);
  const wrong = service.taskDefinition !== news.taskDefinition;
  const abandoned = service.deployments?.some(
    (each) => each.taskDefinition === news.taskDefinition && each.rolloutState === "FAILED",
  );
  if (!wrong && abandoned !== true && count === desired) return;
  await change(news, {
    ...(wrong || abandoned === true ? { taskDefinition: news.taskDefinition } : {}),
    ...(count === desired ? {} : { desiredCount: count }),
  });
}

async function told(inputs: Inputs, because: string): Promise<string> {
  const { cluster, service, taskDefinition, logGroup, release } = inputs;
  const reasons = await stopReasons(inputs);
  const found = await describe(inputs);
  const said = found && unable(found, systemClock.now() - longest);
  return (
    `${service} does not run release ${release.version} (${short(taskDefinition)} in cluster ${cluster}): ${because}. ` +
    (said === undefined ? "" : `ECS says: ${said.replace(/\.?$/, ".")} `) +
    (reasons.length === 0 ? "" : `Copies stopped because of: ${reasons.join(" | ")}. `) +
    `What they printed: aws logs tail ${logGroup} --since 1h. Mend the release, or put the old one back, and run pulumi up`
  );
}

export const provider: Provider<Inputs, State> = {
  diff,
  create: async (inputs) => ({ id: `${inputs.cluster}/${inputs.service}`, outs: await settle(inputs) }),
  update: (olds, news) => settle(news, olds),
  read: async (props) => {
    const service = await describe(props);
    return service === undefined ? undefined : { ...props, runs: service.taskDefinition ?? props.runs };
  },
  // The service itself goes by its own resource.
  delete: () => Promise.resolve(),
};
