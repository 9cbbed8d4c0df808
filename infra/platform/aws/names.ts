import * as pulumi from "@pulumi/pulumi";

/** A load balancer or a target group has at most 32 characters in its name (CreateLoadBalancer), and a colour's is in it. */
const longest = 32 - "-green".length;

/**
 * What the names of a stack's resources begin with: `switchyard-staging`. Load balancer, listener and target groups keep
 * their names through every change: they are how the rules know, before anything is done, that nothing is replaced.
 * @throws pulumi.RunError for a name that AWS would refuse half way through an `up`.
 */
export function baseName(project: string, stack: string): string {
  const base = `${project}-${stack}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  // RDS takes no digit for a beginning, and ELB keeps this one for load balancers of its own kind.
  if (!/^(?!internal-)[a-z]/.test(base))
    throw new pulumi.RunError(
      `the project's name ${project} makes ${base} the start of names on AWS, expected one that begins with a letter, and not with ` +
        "internal-: change `name` in Pulumi.yaml, before the first `up`",
    );
  if (base.length > longest)
    throw new pulumi.RunError(
      `the stack's name ${stack} makes ${base} (${base.length} characters) the start of names on AWS, expected at most ` +
        `${longest}: choose a shorter one with: pulumi stack rename NAME`,
    );
  return base;
}

/** On every resource that takes tags. None may begin like those of a walk (infra/providers/traffic/tags.ts). */
export const tagsOf = (project: string, stack: string): Record<string, string> => ({
  Project: project,
  Stack: stack,
  ManagedBy: "pulumi",
});
