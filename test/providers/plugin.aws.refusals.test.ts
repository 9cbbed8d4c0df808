import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Properties } from "../plugins/protocol/values";
import { references } from "../plugins/aws/references";
import { refusals } from "../plugins/aws/refusals";
import { uniques } from "../plugins/aws/uniques";
import { line, lines, World } from "../plugins/aws/world";

const json = (value: unknown) => JSON.stringify(value);
const forward = (...groups: Properties[]) => [{ type: "forward", forward: { targetGroups: groups } }];

/** What is asked for: create what another of the world is like, update it, or delete it. */
interface Case {
  token: string;
  when: string;
  /** The one in the world that it is about. */
  name: string;
  on: "create" | "update" | "delete";
  /** What differs from it; undefined takes a property away. */
  change?: (world: World) => Properties;
  /** What is done before; by itself nobody refuses it. */
  first?: (world: World) => unknown;
}

const id = (world: World, name: string): string => world.made[name]?.id ?? "";

/** Changes a resource of the world behind the program. */
const set = (world: World, name: string, change: Properties): void => {
  const [token] = line(name);
  world.account.change((rows) => {
    const row = rows.get(token, id(world, name));
    assert.ok(row !== undefined, name);
    rows.put({ ...row, outs: { ...row.outs, ...change } });
  });
};
const remove = (world: World, name: string): void =>
  world.account.change((rows) => rows.remove(line(name)[0], id(world, name)));

const taken = (name: string, when: string, on: Case["on"], change: Case["change"], first?: Case["first"]): Case => ({
  ...{ token: line(name)[0], name, when, on },
  ...(change !== undefined && { change }),
  ...(first !== undefined && { first }),
});

