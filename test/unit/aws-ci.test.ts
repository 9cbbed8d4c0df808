import assert from "node:assert/strict";
import { boundaryStatements, ciNames } from "../../infra/platform/aws/ci-boundary";
import { deployerStatements as deployerParts } from "../../infra/platform/aws/ci-deployer";
import { previewerStatements, type CiScope } from "../../infra/platform/aws/ci-policies";
import type { Statement } from "../../infra/platform/aws/policy";
import { declarePlatform, type Declared, type Registered } from "../support/aws-mocked";
import { configOf } from "../support/stack-file";

const arn = (service: string, rest: string) => `arn:aws:${service}:eu-west-1:000000000000:${rest}`;
const scope: CiScope = {
  ...{ base: "switchyard-production", project: "switchyard", stack: "production" },
  ...{ region: "eu-west-1", account: "000000000000", partition: "aws" },
  masterSecret: arn("secretsmanager", "secret:rds!db-0a1b"),
  secretsKey: arn("kms", "key/1"),
  ...{ bastion: true, seedInstance: "switchyard-staging", zone: "Z0123456789ABC" },
  waf: arn("wafv2", "regional/webacl/pages/1"),
  certificate: arn("acm", "certificate/1"),
  ...{ stateBucket: "example-state", stateKey: arn("kms", "key/2") },
};

/** Every action of a service of AWS that reads begins like one of these (Service Authorization Reference, level Read or List). */
const reading = /^[a-z0-9-]+:(Describe|Get|List)[A-Za-z]+$|^kms:Decrypt$/;

/** What AWS takes for no resource (Service Authorization Reference: no resource type in the row). */
const withoutResource = [
  /^elasticloadbalancing:Describe/,
  /^ec2:Describe/,
  /^ecs:(Describe\*|DeregisterTaskDefinition|ListTaskDefinitions)$/,
  /^application-autoscaling:Describe\*$/,
  /^cloudwatch:(Describe\*|GetMetricData|PutMetricData)$/,
  /^kms:(ListAliases|CreateKey|TagResource)$/,
  /^logs:(DescribeLogGroups|(Create|Delete)LogDelivery)$/,
  /^rds:Describe\*$/,
  /^sns:GetSubscriptionAttributes$/,
  /^ecr:GetAuthorizationToken$/,
  /^(ssmmessages|ec2messages):\*$/,
  /^ssm:UpdateInstanceInformation$/,
  /^ec2:(Create|Delete)NetworkInterface$/,
  /^ec2:(Una|A)ssignPrivateIpAddresses$/,
];

const deployerStatements = (of: CiScope): Statement[] => Object.values(deployerParts(of)).flat();
const actionsOf = (statements: Statement[]): string[] => statements.flatMap(({ actions }) => [...actions]);

