/**
 * How quickly a rollback by reverting config is over: from the start of `pulumi up` to the last request that green
 * answered, under load, against the wall time of an `up` of an empty Pulumi program in the same run. On a local stack, and on
 * one of AWS, whose account is the stand-in of test/plugins/aws.
 */
import { AwsLive } from "../test/support/aws-live";
import { EmptyProgram } from "./empty";
import { load } from "../test/support/load";
import { Clone } from "../test/support/stack";

/** A stack that a rollback is measured on. */
interface Stage {
  readonly name: string;
  /** Of the production listener. */
  readonly url: string;
  /** Requests a second while the traffic returns. */
  readonly rate: number;
  /** How many times an empty `up` a rollback may take until green's last answer. */
  readonly goal: number;
  /** Gives green all the traffic, and settles there. */
  toGreen(): Promise<unknown>;
  /** Reverts the weight in config. */
  revert(): Promise<unknown>;
  up(): Promise<unknown>;
  dispose(): Promise<void>;
}

export interface RollbackFigures {
  /** Milliseconds from the start of the command to green's last answer. */
  lastGreen: number;
  /** Milliseconds until the command has ended. */
  whole: number;
}

async function localStage(): Promise<Stage> {
  const clone = new Clone();
  const { code, output } = await clone.npmStart();
  if (code !== 0) throw new Error(output);
  const { url } = await clone.outputs();
  return {
    ...{ name: "local", url, rate: 300, goal: 1.3 },
    toGreen: () => clone.setGreenWeight(100),
    revert: () => clone.must("config", "set", "greenWeight", "0"),
    up: () => clone.up(),
    dispose: () => clone.dispose(),
  };
}

/** The stand-in for AWS shares one process with the load, which is less for that. */
async function awsStage(): Promise<Stage> {
  const live = await AwsLive.start({ speed: 1 });
  const { stack } = live;
  const up = () => stack.must("staging", "up", "--yes", "--skip-preview");
  await stack.init("staging");
  await up();
  return {
    ...{ name: "aws (stand-in)", url: `http://127.0.0.1:${live.balancer.port}`, rate: 60, goal: 2 },
    async toGreen() {
      // Where weights are as declared there is nothing to walk: a bake on AWS takes five minutes at the least.
      stack.moveWeights(100);
      await stack.set("staging", "greenWeight", "100");
      await up();
    },
    revert: () => stack.set("staging", "greenWeight", "0"),
    up,
    dispose: () => live.stop(),
  };
}

const stages = { local: localStage, aws: awsStage };
export const rollbackPlatforms = Object.keys(stages) as (keyof typeof stages)[];

/** One rollback from 100 to 0 on a stack whose green has all the traffic. */
async function rollBack(stage: Stage): Promise<RollbackFigures> {
  await stage.revert();
  const over = new AbortController();
  let lastGreen = 0;
  const watched = load({
    url: `${stage.url}/pages?limit=1`,
    rate: stage.rate,
    durationMs: 120_000,
    signal: over.signal,
    onAnswer: (colour) => {
      if (colour === "green") lastGreen = performance.now();
    },
  });
  const started = performance.now();
  await stage.up();
  const whole = performance.now() - started;
  over.abort();
  const { failed } = await watched;
  if (failed > 0) throw new Error(`${failed} requests failed during a rollback`);
  if (lastGreen === 0) throw new Error("green answered nothing, so there was no traffic to bring back");
  return { lastGreen: lastGreen - started, whole };
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** Prints the figures of `times` rollbacks, each with an empty `up` beside it: both have the same machine to share. */
export async function benchRollback(platform: keyof typeof stages, times = 5): Promise<void> {
  const program = new EmptyProgram();
  let stage: Stage | undefined;
  try {
    await program.create();
    await program.up();
    stage = await stages[platform]();
    const rollbacks: RollbackFigures[] = [];
    const empties: number[] = [];
    for (let run = 0; run < times; run += 1) {
      await stage.toGreen();
      rollbacks.push(await rollBack(stage));
      empties.push(await underLoad(stage, () => program.up()));
    }
    print(stage, rollbacks, median(empties));
  } finally {
    program.dispose();
    await stage?.dispose();
  }
}

function print({ name, rate, goal }: Stage, rollbacks: readonly RollbackFigures[], empty: number): void {
  const lastGreen = median(rollbacks.map((each) => each.lastGreen));
  const whole = median(rollbacks.map((each) => each.whole));
  console.log(`rollback on platform ${name}, medians of ${rollbacks.length}, at ${rate} requests/s`);
  console.log(`  empty up                                     ${seconds(empty)}`);
  console.log(`  command start to green's last answer         ${seconds(lastGreen)}`);
  console.log(
    `  the same against the empty up                ${(lastGreen / empty).toFixed(2)} (goal: ${goal.toFixed(2)} at most)`,
  );
  console.log(`  command start to its end                     ${seconds(whole)}`);
}

async function underLoad<T>({ url, rate }: Stage, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const beside = load({ url: `${url}/pages?limit=1`, rate, durationMs: 600_000, signal: over.signal });
  try {
    return await work();
  } finally {
    over.abort();
    await beside;
  }
}
