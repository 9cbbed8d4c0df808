import * as iam from "@pulumi/aws/iam";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import { policyOf, trust, type Statement } from "./policy";
import { waive } from "./waive";

interface TaskNeeds {
  readonly colour: string;
  readonly image: string;
  /** ARN of its log group. */
  readonly logGroup: pulumi.Input<string>;
  /** ARNs of its secrets, and of the key that they are encrypted with. */
  readonly secrets: pulumi.Input<string>[];
  readonly secretsKey: pulumi.Input<string>;
}

/** The repository of an image in a registry of ECR; undefined for one that lies elsewhere. */
export function ecrRepository(image: string): { account: string; region: string; name: string } | undefined {
  const found = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)/.exec(image);
  return found === null ? undefined : { account: found[1] ?? "", region: found[2] ?? "", name: found[3] ?? "" };
}

/**
 * What starts a copy (`execution`: the image, its secrets, its log), and what the copy itself may do in AWS (`task`):
 * nothing, before somebody gives it something.
 */
export function taskRoles(
  name: string,
  account: Account,
  needs: TaskNeeds,
  parent: pulumi.Resource,
): { execution: iam.Role; task: iam.Role; policy: iam.RolePolicy } {
  const role = (kind: "execution" | "task", description: string) =>
    new iam.Role(
      `${name}-${kind}`,
      {
        name: `${account.base}-${name}-${kind}`,
        description,
        assumeRolePolicy: trust("ecs-tasks.amazonaws.com", account.id),
      },
      { parent },
    );
  const execution = role("execution", `Starts copies of ${name}: image, secrets, log`);
  const policy = new iam.RolePolicy(
    `${name}-execution`,
    { role: execution.name, policy: policyOf(...startsCopies(account, needs)) },
    { parent: execution },
  );
  if (ecrRepository(needs.image) !== undefined)
    waive(policy, ["CKV_AWS_355"], "ecr:GetAuthorizationToken is for the whole registry: AWS takes no other resource");
  return { execution, task: role("task", `What copies of ${name} may do in AWS`), policy };
}

function startsCopies({ partition }: Account, { image, logGroup, secrets, secretsKey }: TaskNeeds): Statement[] {
  const repository = ecrRepository(image);
  return [
    { sid: "Secrets", actions: ["secretsmanager:GetSecretValue"], resources: secrets },
    { sid: "Key", actions: ["kms:Decrypt"], resources: [secretsKey] },
    {
      sid: "Log",
      actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
      resources: [pulumi.interpolate`${logGroup}:*`],
    },
    ...(repository === undefined
      ? []
      : [
          { sid: "Registry", actions: ["ecr:GetAuthorizationToken"], resources: ["*"] },
          {
            sid: "Image",
            actions: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            resources: [
              pulumi.interpolate`arn:${partition}:ecr:${repository.region}:${repository.account}:repository/${repository.name}`,
            ],
          },
        ]),
  ];
}
