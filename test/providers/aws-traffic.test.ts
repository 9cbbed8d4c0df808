import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  AddTagsCommand,
  DeleteListenerCommand,
  ModifyListenerCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { greenWeightIn, withGreenWeight } from "../../infra/platform/aws/traffic-actions";
import { heartbeat } from "../../infra/platform/aws/traffic-heartbeat";
import { countTargets } from "../../infra/platform/aws/traffic-targets";
import { trafficAt, TrafficMoved, type Traffic, type TrafficAddress } from "../../infra/platform/traffic";
import { noWalk } from "../../infra/providers/traffic/mark";
import { walkTags } from "../../infra/providers/traffic/tags";
import { jsonError, queryError, xml } from "../support/moto-proxy";
import { connectionTo, MotoStage, useMoto, withCredentials } from "../support/moto-stage";

const claim = (id: string) => ({
  [walkTags.walk]: id,
  [walkTags.from]: "0",
  [walkTags.beat]: new Date().toISOString(),
});

/** Its methods, each to be passed on alone. */
function at(address: TrafficAddress) {
  const traffic = trafficAt(address);
  return {
    read: () => traffic.read(),
    change: (...[change, expect]: Parameters<Traffic["change"]>) => traffic.change(change, expect),
    endsWithin: (milliseconds: number) => traffic.endsWithin?.(milliseconds),
  };
}
const tagged = (value: string | null) => ({ key: walkTags.walk, value });

