import assert from "node:assert/strict";
import fc from "fast-check";
import type { SnapshotId } from "../../infra/config/sections/rds";
import { judge } from "../../infra/platform/aws/ecs-steady/judge";
import { storageFor } from "../../infra/platform/aws/seed/snapshot";
import { baseName } from "../../infra/platform/aws/names";
import { cutNetwork } from "../../infra/platform/aws/subnets";
import { ecrRepository } from "../../infra/platform/aws/task-roles";

const revision = (number: number): string => `arn:aws:ecs:eu-west-1:000000000000:task-definition/pages-blue:${number}`;
const wanted = { taskDefinition: revision(2), minimum: 2, maximum: 4 };
const primary = (more: object = {}) => ({
  taskDefinition: revision(2),
  status: "PRIMARY",
  rolloutState: "COMPLETED" as const,
  desiredCount: 2,
  runningCount: 2,
  ...more,
});
const service = (more: object = {}, ...deployments: object[]) => ({
  status: "ACTIVE",
  taskDefinition: revision(2),
  desiredCount: 2,
  runningCount: 2,
  pendingCount: 0,
  deployments: deployments.length === 0 ? [primary()] : deployments,
  ...more,
});
const because = (found: ReturnType<typeof judge>): string => (found.is === "steady" ? "" : found.because);

describe("a service of ECS", () => {
  it("is steady when the declared revision runs alone, in the desired number", () =>
    assert.equal(judge(service(), wanted).is, "steady"));

  it("has failed when the circuit breaker put an old revision back behind a success", () => {
    const found = judge(service({ taskDefinition: revision(1) }, primary({ taskDefinition: revision(1) })), wanted);
    assert.equal(found.is, "failed");
    assert.match(because(found), /runs pages-blue:1, not pages-blue:2/);
  });

  it("has failed when ECS gave up, and says what ECS says", () => {
    const reason = { rolloutState: "FAILED" as const, rolloutStateReason: "tasks failed to start", failedTasks: 3 };
    const found = judge(service({}, primary(reason)), wanted);
    assert.equal(found.is, "failed");
    assert.match(because(found), /tasks failed to start; 3 copies failed to start/);
  });

  it("has failed when it is gone", () => {
    assert.equal(judge(undefined, wanted).is, "failed");
    assert.equal(judge(service({ status: "INACTIVE" }), wanted).is, "failed");
  });

  it("is under way while another revision still has copies", () => {
    const old = primary({ taskDefinition: revision(1), status: "ACTIVE", runningCount: 1 });
    assert.match(because(judge(service({}, primary(), old), wanted)), /1 of 2 copies of pages-blue:1 beside/);
  });

  it("is under way while copies start, and while there are too few or too many", () => {
    assert.equal(judge(service({ runningCount: 1, pendingCount: 1 }), wanted).is, "under way");
    assert.equal(judge(service({ desiredCount: 1, runningCount: 1 }), wanted).is, "under way");
    assert.equal(judge(service({ desiredCount: 5, runningCount: 5 }), wanted).is, "under way");
    assert.equal(judge(service({}, primary({ rolloutState: "IN_PROGRESS" })), wanted).is, "under way");
  });

  it("is steady with as many copies as autoscaling found right, and with none when it is retired", () => {
    assert.equal(judge(service({ desiredCount: 4, runningCount: 4 }), wanted).is, "steady");
    const none = { desiredCount: 0, runningCount: 0 };
    assert.equal(judge(service(none, primary(none)), { ...wanted, minimum: 0, maximum: 0 }).is, "steady");
  });
});

describe("the network of a stack", () => {
  /** First and last address of a network, as numbers. */
  const range = (cidr: string): readonly [number, number] => {
    const [address = "", bits = ""] = cidr.split("/");
    const first = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
    return [first, first + 2 ** (32 - Number(bits)) - 1];
  };

  it("is cut as the documentation says", () =>
    assert.deepEqual(cutNetwork("10.40.0.0/16", 2), [
      { public: "10.40.0.0/20", private: "10.40.64.0/20" },
      { public: "10.40.16.0/20", private: "10.40.80.0/20" },
    ]));

  it("has subnets inside it that never overlap", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 20 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 2, max: 3 }),
        (bits, second, sixteenth, zones) => {
          const cidr = `10.${second}.${bits === 16 ? 0 : (sixteenth * 16) & ~(2 ** (24 - bits) - 1)}.0/${bits}`;
          const [first, last] = range(cidr);
          const parts = cutNetwork(cidr, zones).flatMap((zone) => [range(zone.public), range(zone.private)]);
          const sorted = parts.sort(([a], [b]) => a - b);
          assert.ok(
            sorted.every(([from, to], at) => from >= first && to <= last && from > (sorted[at - 1]?.[1] ?? -1)),
          );
        },
      ),
    ));
});

describe("names on AWS", () => {
  it("begin with project and stack, and say before an `up` that a stack's is too long", () => {
    assert.equal(baseName("switchyard", "staging"), "switchyard-staging");
    assert.equal(baseName("switchyard", "My_Team.x"), "switchyard-my-team-x");
    assert.equal(baseName("switchyard", "blue_"), "switchyard-blue");
    for (const project of ["2pages", "internal"])
      assert.throws(() => baseName(project, "staging"), /expected one that begins with a letter/);
    assert.throws(() => baseName("switchyard", "a-rather-long-stack"), /expected at most 26.*pulumi stack rename/);
  });

  it("of an image in ECR tell its repository, and of others none", () => {
    const digest = `@sha256:${"0".repeat(64)}`;
    assert.deepEqual(ecrRepository(`000000000000.dkr.ecr.eu-west-1.amazonaws.com/team/pages:1.0.0${digest}`), {
      ...{ account: "000000000000", region: "eu-west-1", name: "team/pages" },
    });
    assert.equal(ecrRepository("registry.example.com/pages:1.0.0"), undefined);
  });
});

describe("storage of an instance that is made from a snapshot", () => {
  const settings = { storage: 100, maxStorage: 500, seedFrom: "production" as SnapshotId };

  it("is as config says, and never less than the snapshot's", () =>
    assert.deepEqual(
      [20, 100, 200, 454].map((size) => storageFor(size, settings)),
      [100, 100, 200, 454],
    ));

  it("is refused where RDS could not let it grow, with what has to be set", () =>
    assert.throws(
      () => storageFor(455, settings),
      /rds\.maxStorage is 500, .* has 455 GiB: expected 501 or more.*pulumi config set --path switchyard:rds\.maxStorage 501/,
    ));
});
