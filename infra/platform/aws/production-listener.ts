import * as lb from "@pulumi/aws/lb";
import * as pulumi from "@pulumi/pulumi";
import type { DomainSettings } from "../../config";
import { productionPort, tlsPolicy, type Balancer } from "./balancer";

/**
 * The production listener with the declared weights. They are never ignored: after a walk they are as declared already, so
 * its update changes nothing on the wire, and whatever else differs is put right by it.
 */
export function productionListener(
  name: string,
  { domain, greenWeight }: { domain: DomainSettings; greenWeight: number },
  { loadBalancer, targets }: Balancer,
  options: pulumi.CustomResourceOptions,
): { listener: lb.Listener; weight: pulumi.Output<number> } {
  const listener = new lb.Listener(
    name,
    {
      ...{ loadBalancerArn: loadBalancer.arn, port: productionPort, protocol: "HTTPS" },
      ...{ certificateArn: domain.certificate, sslPolicy: tlsPolicy },
      defaultActions: [
        {
          type: "forward",
          forward: {
            targetGroups: [
              { arn: targets.blue.arn, weight: 100 - greenWeight },
              { arn: targets.green.arn, weight: greenWeight },
            ],
            // A client that is held to one group would not go where the weights say. A second is AWS's least.
            stickiness: { enabled: false, duration: 1 },
          },
        },
      ],
    },
    // Without it nothing is served. All that serves stands behind it in a destroy, which so ends before it takes any of that.
    { ...options, protect: true },
  );
  const weight = pulumi.all([listener.defaultActions, targets.green.arn]).apply(([actions, green]) => {
    const group = actions[0]?.forward?.targetGroups.find(({ arn }) => arn === green);
    if (group === undefined) throw new Error("the production listener does not know green's target group");
    return group.weight ?? 0;
  });
  return { listener, weight };
}