describe("the policies of a pipeline", () => {
  it("let a previewer read, and write nothing: no state, no lock, no weight", () => {
    for (const action of actionsOf(previewerStatements(scope))) assert.match(action, reading);
    assert.deepEqual(previewerStatements(scope).filter(({ effect }) => effect !== undefined), []); // prettier-ignore
  });

  it("let a previewer ask for secrets and state by name alone", () => {
    for (const { sid, actions, resources } of previewerStatements(scope))
      if (actions.some((action) => /^(s3|secretsmanager|kms):/.test(action)) && sid !== "Backups")
        for (const resource of resources) assert.match(resource as string, /^arn:aws:(s3:::example-state(\/\*)?|secretsmanager:.*rds!db-0a1b|kms:.*key\/[12])$/); // prettier-ignore
  });

  it("let a previewer see which backups there are, and neither what is in one nor what else is stored", () => {
    const store = "arn:aws:s3:::switchyard-production-store-*";
    const about = previewerStatements(scope).filter(({ resources }) => resources.some((each) => (each as string).startsWith(store))); // prettier-ignore
    assert.deepEqual(
      about.map(({ actions, resources, condition }) => ({ actions, resources, condition })),
      [{ actions: ["s3:ListBucket"], resources: [store], condition: { StringLike: { "s3:prefix": "backups/*" } } }],
    );
  });

  for (const [who, statements] of [
    ["previewer", previewerStatements(scope)],
    ["deployer (service)", deployerParts(scope).service],
    ["deployer (data)", deployerParts(scope).data],
    ["deployer (roles)", deployerParts(scope).roles],
    ["stack's own role", boundaryStatements(scope)],
  ] as const) {
    it(`name resources wherever AWS takes one, and hold the rest of a ${who} to region, tags or namespace`, () => {
      for (const { sid = "", actions, resources, condition } of statements.filter((each) =>
        each.resources.includes("*"),
      )) {
        for (const action of actions) assert.ok(withoutResource.some((each) => each.test(action)), `${sid}: ${action} on *`); // prettier-ignore
        assert.ok(condition !== undefined, `${sid} has no condition`);
        assert.equal(resources.length, 1);
      }
    });

    it(`of a ${who} are no longer than IAM takes them`, () => {
      const document = JSON.stringify({
        Version: "2012-10-17",
        Statement: statements.map(({ sid, effect = "Allow", actions, resources, condition }) => ({
          ...{ Sid: sid, Effect: effect, Action: actions, Resource: resources, Condition: condition },
        })),
      });
      // A policy of its own (IAM and STS quotas), and room for longer names than these.
      assert.ok(document.length <= 6_144 * 0.9, `${document.length} characters`);
      const sids = statements.map(({ sid }) => sid);
      assert.equal(new Set(sids).size, sids.length, "IAM refuses a name twice");
    });
  }

  it("let a deployer hand on the stack's own roles alone, to the services that they are for", () => {
    const passing = deployerStatements(scope).filter(({ actions, effect }) => effect === undefined && actions.includes("iam:PassRole")); // prettier-ignore
    assert.equal(passing.length, 1);
    const statement = passing[0];
    assert.ok(statement !== undefined);
    assert.deepEqual(statement.resources, ["arn:aws:iam::000000000000:role/switchyard-production-*"]);
    for (const service of Object.values(statement.condition?.StringEquals ?? {}).flat())
      assert.match(service as string, /^[a-z0-9.-]+\.amazonaws\.com$/);
  });

  it("let a deployer change by their tags what has no name, and tag nothing that is not the stack's", () => {
    const statements = deployerStatements(scope);
    const denied = statements.filter(({ effect }) => effect === "Deny").flatMap(({ actions }) => actions);
    for (const service of ["ec2", "kms"]) {
      const any = new RegExp(`:${service}:[^:]*:[^:]*:(\\*|key)/\\*$`);
      for (const { sid, effect, actions, resources, condition } of statements)
        if (effect === undefined && resources.some((each) => any.test(each as string)) && sid !== "NewNetwork")
          assert.ok("aws:ResourceTag/Stack" in (condition?.StringEquals ?? {}), `${sid ?? ""}: ${actions.join()}`);
    }
    for (const action of ["ec2:CreateTags", "ec2:DeleteTags", "kms:TagResource", "kms:UntagResource"])
      assert.ok(denied.includes(action), `${action} is nowhere denied`);
    const made = statements.find(({ sid }) => sid === "NewNetwork")?.actions ?? [];
    for (const action of made) assert.match(action, /^ec2:(Create(Vpc|Subnet|InternetGateway|NatGateway|RouteTable|SecurityGroup|VpcEndpoint|FlowLogs|Tags)|AllocateAddress|RunInstances)$/); // prettier-ignore
  });

  it("let a deployer write policies within the boundary alone, and change no role of the pipeline, nor the boundary", () => {
    const { previewer, deployer, boundary } = ciNames(scope.base);
    for (const { effect, actions, condition } of deployerStatements(scope))
      if (
        effect === undefined &&
        actions.some((action) =>
          /^iam:(\*|CreateRole|PutRolePolicy|AttachRolePolicy|PutRolePermissionsBoundary)$/.test(action),
        )
      )
        assert.deepEqual(condition, {
          StringEquals: { "iam:PermissionsBoundary": `arn:aws:iam::000000000000:policy/${boundary}` },
        });
    const denied = deployerStatements(scope).find(({ sid }) => sid === "NotItsOwn");
    assert.equal(denied?.effect, "Deny");
    assert.deepEqual([...denied.resources].sort(), [
      `arn:aws:iam::000000000000:policy/${boundary}`,
      `arn:aws:iam::000000000000:policy/${deployer}-*`,
      `arn:aws:iam::000000000000:role/${deployer}`,
      `arn:aws:iam::000000000000:role/${previewer}`,
    ]);
    for (const action of actionsOf(boundaryStatements(scope))) assert.doesNotMatch(action, /^(iam|sts|organizations):/);
  });
});

