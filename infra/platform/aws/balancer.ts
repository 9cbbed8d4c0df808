import * as lb from "@pulumi/aws/lb";
import * as route53 from "@pulumi/aws/route53";
import * as wafv2 from "@pulumi/aws/wafv2";
import * as pulumi from "@pulumi/pulumi";
import { colours, type AwsConfig } from "../../config";
import type { PerColour, Wiring } from "../../rollout/types";
import { previewHeader } from "../local/balancer/api";
import type { Account } from "./account";
import type { Groups } from "./groups";
import type { Network } from "./network";
import type { Store } from "./store";
import { waive } from "./waive";

/** The policy that TLS is spoken by: 1.3, and 1.2 with forward secrecy alone. ELB.17. */
export const tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

export const productionPort = 443;

type BalancerConfig = Pick<AwsConfig, "domain" | "service" | "network">;

interface BalancerArgs {
  readonly account: Account;
  readonly network: Network;
  readonly groups: Groups;
  readonly store: Store;
  /** What AWS may refuse to delete: the load balancer goes before that is tried. */
  readonly kept: readonly pulumi.Resource[];
}

/** What of load balancer and target groups can't be changed in place, as config declares it: known before anything is. */
export function declaredWiring(base: string, { service, network }: BalancerConfig): Wiring {
  const where = network.vpcId ?? "own network";
  const target = (colour: string) => `${base}-${colour}/HTTP:${service.port}/${where}`;
  return {
    listener: `${base}/internet-facing:${productionPort}/${where}`,
    targets: { blue: target("blue"), green: target("green") },
  };
}

/** The load balancer, both target groups, and every listener but the production one. */
export class Balancer extends pulumi.ComponentResource {
  readonly loadBalancer: lb.LoadBalancer;
  readonly targets: PerColour<lb.TargetGroup>;
  /** Each colour's way in before it has traffic: its service can't be made before this is. */
  readonly previews: PerColour<lb.ListenerRule>;
  /** What must be there before somebody asks by name. */
  readonly ready: pulumi.Resource[] = [];

  constructor(
    name: string,
    readonly config: BalancerConfig,
    { account, network, groups, store, kept }: BalancerArgs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Balancer", name, {}, options);
    const logs = store.accessLogs;
    this.loadBalancer = new lb.LoadBalancer(
      name,
      {
        ...{ name: account.base, loadBalancerType: "application", internal: false },
        ...{ subnets: network.publicSubnetIds, securityGroups: [groups.balancer.id] },
        ...{ dropInvalidHeaderFields: true, desyncMitigationMode: "defensive", enableHttp2: true },
        accessLogs: { enabled: true, bucket: logs.bucket.bucket, prefix: "balancer" },
        enableDeletionProtection: true,
        // Seconds, as browsers and agents have it.
        idleTimeout: 60,
      },
      // AWS's own protection is on. Pulumi's would be on all below it too, of which names and rules come and go.
      { parent: this, dependsOn: [...logs.ready, ...groups.rules, ...groups.doors, ...network.ready, ...kept] },
    );
    this.targets = { blue: this.#target("blue", account, network), green: this.#target("green", account, network) };
    this.#redirect();
    this.previews = this.#preview();
    this.#names(account);
    this.registerOutputs({ arn: this.loadBalancer.arn });
  }

  /** Where AWS itself says it is: what the next `up` holds its config against. */
  wired(): pulumi.Output<Wiring> {
    const { blue, green } = this.targets;
    const where = this.config.network.vpcId ?? "own network";
    const real = ({ name, protocol, port }: lb.TargetGroup) => pulumi.interpolate`${name}/${protocol}:${port}/${where}`;
    const { name, internal } = this.loadBalancer;
    const facing = pulumi.output(internal).apply((inside) => (inside ? "internal" : "internet-facing"));
    return pulumi.output({
      listener: pulumi.interpolate`${name}/${facing}:${productionPort}/${where}`,
      targets: { blue: real(blue), green: real(green) },
    });
  }

  #target(colour: keyof PerColour<unknown>, { base }: Account, network: Network): lb.TargetGroup {
    const { port, healthPath, deregistrationDelay } = this.config.service;
    const group = new lb.TargetGroup(
      colour,
      {
        ...{ name: `${base}-${colour}`, port, protocol: "HTTP", targetType: "ip", vpcId: network.vpcId },
        deregistrationDelay: deregistrationDelay / 1000,
        // A client that is held to an emptied group would get 503 until its cookie ends: weights are all that decides.
        stickiness: { enabled: false, type: "lb_cookie" },
        healthCheck: {
          ...{ path: healthPath, protocol: "HTTP", port: "traffic-port", matcher: "200" },
          // Seconds: a copy that is gone gets requests for 20 at the most.
          ...{ interval: 10, timeout: 5, healthyThreshold: 2, unhealthyThreshold: 2 },
        },
      },
      // As the production listener is. Another one of the same name could not be made beside it anyway.
      { parent: this, protect: true },
    );
    waive(group, ["CKV_AWS_378"], "TLS ends at the load balancer; behind it only its security group reaches a copy");
    return group;
  }

