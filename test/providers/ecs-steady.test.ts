import assert from "node:assert/strict";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
  type Deployment,
  type Service,
} from "@aws-sdk/client-ecs";
import { provider } from "../../infra/platform/aws/ecs-steady/provider";
import type { EcsSteadyInputs } from "../../infra/platform/aws/ecs-steady/resource";
import { motoOrSkip, type Moto } from "../support/moto";
import { json, jsonError, MotoProxy, type Reply } from "../support/moto-proxy";
import { withCredentials } from "../support/moto-stage";

const region = "eu-west-1";
const release = { version: "1.1.0", schema: "0007", count: 2, fingerprint: "f", database: "pages" };

describe("EcsSteady, against moto", () => {
  let moto: Moto;
  let proxy: MotoProxy;
  let ecs: ECSClient;
  let putBack: () => void;
  const revisions: string[] = [];

  /** What ECS says of each service, where moto, which starts no task, has nothing to say. */
  const says = new Map<string, (service: Service) => Service>();
  const running = (service: Service, more: Partial<Deployment> = {}): Service => {
    const { desiredCount = 0, taskDefinition = "" } = service;
    const counts = { desiredCount, runningCount: desiredCount };
    return {
      ...service,
      ...{ ...counts, pendingCount: 0 },
      deployments: [{ taskDefinition, status: "PRIMARY", rolloutState: "COMPLETED", ...counts, ...more }],
    };
  };

  const inputs = (service: string, more: Partial<EcsSteadyInputs> = {}): EcsSteadyInputs => ({
    connection: { region, endpoints: { ecs: proxy.url } },
    ...{ cluster: "pages", service, taskDefinition: revisions[1] ?? "", minimum: 2, maximum: 4, release, weight: 0 },
    ...{ other: "none", logGroup: "/switchyard/pages/green" },
    ...more,
  });
  const deploy = async (service: string, taskDefinition = revisions[1], desiredCount = 2): Promise<void> => {
    await ecs.send(new CreateServiceCommand({ cluster: "pages", serviceName: service, taskDefinition, desiredCount }));
  };
  const runs = async (service: string): Promise<Service | undefined> => {
    const { services } = await ecs.send(new DescribeServicesCommand({ cluster: "pages", services: [service] }));
    return services?.[0];
  };

  before(async function () {
    moto = await motoOrSkip(this);
    putBack = withCredentials();
    proxy = await MotoProxy.start(moto.url);
    proxy.on("DescribeServices", async (asked, forward): Promise<Reply> => {
      const [name = ""] = (JSON.parse(asked.body.toString()) as { services: string[] }).services;
      const reply = await forward();
      const { services = [], ...rest } = JSON.parse(reply.body.toString()) as { services?: Service[] };
      return json({ ...rest, services: services.map((each) => (says.get(name) ?? running)(each)) });
    });
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    ecs = new ECSClient({ region, endpoint: moto.url, credentials });
    await ecs.send(new CreateClusterCommand({ clusterName: "pages" }));
    const containerDefinitions = [{ name: "green", image: "pages:1.0.0", memory: 128 }];
    while (revisions.length < 2) {
      const { taskDefinition } = await ecs.send(
        new RegisterTaskDefinitionCommand({ family: "pages", containerDefinitions }),
      );
      revisions.push(taskDefinition?.taskDefinitionArn ?? "");
    }
  });

  after(async () => {
    putBack();
    ecs.destroy();
    await proxy.stop();
    await moto.stop();
  });

  it("is done when the declared revision runs alone, and says which release that is", async () => {
    await deploy("steady");
    const { outs } = await provider.create(inputs("steady"));
    assert.equal(outs.runs, revisions[1]);
    assert.deepEqual(outs.release, release);
    assert.deepEqual(await provider.diff(outs, inputs("steady"), ""), { changes: false });
  });

  it("waits as long as old copies run beside new ones", async () => {
    await deploy("slow");
    let looks = 0;
    says.set("slow", (service) => {
      looks += 1;
      const old = { taskDefinition: revisions[0], status: "ACTIVE", runningCount: 2, desiredCount: 0 };
      const now = running(service);
      return looks < 3 ? { ...now, deployments: [...(now.deployments ?? []), old] } : now;
    });
    await provider.create(inputs("slow"));
    assert.equal(looks, 3);
  }).timeout(180_000);

  it("fails with what ECS says when the circuit breaker gave up, and why copies stopped", async () => {
    await deploy("broken");
    let deployed = false;
    says.set("broken", (service) => {
      const failed = { rolloutState: "FAILED" as const, rolloutStateReason: "tasks failed to start", failedTasks: 3 };
      const now = running(service, deployed ? failed : {});
      deployed = true;
      const event = (message: string, secondsAgo: number) => ({
        ...{ id: message, message: `(service broken) ${message}` },
        // As ECS writes it: seconds since the epoch.
        createdAt: (Date.now() / 1000 - secondsAgo) as unknown as Date,
      });
      const events = [
        event("has started 1 tasks.", 10),
        event("was unable to place a task. Reason: You've reached the limit on the number of vCPUs.", 20),
        event("was unable to place a task of last week.", 7 * 86_400),
      ];
      return { ...now, events };
    });
    proxy.on("ListTasks", () => json({ taskArns: ["arn:aws:ecs:eu-west-1:000000000000:task/pages/1"] }));
    proxy.on("DescribeTasks", () =>
      json({ tasks: [{ stoppedReason: "Essential container in task exited", containers: [{ exitCode: 1 }] }] }),
    );
    await assert.rejects(provider.create(inputs("broken")), (error: Error) => {
      assert.match(
        error.message,
        /^broken does not run release 1\.1\.0 \(pages:2 in cluster pages\): ECS gave up on pages:2/,
      );
      assert.match(error.message, /tasks failed to start; 3 copies failed to start/);
      assert.match(error.message, /Essential container in task exited; exit code 1/);
      assert.match(error.message, /ECS says: \(service broken\) was unable to place a task\. .* number of vCPUs\. /);
      assert.doesNotMatch(error.message, /last week/);
      assert.match(error.message, /aws logs tail \/switchyard\/pages\/green/);
      return true;
    });
    proxy.on("ListTasks", undefined);
    proxy.on("DescribeTasks", undefined);
  });

  it("sees at preview that an old revision was put back, and deploys the declared one again", async () => {
    await deploy("reverted");
    const { outs } = await provider.create(inputs("reverted"));
    await ecs.send(new UpdateServiceCommand({ cluster: "pages", service: "reverted", taskDefinition: revisions[0] }));
    assert.deepEqual(await provider.diff(outs, inputs("reverted"), ""), { changes: true });
    assert.equal((await provider.read?.(outs, ""))?.runs, revisions[0]);
    await provider.update(outs, inputs("reverted"), "");
    assert.equal((await runs("reverted"))?.taskDefinition, revisions[1]);
  });

  it("brings a retired colour's copies to none, which autoscaling would leave where they are", async () => {
    await deploy("retired");
    await provider.create(inputs("retired", { minimum: 0, maximum: 0 }));
    assert.equal((await runs("retired"))?.desiredCount, 0);
  });

  it("brings a colour that gains traffic to as many copies as the other has, also one that is new", async () => {
    await deploy("live", revisions[0], 3);
    for (const name of ["idle", "new"]) await deploy(name);
    const before = { ...inputs("idle", { other: "live" }), runs: revisions[1] ?? "" };
    await provider.update(before, inputs("idle", { other: "live", weight: 25 }), "");
    await provider.create(inputs("new", { other: "live", weight: 25 }));
    assert.deepEqual([(await runs("idle"))?.desiredCount, (await runs("new"))?.desiredCount], [3, 3]);
  });

  it("leaves a count alone that autoscaling chose", async () => {
    await deploy("scaled", revisions[1], 4);
    await provider.create(inputs("scaled"));
    assert.equal((await runs("scaled"))?.desiredCount, 4);
  });

  it("says that there is no such service", () =>
    assert.rejects(
      provider.create(inputs("nobody")),
      /nobody does not run release 1\.1\.0 .*there is no such service/,
    ));

  it("takes nothing for a change while AWS can't be asked", async () => {
    await deploy("unasked");
    const { outs } = await provider.create(inputs("unasked"));
    proxy.on("DescribeServices", () => jsonError("ThrottlingException", "Rate exceeded"));
    assert.deepEqual(await provider.diff(outs, inputs("unasked"), ""), { changes: false });
  }).timeout(180_000);
});