describe("traffic of an Application Load Balancer", function () {
  this.timeout(120_000);
  const moto = useMoto();
  const stage = (options: Parameters<typeof MotoStage.set>[1] = {}) => MotoStage.set(moto().url, options);

  it("reads weights, tags and targets, wherever in its pages the listener stands", async () => {
    const { traffic, elb, listener } = await stage({ greenWeight: 25 });
    await elb.send(new AddTagsCommand({ ResourceArns: [listener], Tags: [{ Key: "team", Value: "web" }] }));
    moto().on("DescribeListeners", (asked, forward) => {
      const form = new URLSearchParams(asked.body.toString());
      if (form.get("Marker") === "2") return forward();
      return xml(
        "<DescribeListenersResponse><DescribeListenersResult><Listeners/><NextMarker>2</NextMarker></DescribeListenersResult></DescribeListenersResponse>",
      );
    });
    const live = await at(traffic).read();
    assert.deepEqual(live, {
      greenWeight: 25,
      tags: { team: "web" },
      targets: {
        blue: { registered: 1, healthy: 1, alive: 1 },
        green: { registered: 1, healthy: 1, alive: 1 },
      },
    });
  });

  it("finds no listener where there is none yet, on another port, and where the load balancer is gone", async () => {
    const { traffic } = await stage({ greenWeight: null });
    assert.equal(await at(traffic).read(), undefined);
    const other = await stage();
    assert.equal(await trafficAt({ ...other.traffic, port: 443 }).read(), undefined);
    const gone = traffic.loadBalancer.replace("app/stage", "app/gone");
    assert.equal(await trafficAt({ ...traffic, loadBalancer: gone }).read(), undefined);
    await other.elb.send(new DeleteListenerCommand({ ListenerArn: other.listener }));
    await assert.rejects(trafficAt(other.traffic).change({ greenWeight: 10 }, { greenWeight: 0 }), TrafficMoved);
  });

  it("changes weights and nothing else: an authentication before the forward and stickiness stay", async () => {
    const cognito = {
      Type: "authenticate-cognito" as const,
      AuthenticateCognitoConfig: {
        UserPoolArn: "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/pool",
        UserPoolClientId: "client",
        UserPoolDomain: "domain",
      },
    };
    const { traffic, actions, weights } = bound(await stage({ before: [cognito], stickiness: 600 }));
    const before = await actions();
    await at(traffic).change({ greenWeight: 10 }, { greenWeight: 0 });
    assert.deepEqual(await weights(), { blue: 90, green: 10 });
    const after = await actions();
    assert.deepEqual(after[0], before[0]);
    assert.deepEqual(
      after[1]?.ForwardConfig?.TargetGroupStickinessConfig,
      before[1]?.ForwardConfig?.TargetGroupStickinessConfig,
    );
  });

  it("keeps every weight from 0 to 100 as it was set", async () => {
    const { traffic, weights } = bound(await stage());
    for (const greenWeight of [100, 1, 50, 99, 0]) {
      await at(traffic).change({ greenWeight });
      assert.deepEqual(await weights(), { blue: 100 - greenWeight, green: greenWeight });
      assert.equal((await at(traffic).read())?.greenWeight, greenWeight);
    }
  });

  it("changes nothing where weight or tag are not what is expected", async () => {
    const { traffic, weights } = bound(await stage({ greenWeight: 10 }));
    const { change, read } = at(traffic);
    await assert.rejects(change({ greenWeight: 25 }, { greenWeight: 0 }), {
      name: "TrafficMoved",
      message: /^greenWeight is 10, not 0, at port 80 of app\/stage/,
    });
    await assert.rejects(change({ greenWeight: 25 }, { tag: tagged("mine") }), TrafficMoved);
    await change({ tags: claim("theirs") }, { tag: tagged(null), greenWeight: 10 });
    await assert.rejects(change({ tags: claim("mine") }, { tag: tagged(null) }), TrafficMoved);
    assert.deepEqual([await weights(), (await read())?.tags[walkTags.walk]], [{ blue: 90, green: 10 }, "theirs"]);
  });

  it("takes its tags away and keeps those of others", async () => {
    const { traffic, elb, listener } = await stage();
    await elb.send(new AddTagsCommand({ ResourceArns: [listener], Tags: [{ Key: "team", Value: "web" }] }));
    const { change, read } = at(traffic);
    await change({ tags: claim("mine") }, { tag: tagged(null) });
    await change({ greenWeight: 10 }, { greenWeight: 0, tag: tagged("mine") });
    await change({ greenWeight: 0, tags: noWalk }, { greenWeight: 10, tag: tagged("mine") });
    const live = await read();
    assert.deepEqual([live?.greenWeight, live?.tags], [0, { team: "web" }]);
  });

  it("takes weights from a walk by its tags first, and ends a walk of its own by the weights first", async () => {
    const { traffic } = await stage({ greenWeight: 25 });
    const { change } = at(traffic);
    const written = () => moto().asked.filter((action) => ["ModifyListener", "AddTags", "RemoveTags"].includes(action));
    await change({ tags: claim("theirs") });
    moto().clear();
    await change({ greenWeight: 0, tags: noWalk }, { greenWeight: 25 });
    assert.deepEqual(written(), ["RemoveTags", "ModifyListener"]);
    await change({ tags: claim("mine") }, { tag: tagged(null) });
    moto().clear();
    await change({ greenWeight: 10, tags: noWalk }, { greenWeight: 0, tag: tagged("mine") });
    assert.deepEqual(written(), ["ModifyListener", "RemoveTags"]);
  });

  it("notices a walk's write that was on its way while the weights were taken from it, and one that came second", async () => {
    const { traffic, elb, listener, actions } = bound(await stage({ greenWeight: 25 }));
    const { change, read } = at(traffic);
    await change({ tags: claim("theirs") });
    const theirs = withGreenWeight(await actions(), traffic.targetGroups, 50, "it");
    let wrote = false;
    moto().on("ModifyListener", async (_, forward) => {
      const reply = await forward();
      if (!wrote) {
        wrote = true;
        // Past the first look that follows, and before the second.
        void delay(600).then(() =>
          elb.send(new ModifyListenerCommand({ ListenerArn: listener, DefaultActions: theirs })),
        );
      }
      return reply;
    });
    await assert.rejects(
      change({ greenWeight: 0, tags: noWalk }, { greenWeight: 25 }),
      /somebody else wrote meanwhile: greenWeight is 50/,
    );
    // The walk itself: its tag is gone when it reads back what it wrote.
    await change({ tags: claim("late") });
    moto().on("ModifyListener", async (_, forward) => {
      const reply = await forward();
      await elb.send(
        new AddTagsCommand({ ResourceArns: [listener], Tags: [{ Key: walkTags.walk, Value: "quicker" }] }),
      );
      return reply;
    });
    const expected = { greenWeight: 50, tag: tagged("late") };
    await assert.rejects(change({ greenWeight: 60 }, expected), TrafficMoved);
    assert.equal((await read())?.tags[walkTags.walk], "quicker");
  });

  it("repeats a throttled ModifyListener only after a look, and never over somebody else's weights", async () => {
    const { traffic, elb, listener, actions, weights } = bound(await stage());
    const throttled = queryError("Throttling", "Rate exceeded");
    let refused = 0;
    moto().on("ModifyListener", (_, forward) => (++refused <= 2 ? throttled : forward()));
    await at(traffic).change({ greenWeight: 10 }, { greenWeight: 0 });
    assert.deepEqual([refused, await weights()], [3, { blue: 90, green: 10 }]);
    const theirs = withGreenWeight(await actions(), traffic.targetGroups, 70, "it");
    refused = 0;
    moto().on("ModifyListener", async (_, forward) => {
      if (++refused > 1) return forward();
      moto().on("ModifyListener", undefined);
      await elb.send(new ModifyListenerCommand({ ListenerArn: listener, DefaultActions: theirs }));
      return throttled;
    });
    await assert.rejects(at(traffic).change({ greenWeight: 25 }, { greenWeight: 10 }), TrafficMoved);
    assert.deepEqual(await weights(), { blue: 30, green: 70 });
  });

  it("says who has to do what when AWS refuses: throttled, denied, expired, out of reach", async () => {
    const { traffic, weights } = bound(await stage({ greenWeight: 10 }));
    const { change, read } = at(traffic);
    const fails = async (work: Promise<unknown>, name: string, message: RegExp) => {
      await assert.rejects(work, (error: Error) => {
        assert.equal(error.name, name, error.message);
        assert.match(error.message, message);
        assert.ok(!/undefined|\n/.test(error.message), error.message);
        return true;
      });
    };
    moto().on("ModifyListener", () => queryError("Throttling", "Rate exceeded"));
    await fails(
      change({ greenWeight: 25 }),
      "TrafficUnreachable",
      /takes no more requests for now \(Throttling.*ModifyListener on arn:aws:.*wait a minute/,
    );
    const denied =
      "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: elasticloadbalancing:ModifyListener";
    moto().on("ModifyListener", () => queryError("AccessDenied", denied, 403));
    await fails(
      change({ greenWeight: 25 }),
      "AwsFailed",
      /does not let you .*: the role or user needs elasticloadbalancing:ModifyListener on arn:aws:elasticloadbalancing/,
    );
    moto().on("DescribeListeners", () =>
      queryError("ExpiredToken", "The security token included in the request is expired", 403),
    );
    await fails(
      read(),
      "AwsFailed",
      /credentials of AWS have expired \(ExpiredToken.*log in again \(aws sso login.*run this again/,
    );
    moto().on("DescribeListeners", () => queryError("InvalidClientTokenId", "The security token is invalid", 403));
    await fails(read(), "AwsFailed", /no credentials that AWS takes .*aws sts get-caller-identity/);
    moto().on("DescribeListeners", () => queryError("InternalFailure", "oops", 500));
    await fails(read(), "TrafficUnreachable", /AWS itself failed/);
    await fails(
      trafficAt({ ...traffic, connection: connectionTo("http://127.0.0.1:9") }).read(),
      "TrafficUnreachable",
      /can't be reached in eu-west-1 \(.*ECONNREFUSED/,
    );
    moto().clear();
    assert.deepEqual(await weights(), { blue: 90, green: 10 });
  });

  it("beats while a walk goes on, says that it has ended, and begins none without a heartbeat", async () => {
    const { traffic } = await stage();
    const { change, read } = at(traffic);
    const beats: number[] = [];
    moto().on("PutMetricData", (asked, forward) => {
      const { Namespace, MetricData } = JSON.parse(asked.body.toString()) as {
        Namespace: string;
        MetricData: { MetricName: string; Value: number }[];
      };
      if (Namespace === heartbeat.namespace) beats.push(...MetricData.map(({ Value }) => Value));
      return forward();
    });
    await change({ tags: claim("mine") }, { tag: tagged(null) });
    await change({ tags: { [walkTags.beat]: "2026-01-31T08:00:00.000Z" } }, { tag: tagged("mine") });
    await change({ tags: noWalk }, { tag: tagged("mine") });
    assert.deepEqual(beats, [1, 1, 0]);
    moto().on("PutMetricData", () => jsonError("AccessDeniedException", "no", 403));
    await assert.rejects(
      change({ tags: claim("next") }, { tag: tagged(null) }),
      /needs cloudwatch:PutMetricData on namespace Switchyard/,
    );
    assert.deepEqual((await read())?.tags, {});
  });

  it("tells before a step whether credentials last, where they say when they end and nobody renews them", async () => {
    const { traffic } = await stage();
    const ends = new Date(Date.now() + 20 * 60_000).toISOString();
    const put = withCredentials({ AWS_SESSION_TOKEN: "token", AWS_CREDENTIAL_EXPIRATION: ends });
    try {
      const { endsWithin } = at(traffic);
      assert.equal(await endsWithin(10 * 60_000), undefined);
      assert.match(
        (await endsWithin(30 * 60_000)) ?? "",
        new RegExp(`the credentials of AWS end at ${ends}, and are needed until .*log in again`),
      );
    } finally {
      put();
    }
    assert.equal(await at(traffic).endsWithin(24 * 3_600_000), undefined);
  });
});

/** Methods of a stage that are passed on alone. */
function bound(stage: MotoStage) {
  const { traffic, elb, listener } = stage;
  return { traffic, elb, listener, actions: () => stage.actions(), weights: () => stage.weights() };
}

describe("weights in a listener's actions", () => {
  const groups = { blue: "b", green: "g" };
  const forward = (...tuples: [string, number][]) => [
    {
      Type: "forward" as const,
      ForwardConfig: { TargetGroups: tuples.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
    },
  ];

  it("are read in proportion, and a colour with any traffic is never read as one without", () => {
    const read = (...tuples: [string, number][]) => greenWeightIn(forward(...tuples), groups, "it");
    assert.deepEqual(
      [read(["b", 100], ["g", 0]), read(["b", 2], ["g", 1]), read(["b", 999], ["g", 1]), read(["b", 1], ["g", 999])],
      [0, 33, 1, 99],
    );
    assert.deepEqual([read(["g", 1]), read(["b", 1]), read(["b", 60], ["g", 40], ["x", 0])], [100, 0, 40]);
    assert.equal(greenWeightIn([{ Type: "forward", TargetGroupArn: "g" }], groups, "it"), 100);
  });

  it("that reach nobody, or somebody else, are an error that says what to do", () => {
    assert.throws(
      () => greenWeightIn(forward(["b", 0], ["g", 0]), groups, "it"),
      /both weights of it are 0, so nobody is answered: .*aws elbv2/,
    );
    assert.throws(
      () => greenWeightIn(forward(["b", 50], ["x", 50]), groups, "it"),
      /also forwards to x, which is neither blue nor green/,
    );
    assert.throws(
      () => greenWeightIn([{ Type: "fixed-response" }], groups, "it"),
      /forwards to no target group \(it has fixed-response\)/,
    );
  });

  it("are changed with both colours in the forward; the secret of an OIDC action stays, and strangers without traffic", () => {
    const oidc = {
      Type: "authenticate-oidc" as const,
      AuthenticateOidcConfig: {
        Issuer: "i",
        AuthorizationEndpoint: "a",
        TokenEndpoint: "t",
        UserInfoEndpoint: "u",
        ClientId: "c",
      },
    };
    const [first, second] = withGreenWeight([oidc, ...forward(["b", 1], ["x", 0])], groups, 25, "it");
    assert.equal(first?.AuthenticateOidcConfig?.UseExistingClientSecret, true);
    assert.deepEqual(second?.ForwardConfig?.TargetGroups, [
      { TargetGroupArn: "b", Weight: 75 },
      { TargetGroupArn: "g", Weight: 25 },
      { TargetGroupArn: "x", Weight: 0 },
    ]);
    const [single] = withGreenWeight([{ Type: "forward", TargetGroupArn: "b" }], groups, 0, "it");
    assert.equal(single?.TargetGroupArn, undefined);
  });
});

describe("targets as a load balancer tells of them", () => {
  const target = (State: "healthy" | "unhealthy" | "initial" | "draining" | "unused", Reason?: string) => ({
    TargetHealth: { State, ...(Reason && { Reason: Reason as "Target.Timeout" }) },
  });

  it("are alive when they answer, ready or not: with the database away traffic can still return", () => {
    const found = [target("unhealthy", "Target.ResponseCodeMismatch"), target("initial", "Elb.InitialHealthChecking")];
    assert.deepEqual(countTargets(found), { registered: 2, healthy: 0, alive: 2 });
  });

  it("are not alive when nothing connects or answers, and not there when they drain", () => {
    const dead = [
      target("unhealthy", "Target.FailedHealthChecks"),
      target("unhealthy", "Target.Timeout"),
      target("unused", "Target.NotInUse"),
    ];
    assert.deepEqual(
      countTargets([...dead, target("draining", "Target.DeregistrationInProgress"), target("healthy")]),
      {
        registered: 4,
        healthy: 1,
        alive: 1,
      },
    );
    assert.deepEqual(countTargets([]), { registered: 0, healthy: 0, alive: 0 });
  });
});