  #redirect(): void {
    const redirect = new lb.Listener(
      "redirect",
      {
        ...{ loadBalancerArn: this.loadBalancer.arn, port: 80, protocol: "HTTP" },
        defaultActions: [
          { type: "redirect", redirect: { port: String(productionPort), protocol: "HTTPS", statusCode: "HTTP_301" } },
        ],
      },
      // It serves, too, and the production listener doesn't stand behind it.
      { parent: this.loadBalancer, protect: true },
    );
    waive(redirect, ["ELB.18", "CKV_AWS_2", "CKV_AWS_103"], "it answers nothing but a redirect to HTTPS");
  }

  #preview(): PerColour<lb.ListenerRule> {
    const listener = new lb.Listener(
      "preview",
      {
        ...{ loadBalancerArn: this.loadBalancer.arn, port: this.config.domain.preview.port, protocol: "HTTPS" },
        ...{ certificateArn: this.config.domain.certificate, sslPolicy: tlsPolicy },
        defaultActions: [
          {
            type: "fixed-response",
            fixedResponse: {
              statusCode: "404",
              contentType: "text/plain",
              messageBody: `${previewHeader}: blue or green?`,
            },
          },
        ],
      },
      { parent: this.loadBalancer },
    );
    const rule = (colour: keyof PerColour<unknown>, priority: number) =>
      new lb.ListenerRule(
        `preview-${colour}`,
        {
          ...{ listenerArn: listener.arn, priority },
          conditions: [{ httpHeader: { httpHeaderName: previewHeader, values: [colour] } }],
          actions: [{ type: "forward", targetGroupArn: this.targets[colour].arn }],
        },
        { parent: listener },
      );
    const rules = { blue: rule("blue", 1), green: rule("green", 2) };
    this.ready.push(...colours.map((colour) => rules[colour]));
    return rules;
  }

  #names({ base }: Account): void {
    const { names, zone, waf } = this.config.domain;
    if (waf !== undefined)
      new wafv2.WebAclAssociation(
        base,
        { resourceArn: this.loadBalancer.arn, webAclArn: waf },
        { parent: this.loadBalancer },
      );
    else waive(this.loadBalancer, ["ELB.16", "CKV2_AWS_28"], "switchyard:domain.waf names no web ACL");
    if (zone === undefined) return;
    const { dnsName, zoneId } = this.loadBalancer;
    for (const name of names)
      this.ready.push(
        new route53.Record(
          name,
          { zoneId: zone, name, type: "A", aliases: [{ name: dnsName, zoneId, evaluateTargetHealth: false }] },
          { parent: this.loadBalancer },
        ),
      );
  }
}