const cases: Case[] = [
  taken("subnet a", "a subnet's addresses are outside of its network", "create", () => ({ cidrBlock: "10.1.0.0/24" })),
  taken("subnet a", "a subnet's addresses are another's", "create", () => ({ cidrBlock: "10.0.0.128/25" })),
  // What is left has public addresses of its own: the load balancer in the first case, the NAT gateway in the second.
  ...["nat", "balancer"].flatMap((gone) => {
    const when = "an internet gateway leaves a network in which something has public addresses";
    return [
      taken("gateway", when, "delete", undefined, (world) => remove(world, gone)),
      taken(
        "gateway",
        when,
        "update",
        (world) => ({ vpcId: id(world, "other") }),
        async (world) => {
          remove(world, gone);
          await world.create(line("vpc")[0], "other", { cidrBlock: "10.1.0.0/16" });
        },
      ),
    ];
  }),
  ...[
    ["group", "security group"],
    ["in", "rule"],
    ["out", "rule"],
  ].map(([name = "", what = ""]) =>
    taken(
      name,
      `the description of a ${what} has other characters than EC2 takes, an apostrophe for one`,
      "create",
      () => ({ description: "The database's own" }),
    ),
  ),
  taken("vpc", "a network is larger than /16 or smaller than /28", "create", () => ({ cidrBlock: "10.0.0.0/8" })),
  taken("parameters", "a parameter that is read at the start is to apply at once", "update", () => ({
    parameters: [{ name: "max_connections", value: "400" }],
  })),
  taken("subnets", "a database's subnets are in one zone", "update", (world) => ({
    subnetIds: [id(world, "subnet a")],
  })),
  taken("database", "a protected instance is deleted", "delete", undefined, (world) =>
    set(world, "database", { deletionProtection: true }),
  ),
  taken("database", "a final snapshot's name is used again", "delete", undefined, (world) => {
    remove(world, "proxy target");
    return world.create(line("snapshot")[0], "second", {
      ...line("snapshot")[2](world.made),
      dbSnapshotIdentifier: "final",
    });
  }),
  taken("database", "an instance has a password and a managed one", "create", () => ({ password: "x" })),
  taken("database", "an instance has no way to a master password", "create", () => ({
    manageMasterUserPassword: false,
  })),
  taken("database", "the instance that another one is made of isn't there", "create", () => ({
    ...{ identifier: "other", restoreToPointInTime: { sourceDbiResourceId: "db-0" } },
  })),
  taken("database", "an instance is made of a moment that RDS can't go back to", "create", (world) => ({
    identifier: "other",
    restoreToPointInTime: { sourceDbiResourceId: id(world, "database"), restoreTime: "2020-01-31T07:00:00Z" },
  })),
  taken("database", "an instance is made from a snapshot of more storage", "create", () => ({
    ...{ identifier: "other", snapshotIdentifier: "snapshot", allocatedStorage: 50 },
  })),
  taken("database", "enhanced monitoring has no role", "update", () => ({ monitoringInterval: 60 })),
  taken("database", "storage may grow to less than it is", "update", () => ({ maxAllocatedStorage: 100 })),
  taken("database", "storage shrinks", "update", () => ({ allocatedStorage: 50, maxAllocatedStorage: undefined })),
  taken("database", "the engine's major version goes back, or on without being allowed to", "update", () => ({
    engineVersion: "17.6",
  })),
  taken("database", "the engine's major version goes back, or on without being allowed to", "update", () => ({
    engineVersion: "19.1",
  })),
  taken("database", "a parameter group is for another major version", "create", () => ({ engineVersion: "17" })),
  taken("balancer", "a load balancer's subnets are in one zone", "create", (world) => ({
    subnets: [id(world, "subnet a")],
  })),
  taken(
    "balancer",
    "a load balancer is to face the internet, and its network has no internet gateway",
    "create",
    () => ({ name: "second" }),
    (world) => remove(world, "gateway"),
  ),
  taken(
    "balancer",
    "access logs go to a bucket whose policy doesn't let them in",
    "create",
    () => ({ name: "second" }),
    (world) => remove(world, "bucketPolicy:BucketPolicy"),
  ),
  taken("balancer", "a load balancer with deletion protection is deleted", "delete", undefined, (world) =>
    set(world, "balancer", { enableDeletionProtection: true }),
  ),
  taken("function", "a function reserves concurrency that the account has to leave to all", "update", () => ({
    reservedConcurrentExecutions: 1,
  })),
  taken("blue", "a health check's timeout isn't shorter than its interval", "create", () => ({
    name: "other",
    healthCheck: { interval: 5, timeout: 5 },
  })),
  taken("blue", "a target group has no protocol, port or network", "create", () => ({
    name: "other",
    vpcId: undefined,
  })),
  taken("blue", "a target group that is in use becomes another one", "update", () => ({ port: 9090 })),
  taken("listener", "a TLS listener has no certificate", "create", () => ({ port: 8443, certificateArn: undefined })),
  ...(
    [
      ["listener", "defaultActions", { port: 8443 }],
      ["rule", "actions", { priority: 9 }],
    ] as const
  ).flatMap(([name, actions, apart]): Case[] => [
    taken(name, "a weight is outside of 0 to 999", "create", (world) => ({
      ...apart,
      [actions]: forward({ arn: id(world, "blue"), weight: 1000 }),
    })),
    taken(name, "a forward action has no group, more than five, or the same one twice", "create", (world) => ({
      ...apart,
      [actions]: forward({ arn: id(world, "blue") }, { arn: id(world, "blue") }),
    })),
    taken(
      name,
      "a target group serves another load balancer already",
      "create",
      (world) => ({
        ...(name === "listener" ? { loadBalancerArn: id(world, "second") } : { listenerArn: id(world, "third") }),
        [actions]: forward({ arn: id(world, "blue") }),
      }),
      async (world) => {
        await world.create(line("balancer")[0], "second", { ...line("balancer")[2](world.made), name: "second" });
        await world.create(line("blue")[0], "spare", { ...line("blue")[2](world.made), name: "spare" });
        await world.create(line("listener")[0], "third", {
          ...{ loadBalancerArn: id(world, "second"), port: 80 },
          defaultActions: forward({ arn: id(world, "spare") }),
        });
      },
    ),
  ]),
  taken(
    "service",
    "a service's target group is used by no listener",
    "create",
    (world) => ({
      name: "other",
      loadBalancers: [{ targetGroupArn: id(world, "alone"), containerName: "web", containerPort: 8080 }],
    }),
    (world) => world.create(line("blue")[0], "alone", { ...line("blue")[2](world.made), name: "alone" }),
  ),
  taken("service", "a service's load balancer names a container that its task has not", "update", (world) => ({
    loadBalancers: [{ targetGroupArn: id(world, "blue"), containerName: "other", containerPort: 8080 }],
  })),
  taken(
    "service",
    "a service's target group takes instances, and its tasks have addresses of their own",
    "update",
    () => ({ desiredCount: 1 }),
    (world) => set(world, "blue", { targetType: "instance" }),
  ),
  taken("service", "a service of tasks with addresses of their own has no subnets", "create", () => ({
    ...{ name: "other", networkConfiguration: undefined },
  })),
  taken("task", "a Fargate task has a size that there isn't", "create", () => ({ memory: "4096" })),
  taken("task", "a Fargate task has no addresses of its own", "create", () => ({ networkMode: "bridge" })),
  taken("task", "container definitions are not a list of named containers with images", "create", () => ({
    containerDefinitions: json([{ name: "web" }]),
  })),
  taken("scalable", "fewer are the most than are the least", "update", () => ({ maxCapacity: 0 })),
  taken("scalable", "what is to be scaled isn't there", "create", () => ({ resourceId: "service/cluster/none" })),
  taken("scaling", "a scaling policy is for what was never registered to scale", "create", () => ({
    resourceId: "service/cluster/none",
  })),
  taken("function", "a function has no code", "create", () => ({
    name: "other",
    s3Bucket: undefined,
    s3Key: undefined,
  })),
  taken("bucket", "a bucket that isn't empty is deleted", "delete", undefined),
  taken("secret", "a secret has the name of one that is scheduled for deletion", "create", undefined, (world) =>
    world.kind(line("secret")[0]).delete(world.made["secret"] ?? {}, world.context("secret")),
  ),
  taken("role", "assumeRolePolicy is no policy", "create", () => ({ name: "other", assumeRolePolicy: "{" })),
  taken("policy", "policy is no policy", "update", () => ({ policy: json({ Statement: [] }) })),
  taken("inline", "policy is no policy", "update", () => ({ policy: json({ Statement: [{ Action: "*" }] }) })),
  taken("bucketPolicy:BucketPolicy", "policy is no policy", "update", () => ({ policy: "allow" })),
  taken("key", "policy is no policy", "create", () => ({ policy: "allow" })),
  taken("topic policy", "policy is no policy", "update", () => ({ policy: "allow" })),
  taken("policy", "a policy is longer than 6,144 characters", "update", () => ({
    policy: json({ Statement: [{ Effect: "Allow", Action: "*", Resource: "x".repeat(6_144) }] }),
  })),
  taken("dashboard", "a dashboard's body is no list of widgets", "update", () => ({ dashboardBody: "{}" })),
  taken("composite", "a composite alarm's rule names an alarm that isn't there", "update", () => ({
    alarmRule: "ALARM(alarm) OR ALARM(other)",
  })),
  taken(
    "alarm",
    "an alarm has neither a metric nor queries, or both, or queries of which not exactly one counts",
    "update",
    () => ({ metricQueries: [{ id: "a", expression: "b", returnData: true }] }),
  ),
  taken("alarm", "an alarm goes that a composite alarm depends on", "delete", undefined),
  taken("composite", "an alarm goes that a composite alarm depends on", "delete", undefined, (world) =>
    world.create(line("composite")[0], "outer", { alarmName: "outer", alarmRule: 'ALARM("composite")' }),
  ),
];

