import * as iam from "@pulumi/aws/iam";
import * as pulumi from "@pulumi/pulumi";
import type { AwsConfig } from "../../config";
import type { Account } from "./account";
import { boundaryStatements, ciNames } from "./ci-boundary";
import { deployerStatements, type DeployerPart } from "./ci-deployer";
import { previewerStatements, type CiScope } from "./ci-policies";
import { policyOf } from "./policy";
import { waive } from "./waive";

/** Where GitHub's tokens come from; its audience for AWS is the one that AWS's own action asks for. */
const github = { issuer: "token.actions.githubusercontent.com", audience: "sts.amazonaws.com" } as const;

/** Seconds that credentials last: a preview is over within one hour, and a walk and its return within six. */
const session = { previewer: 3_600, deployer: 21_600 } as const;

type CiConfig = Pick<AwsConfig, "ci" | "domain" | "rds">;

/** What of the stack's own the policies name. */
export interface CiNeeds {
  readonly config: CiConfig;
  readonly account: Account;
  /** ARN of the secret that RDS keeps of the master user. */
  readonly masterSecret: pulumi.Input<string>;
  /** ARN of the key of the stack's secrets. */
  readonly secretsKey: pulumi.Input<string>;
}

/** The scope of the policies, once AWS has said what isn't known before. */
function scopeOf({ config, account, masterSecret, secretsKey }: CiNeeds): pulumi.Output<CiScope> {
  const { ci, domain, rds } = config;
  const seed = /^latest:(.+)$/.exec(rds.seedFrom ?? "")?.[1];
  return pulumi
    .all([account.id, account.partition, masterSecret, secretsKey])
    .apply(([id, partition, master, key]) => ({
      ...{ base: account.base, project: pulumi.getProject(), stack: pulumi.getStack(), region: account.region },
      ...{ account: id, partition, masterSecret: master, secretsKey: key },
      ...{
        bastion: rds.bastion,
        seedInstance: seed,
        zone: domain.zone,
        waf: domain.waf,
        certificate: domain.certificate,
      },
      ...{ stateBucket: ci.stateBucket, stateKey: ci.stateKey },
    }));
}

/**
 * The limit of every role that the stack makes, where a pipeline may write their policies.
 * @returns a transformation that gives it to each role below what it is given to
 */
export function boundary(
  { config, account }: Pick<CiNeeds, "config" | "account">,
  options: pulumi.CustomResourceOptions,
): pulumi.ResourceTransformation[] {
  if (config.ci.github === undefined) return [];
  const scope = scopeOf({ config, account, masterSecret: "", secretsKey: "" });
  const policy = new iam.Policy(
    "boundary",
    {
      name: ciNames(account.base).boundary,
      description: `The most that a role of ${account.base} may do`,
      policy: scope.apply((each) => policyOf(...boundaryStatements(each))),
    },
    options,
  );
  return [
    ({ type, props, opts }) =>
      type === "aws:iam/role:Role" ? { props: { ...props, permissionsBoundary: policy.arn }, opts } : undefined,
  ];
}

/** What a stack says of its pipeline: the policies, for whoever makes roles himself, and the roles that it made. */
export interface CiOutputs {
  /** JSON. */
  readonly previewerPolicy: pulumi.Output<string>;
  /** JSON: each document by what it is about, since IAM takes no policy of that length. */
  readonly deployerPolicies: pulumi.Output<string>;
  /** ARNs; left out without `ci.github`. */
  readonly previewerRole?: pulumi.Output<string>;
  readonly deployerRole?: pulumi.Output<string>;
}

/** The roles that a pipeline takes on, where config names one; their policies in any case. */
export function ciRoles(needs: CiNeeds, options: pulumi.CustomResourceOptions): CiOutputs {
  const scope = scopeOf(needs);
  const previewerPolicy = scope.apply((each) => policyOf(...previewerStatements(each)));
  const parts = scope.apply((each) => {
    const { service, data, roles } = deployerStatements(each);
    return pulumi.output({ service: policyOf(...service), data: policyOf(...data), roles: policyOf(...roles) });
  });
  const policies = { previewerPolicy, deployerPolicies: parts.apply((each) => JSON.stringify(parsed(each))) };
  const { config, account } = needs;
  const { github: repository, branch, environment = pulumi.getStack() } = config.ci;
  if (repository === undefined) return policies;
  const from = (...subjects: string[]) => pipeline(needs, subjects.map((each) => `repo:${repository}:${each}`)); // prettier-ignore
  const role = (of: keyof typeof session, description: string, trust: pulumi.Output<string>) =>
    new iam.Role(
      of,
      {
        ...{ name: ciNames(account.base)[of], description, assumeRolePolicy: trust },
        maxSessionDuration: session[of],
      },
      options,
    );
  // The branch previews once more before somebody approves what it would do.
  const previewer = role(
    "previewer",
    `Previews ${account.base}, and changes nothing`,
    from("pull_request", `ref:refs/heads/${branch}`),
  );
  const looks = new iam.RolePolicy(
    "previewer",
    { role: previewer.name, policy: previewerPolicy },
    { ...options, parent: previewer },
  );
  waive(looks, ["CKV_AWS_355"], "AWS takes these descriptions for no resource; they are held to the region");
  const deployer = role("deployer", `Deploys ${account.base}`, from(`environment:${environment}`));
  for (const part of ["service", "data", "roles"] as const) allowDeployer(deployer, part, parts, needs, options);
  return { ...policies, previewerRole: previewer.arn, deployerRole: deployer.arn };
}

/** Its actions are wider than those of a role that serves: it makes, changes and ends all of the stack. */
function allowDeployer(
  deployer: iam.Role,
  part: DeployerPart,
  parts: pulumi.Output<Record<DeployerPart, string>>,
  { account }: CiNeeds,
  options: pulumi.CustomResourceOptions,
): void {
  const name = `deployer-${part}`;
  const policy = new iam.Policy(
    name,
    {
      name: `${account.base}-${name}`,
      description: `What a deployer of ${account.base} may do: ${part}`,
      policy: parts.apply((each) => each[part]),
    },
    { ...options, parent: deployer },
  );
  new iam.RolePolicyAttachment(name, { role: deployer.name, policyArn: policy.arn }, { ...options, parent: policy });
}

/** For one text of all of them. */
const parsed = (documents: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(documents).map(([name, text]) => [name, JSON.parse(text) as unknown]));

/** Who may take on a role: jobs of a pipeline whose token says exactly one of these, and nobody else. */
function pipeline({ config, account }: CiNeeds, subjects: string[]): pulumi.Output<string> {
  const given = config.ci.oidcProvider;
  const provider =
    given ?? pulumi.interpolate`arn:${account.partition}:iam::${account.id}:oidc-provider/${github.issuer}`;
  const issuer = given?.replace(/^.*:oidc-provider\//, "") ?? github.issuer;
  return pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: {
          StringEquals: {
            [`${issuer}:aud`]: github.audience,
            // As AWS gives a document back: a list of one is what is in it.
            [`${issuer}:sub`]: subjects.length === 1 ? subjects[0] : subjects,
          },
        },
      },
    ],
  });
}
