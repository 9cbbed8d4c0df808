import type { Definition } from "../definition";
import { arn, suffix } from "../identifiers";
import type { Properties } from "../../protocol/values";
import { between, longest } from "../limits";
import { text, textsAt, valuesAt } from "../values";

const elb = (noun: string): Pick<Definition, "service" | "operations"> => ({
  service: "Elastic Load Balancing v2",
  operations: [`Create${noun}`, `Modify${noun}`, `Delete${noun}`],
});

/** Of a load balancer's ARN, what metrics name it by: app/<name>/<id>. */
const behind = (own: string, word: string): string => own.split(`${word}/`)[1] ?? "";

/** A forward action that names no weight gives each group 1, as AWS does. */
const weighted = (actions: unknown): unknown =>
  !Array.isArray(actions)
    ? actions
    : actions.map((action: Properties) => {
        const forward = action["forward"] as Properties | undefined;
        if (forward === undefined || !Array.isArray(forward["targetGroups"])) return action;
        const targetGroups = forward["targetGroups"].map((group: Properties) => ({ weight: 1, ...group }));
        return { ...action, forward: { ...forward, targetGroups } };
      });

/** Weights of a forward action: AWS's range, which the official plugin checks too. */
const weights = (path: string) => (inputs: Properties) =>
  between(inputs, `${path}.forward.targetGroups.weight`, 0, 999);

/** The subnets that a load balancer stands in, however it names them. */
export const subnetsOf = (outs: Properties): string[] => [
  ...new Set([...textsAt(outs, "subnets"), ...textsAt(outs, "subnetMappings.subnetId")]),
];

/** The listeners and rules whose actions name the target group. */
export const usersOf = (rows: { all(token: string): { id: string; outs: Properties }[] }, group: string) =>
  (
    [
      ["aws:lb/listener:Listener", "defaultActions"],
      ["aws:lb/listenerRule:ListenerRule", "actions"],
    ] as const
  ).flatMap(([token, actions]) =>
    rows
      .all(token)
      .filter(({ outs }) =>
        [
          ...textsAt(outs, `${actions}.targetGroupArn`),
          ...textsAt(outs, `${actions}.forward.targetGroups.arn`),
        ].includes(group),
      )
      .map(({ id, outs }) => ({ token, id, outs })),
  );