/** Gives some text for every output, to see where a line names another resource. */
const anything: World["made"] = new Proxy(
  {},
  {
    get: () => new Proxy({ id: "x" }, { get: () => "x", has: () => true }),
  },
);

describe("what the stand-in for aws refuses", function () {
  this.timeout(120_000);
  let folder: string;
  let whole: World;
  let worlds = 0;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
    whole = new World(join(folder, "whole.db"));
    await whole.makeAll();
  });
  after(() => {
    whole.account.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A copy of the whole world, to break. */
  async function inWorld(work: (world: World) => Promise<void>): Promise<void> {
    const file = join(folder, `${(worlds += 1)}.db`);
    copyFileSync(join(folder, "whole.db"), file);
    const world = new World(file);
    Object.assign(world.made, whole.made);
    try {
      await work(world);
    } finally {
      world.account.close();
      rmSync(file);
    }
  }

  const inputsOf = (world: World, name: string, change: Properties = {}) => {
    const inputs = { ...line(name)[2](world.made), ...change };
    return Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== undefined));
  };

  const attempt = (world: World, name: string, on: Case["on"], change: Properties = {}): Promise<unknown> => {
    const kind = world.kind(line(name)[0]);
    const own = world.made[name] ?? {};
    const context = world.context(name);
    // What a kind throws at once is refused like what it throws later.
    return (async () => {
      if (on === "delete") await kind.delete(own, context);
      else if (on === "update") await kind.update(own, inputsOf(world, name, change), context);
      else await kind.create(inputsOf(world, name, change), context);
    })();
  };

  const refused = (code: string) => (error: Error) => {
    assert.match(error.message, /^operation error [\w ]+: \w+, https response error StatusCode: 400, RequestID: \S+, /);
    assert.equal(/api error ([\w.]+): /.exec(error.message)?.[1], code, error.message);
    assert.doesNotMatch(error.message, /undefined|\[object/);
    return true;
  };

  const keyOf = (each: { token: string; when: string }) => `${each.token} ${each.when}`;

  it("has a case here for each line of its table", () => {
    const tried = new Set(cases.map(keyOf));
    const known = new Set(refusals.map(keyOf));
    assert.deepEqual(
      [...known].filter((each) => !tried.has(each)),
      [],
    );
    assert.deepEqual(
      [...tried].filter((each) => !known.has(each)),
      [],
    );
  });

  for (const { token, when, name, on, change, first } of cases) {
    const { code } = refusals.find((each) => keyOf(each) === keyOf({ token, when })) ?? { code: "none" };
    it(`${code}: ${when} (${name}, ${on})`, () =>
      inWorld(async (world) => {
        await first?.(world);
        const before = world.account.change((rows) => json(rows.all()));
        await assert.rejects(attempt(world, name, on, change?.(world)), refused(code));
        assert.equal(
          world.account.change((rows) => json(rows.all())),
          before,
          "nothing is changed by it",
        );
      }));
  }

  it("lets a load balancer be made without an internet gateway where it is internal, or its network isn't the account's", () =>
    inWorld(async (world) => {
      remove(world, "gateway");
      await attempt(world, "balancer", "create", { name: "inside", internal: true });
      remove(world, "vpc");
      await attempt(world, "balancer", "create", { name: "elsewhere" });
    }));

  it("lets an internet gateway go where nothing has public addresses any more", () =>
    inWorld(async (world) => {
      for (const gone of ["nat", "route"]) remove(world, gone);
      set(world, "balancer", { internal: true });
      await attempt(world, "gateway", "delete");
    }));

  for (const [token, by, code] of uniques)
    it(`${code}: a second ${token} with the same ${by.replaceAll(" ", ", ")}`, () =>
      inWorld(async (world) => {
        const name = lines.find(([own]) => own === token)?.[1] ?? "";
        await assert.rejects(attempt(world, name, "create"), refused(code));
      }));

  const covered = references.filter(({ from, path }) => {
    const found = lines.find(([token]) => token === from);
    return found !== undefined && pathOf(found[2](anything), path) !== undefined;
  });

  it("knows the resources of every reference, and tries most of them", () => {
    const tokens = new Set([...lines.map(([token]) => token), "aws:wafv2/webAcl:WebAcl"]);
    assert.deepEqual(
      references.filter(({ from, to }) => !tokens.has(from) || !tokens.has(to)),
      [],
    );
    assert.ok(covered.length > references.length * 0.7, `${covered.length} of ${references.length}`);
  });

  for (const { from, path, to, missing, held, by } of covered) {
    const [, name = ""] =
      lines.find(([token, , inputs]) => token === from && pathOf(inputs(anything), path) !== undefined) ?? [];
    it(`${missing}: ${name} without ${path} (${to})`, () =>
      inWorld(async (world) => {
        const target = targetOf(world, to, by, pathOf(inputsOf(world, name), path));
        world.account.change((rows) => {
          rows.remove(to, target);
          // Its own name is free again, and nothing is left that belonged to it.
          for (const own of [from, "aws:lb/listenerRule:ListenerRule"])
            for (const row of rows.all(own)) rows.remove(own, row.id);
        });
        await assert.rejects(attempt(world, name, "create"), refused(missing));
      }));
    if (held !== undefined && lines.some(([token]) => token === to))
      it(`${held}: ${to} goes while ${name} names it as ${path}`, () =>
        inWorld(async (world) => {
          const target = targetOf(world, to, by, pathOf(inputsOf(world, name), path));
          // Nothing else stands in the way.
          world.account.change((rows) => {
            for (const row of rows.all()) if (row.token !== to && row.token !== from) rows.remove(row.token, row.id);
          });
          const [, its = ""] = lines.find(([token, own]) => token === to && id(world, own) === target) ?? [];
          await assert.rejects(attempt(world, its, "delete"), refused(held));
        }));
  }
});

function pathOf(inputs: Properties, path: string): string | undefined {
  const found = path.split(".").reduce<unknown>((value, key) => {
    const one: unknown = Array.isArray(value) ? value[0] : value;
    return typeof one === "object" && one !== null ? (one as Properties)[key] : undefined;
  }, inputs);
  const one: unknown = Array.isArray(found) ? found[0] : found;
  return typeof one === "string" ? one : undefined;
}

/** The id of the row that a reference's value names. */
function targetOf(world: World, token: string, by: readonly string[], value: string | undefined): string {
  const found = world.account
    .change((rows) => rows.all(token))
    .find((row) => by.some((key) => (key === "id" ? row.id : row.outs[key]) === value));
  assert.ok(found !== undefined, `${token} ${value ?? "nothing"}`);
  return found.id;
}