describe("the roles of a pipeline", function () {
  this.timeout(180_000);
  let declared: Declared;
  before(async () => {
    const ci = { github: "example/pages", stateBucket: "example-state" };
    declared = await declarePlatform("production", { ...configOf("production"), ci });
  });

  const role = (name: string, { resources } = declared): Registered => {
    const found = resources.find((each) => each.type === "aws:iam/role:Role" && each.name === name);
    assert.ok(found !== undefined, `there is no role ${name}`);
    return found;
  };
  const trusted = (name: string, all = declared): { Action: string; Principal: unknown; Condition: unknown } => {
    const { Statement } = JSON.parse(role(name, all).inputs.assumeRolePolicy as string) as { Statement: never[] };
    assert.equal(Statement.length, 1);
    return Statement[0] as never;
  };
  const provider = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com";
  const claims = (sub: string | string[]) => ({
    Effect: "Allow",
    Principal: { Federated: provider },
    Action: "sts:AssumeRoleWithWebIdentity",
    Condition: {
      StringEquals: {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": sub,
      },
    },
  });

  it("are taken on by exactly these jobs: pull requests and the branch preview, the environment deploys", () => {
    assert.deepEqual(
      trusted("previewer"),
      claims(["repo:example/pages:pull_request", "repo:example/pages:ref:refs/heads/main"]),
    );
    assert.deepEqual(trusted("deployer"), claims("repo:example/pages:environment:production"));
  });

  it("are taken on by a repository that GitHub names by its ids too", async () => {
    const ci = { github: "example@123456/pages@456789" };
    const withIds = await declarePlatform("staging", { ...configOf("staging"), ci });
    assert.deepEqual(trusted("deployer", withIds), claims("repo:example@123456/pages@456789:environment:staging"));
    for (const github of ["example@123456/pages", "example/pages@456789", "example/pages:*", "*/pages"])
      await assert.rejects(declarePlatform("staging", { ...configOf("staging"), ci: { github } }), /ci\.github/);
  });

  it("last an hour for a preview, and six for a walk and its return", () => {
    assert.equal(role("previewer").inputs.maxSessionDuration, 3_600);
    assert.equal(role("deployer").inputs.maxSessionDuration, 21_600);
  });

  it("leave every other role of the stack within the boundary", () => {
    const roles = declared.resources.filter(({ type }) => type === "aws:iam/role:Role");
    const unbound = roles.filter(({ inputs }) => inputs.permissionsBoundary === undefined).map(({ name }) => name);
    assert.deepEqual(unbound.sort(), ["deployer", "previewer"]);
    assert.ok(roles.length > 5);
  });

  it("are not made, and bind nothing, where config names no repository", async () => {
    const without = await declarePlatform("staging", configOf("staging"));
    const roles = without.resources.filter(({ type }) => type === "aws:iam/role:Role");
    assert.deepEqual(roles.filter(({ name, inputs }) => ["previewer", "deployer"].includes(name) || inputs.permissionsBoundary !== undefined), []); // prettier-ignore
  });

  it("can pass all that the stack makes: each role's name begins as the deployer's policy says", () => {
    for (const { inputs } of declared.resources.filter(({ type }) => type === "aws:iam/role:Role"))
      assert.match(String(inputs.name), /^switchyard-production-/);
  });
});