export const balancer: Record<string, Definition> = {
  "aws:lb/loadBalancer:LoadBalancer": {
    ...elb("LoadBalancer"),
    operations: ["CreateLoadBalancer", "ModifyLoadBalancerAttributes", "DeleteLoadBalancer"],
    autoName: { property: "name", maximum: 32 },
    id: "arn",
    check: (inputs) => longest(inputs, "name", 32, /^[A-Za-z0-9-]*$/),
    make: ({ inputs, here, rows }) => {
      const own = arn(here, "elasticloadbalancing", `loadbalancer/app/${text(inputs, "name")}/${suffix()}`);
      const [subnet = ""] = textsAt(inputs, "subnets");
      const internal = inputs["internal"] === true ? "internal-" : "";
      return {
        arn: own,
        arnSuffix: behind(own, "loadbalancer"),
        dnsName: `${internal}${text(inputs, "name")}-${rows.next("balancer")}.${here.region}.elb.amazonaws.com`,
        vpcId: text(rows.get("aws:ec2/subnet:Subnet", subnet)?.outs ?? {}, "vpcId"),
        // The zone of eu-west-1's load balancers; which one it is, nothing here depends on.
        zoneId: "Z32O12XQLNTSW2",
        internal: false,
        ipAddressType: "ipv4",
        subnets: textsAt(inputs, "subnetMappings.subnetId"),
      };
    },
    // AWS deletes the listeners of a load balancer, and their rules, with it.
    deleted: ({ id }, rows) => {
      for (const listener of rows.all("aws:lb/listener:Listener"))
        if (listener.outs["loadBalancerArn"] === id) {
          rows.remove(listener.token, listener.id);
          for (const rule of rows.all("aws:lb/listenerRule:ListenerRule"))
            if (rule.outs["listenerArn"] === listener.id) rows.remove(rule.token, rule.id);
        }
    },
  },
  "aws:lb/targetGroup:TargetGroup": {
    ...elb("TargetGroup"),
    autoName: { property: "name", maximum: 32 },
    id: "arn",
    check: (inputs) => [
      ...longest(inputs, "name", 32, /^[A-Za-z0-9-]*$/),
      ...between(inputs, "deregistrationDelay", 0, 3600),
      ...between(inputs, "slowStart", 0, 900),
    ],
    make: ({ inputs, here }) => {
      const own = arn(here, "elasticloadbalancing", `targetgroup/${text(inputs, "name")}/${suffix()}`);
      return {
        arn: own,
        arnSuffix: own.split(":").at(-1) ?? "",
        loadBalancerArns: [],
        ipAddressType: "ipv4",
        protocolVersion: "HTTP1",
        loadBalancingAlgorithmType: "round_robin",
        loadBalancingAnomalyMitigation: "off",
        loadBalancingCrossZoneEnabled: "use_load_balancer_configuration",
      };
    },
    derive: (_, id, rows) => {
      const listeners = usersOf(rows, id).map(({ token, outs }) =>
        token === "aws:lb/listener:Listener"
          ? outs
          : (rows.get("aws:lb/listener:Listener", text(outs, "listenerArn"))?.outs ?? {}),
      );
      return { loadBalancerArns: [...new Set(listeners.map((outs) => text(outs, "loadBalancerArn")))] };
    },
  },
  "aws:lb/listener:Listener": {
    ...elb("Listener"),
    id: "arn",
    fill: (inputs) => ({ ...inputs, defaultActions: weighted(inputs["defaultActions"]) }),
    check: (inputs) => [...between(inputs, "port", 1, 65_535), ...weights("defaultActions")(inputs)],
    make: ({ inputs, here }) => {
      const balancer = behind(text(inputs, "loadBalancerArn"), "loadbalancer");
      return {
        arn: arn(here, "elasticloadbalancing", `listener/${balancer}/${suffix()}`),
        protocol: "HTTP",
        ...(inputs["protocol"] === "HTTPS" ? { sslPolicy: "ELBSecurityPolicy-2016-08" } : {}),
      };
    },
    deleted: ({ id }, rows) => {
      for (const rule of rows.all("aws:lb/listenerRule:ListenerRule"))
        if (rule.outs["listenerArn"] === id) rows.remove(rule.token, rule.id);
    },
  },
  "aws:lb/listenerRule:ListenerRule": {
    ...elb("Rule"),
    id: "arn",
    fill: (inputs) => ({ ...inputs, actions: weighted(inputs["actions"]) }),
    check: (inputs) => [...between(inputs, "priority", 1, 50_000), ...weights("actions")(inputs)],
    make: ({ inputs, here, rows }) => {
      const taken = rows
        .all("aws:lb/listenerRule:ListenerRule")
        .filter(({ outs }) => outs["listenerArn"] === inputs["listenerArn"])
        .flatMap(({ outs }) => valuesAt(outs, "priority"));
      return {
        arn: arn(
          here,
          "elasticloadbalancing",
          `listener-rule/${behind(text(inputs, "listenerArn"), "listener")}/${suffix()}`,
        ),
        priority: Math.max(0, ...taken.map(Number)) + 1,
      };
    },
  },
  "aws:lb/listenerCertificate:ListenerCertificate": {
    service: "Elastic Load Balancing v2",
    operations: ["AddListenerCertificates", "AddListenerCertificates", "RemoveListenerCertificates"],
    id: (outs) => `${text(outs, "listenerArn")}_${text(outs, "certificateArn")}`,
    make: () => ({}),
  },
  "aws:wafv2/webAclAssociation:WebAclAssociation": {
    service: "WAFV2",
    operations: ["AssociateWebACL", "AssociateWebACL", "DisassociateWebACL"],
    id: (outs) => `${text(outs, "webAclArn")},${text(outs, "resourceArn")}`,
    make: () => ({}),
  },
};
