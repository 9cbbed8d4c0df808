import assert from "node:assert/strict";
import { AwsStack } from "../support/aws-stack";
import type { Ended } from "../support/stack";

/** What `preview --json` says of one resource. */
interface Step {
  readonly op: string;
  readonly newState?: { readonly type: string };
}

/** As the engine shows a type: `aws:rds:Instance` of `aws:rds/instance:Instance`. */
const shown = (token: string): string => token.replace(/\/\w+:/, ":");

/** What AWS says here when it refuses to make something of a type. */
const reasonOf = (token: string): string => `no ${shown(token)} today`;

/** An `up` goes on with what doesn't need what failed; so one of them meets several. */
const up = (aws: AwsStack): Promise<Ended> =>
  aws.pulumi("staging", "up", "--yes", "--skip-preview", "--continue-on-error");

/** Types of AWS that a preview foresees one to be made of. */
async function foreseen(aws: AwsStack): Promise<string[]> {
  const output = await aws.must("staging", "preview", "--json");
  const { steps } = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as { steps: Step[] };
  const types = steps.filter(({ op }) => op === "create").map(({ newState }) => newState?.type ?? "");
  return [...new Set(types.filter((type) => type.startsWith("aws:")))];
}

/** Runs `up` until it goes through. @returns what each one that failed has said */
async function untilThrough(aws: AwsStack, atMost: number): Promise<string[]> {
  const said: string[] = [];
  for (let ended = await up(aws); ended.code !== 0; ended = await up(aws)) {
    said.push(ended.output);
    assert.ok(said.length <= atMost, `nothing comes of it:\n${ended.output}`);
  }
  return said;
}

/**
 * The engine names type and resource, and below them what AWS answered, and nothing of our own code. (What the SDK adds of its
 * own, below the stack's name, is there because the `up` goes on.)
 */
function isClear(type: string, said: readonly string[]): void {
  const heading = new RegExp(
    `^ {2}${shown(type).replaceAll(/[.:/]/g, "\\$&")} \\([\\w-]+\\):\\n((?: {4}.*\\n)+)`,
    "gm",
  );
  const blocks = said.flatMap((output) => [...output.matchAll(heading)].map(([, block = ""]) => block));
  const block = blocks.find((each) => each.includes(reasonOf(type)));
  assert.ok(block !== undefined, `no \`up\` has told under its name why there was no ${shown(type)}`);
  assert.match(block, /error: .*api error ServiceUnavailable/);
  assert.doesNotMatch(block, /\bat .+\.(ts|js|cjs):\d+|undefined/);
}

describe("staging on an AWS that refuses each type of resource once", function () {
  this.timeout(600_000);
  let aws: AwsStack;

  before(async () => {
    aws = await AwsStack.start();
    await aws.init("staging");
  });
  after(() => (aws as AwsStack | undefined)?.stop());

  it("names resource and reason each time one can't be made, and the next `up` goes on until all is there", async () => {
    const types = await foreseen(aws);
    assert.ok(types.length > 40, types.join(", "));
    aws.account.inject(
      ...types.map((of) => ({ of, on: "create" as const, code: "ServiceUnavailable", message: reasonOf(of) })),
    );
    const said = await untilThrough(aws, types.length);
    assert.deepEqual(aws.account.clearFaults(), []);
    for (const type of types) isClear(type, said);
    assert.equal(aws.greenWeight(), 0);
    await aws.must("staging", "preview", "--expect-no-changes");
  });
});
