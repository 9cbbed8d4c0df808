import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { boundaryStatements } from "../../infra/platform/aws/ci-boundary";
import { deployerStatements } from "../../infra/platform/aws/ci-deployer";
import { previewerStatements, type CiScope } from "../../infra/platform/aws/ci-policies";
import type { Statement } from "../../infra/platform/aws/policy";

const arn = (service: string, rest: string) => `arn:aws:${service}:eu-west-1:000000000000:${rest}`;
const scope: CiScope = {
  ...{ base: "pages-staging", project: "pages", stack: "staging" },
  ...{ region: "eu-west-1", account: "000000000000", partition: "aws" },
  masterSecret: arn("secretsmanager", "secret:rds!db-0a1b"),
  ...{ secretsKey: arn("kms", "key/1"), bastion: false, certificate: arn("acm", "certificate/1") },
};

const listener = arn("elasticloadbalancing", "listener/app/pages-staging/1/2");
const objects = "arn:aws:s3:::pages-staging-store-0a1b/pages/dump";
const snapshot = arn("rds", "snapshot:pages-staging-20261121t081459z-0a1b2c3d");

/**
 * Each call of AWS that our own code makes, with what AWS takes it for (Service Authorization Reference: the resource types of
 * the action's row; "*" where it has none), and whether a preview makes it.
 */
const calls: Record<string, { of: string[]; preview?: true }> = {
  "cloudwatch:DescribeAlarms": { of: [arn("cloudwatch", "alarm:pages-staging-blue-errors")] },
  "cloudwatch:GetMetricData": { of: ["*"] },
  "cloudwatch:PutMetricData": { of: ["*"] },
  "ecs:DescribeServices": { of: [arn("ecs", "service/pages-staging/pages-staging-blue")], preview: true },
  "ecs:DescribeTasks": { of: [arn("ecs", "task/pages-staging/0a1b")] },
  // Of the machines of a cluster, also where it has none.
  "ecs:ListTasks": { of: [arn("ecs", "container-instance/pages-staging/*")] },
  "ecs:UpdateService": { of: [arn("ecs", "service/pages-staging/pages-staging-blue")] },
  "elasticloadbalancing:AddTags": { of: [listener] },
  "elasticloadbalancing:DescribeListeners": { of: ["*"], preview: true },
  "elasticloadbalancing:DescribeTags": { of: ["*"], preview: true },
  "elasticloadbalancing:DescribeTargetHealth": { of: ["*"], preview: true },
  "elasticloadbalancing:ModifyListener": { of: [listener] },
  "elasticloadbalancing:RemoveTags": { of: [listener] },
  "rds:CreateDBSnapshot": { of: [arn("rds", "db:pages-staging"), snapshot] },
  "rds:DeleteDBSnapshot": { of: [snapshot] },
  "rds:DescribeDBInstanceAutomatedBackups": {
    of: [arn("rds", "db:pages-staging"), arn("rds", "auto-backup:ab-0a1b")],
    preview: true,
  },
  "rds:DescribeDBSnapshots": { of: [arn("rds", "db:pages-staging"), snapshot] },
  "s3:DeleteObject": { of: [objects] },
  // A preview looks into the store too, and does without what it may not read there: it sees what is there.
  "s3:GetObject": { of: [objects] },
  "s3:ListBucket": { of: ["arn:aws:s3:::pages-staging-store-0a1b"], preview: true },
  "s3:PutObject": { of: [objects] },
};

/** What the SDK's own words for a call are in IAM's. */
const prefixes: Record<string, string> = { "elastic-load-balancing-v2": "elasticloadbalancing" };
const others: Record<string, string> = { "s3:ListObjectsV2": "s3:ListBucket" };

/** Every command of the SDK that a file sends; an upload in parts is `PutObject` to IAM. */
function callsIn(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const clients = new Set([...text.matchAll(/@aws-sdk\/client-([a-z0-9-]+)"/g)].map(([, name = ""]) => name));
  const sent = [...text.matchAll(/\bnew \(?(?:sdk(?:\(\))?\.)?(\w+)Command\b/g)].map(([, name = ""]) => name);
  if (sent.length > 0) assert.equal(clients.size, 1, `${file} speaks to ${[...clients].join(" and ")}`);
  const [client = ""] = clients;
  const named = sent.map((name) => `${prefixes[client] ?? client}:${name}`).map((name) => others[name] ?? name);
  return [...named, ...(/\bnew Upload\b/.test(text) ? ["s3:PutObject"] : [])];
}

const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(text);

/** Whether a statement is about it. "*" is what AWS takes for no resource, which only "*" allows. */
const isAbout = ({ actions, resources }: Statement, action: string, resource: string): boolean =>
  actions.some((each) => matches(each, action)) &&
  resources.some((each) => (resource === "*" ? each === "*" : matches(each as string, resource)));

/** Conditions are taken as met: what they ask for, tags, region and namespace, is what the stack's own calls have. */
function allows(statements: readonly Statement[], action: string, resource: string): boolean {
  const about = statements.filter((each) => isAbout(each, action, resource));
  return about.length > 0 && about.every(({ effect = "Allow" }) => effect === "Allow");
}

const deployer = Object.values(deployerStatements(scope)).flat();
const previewer = previewerStatements(scope);

describe("the roles of a pipeline, and what the program asks of AWS", () => {
  const root = join(__dirname, "../../infra");
  const sent = globSync("**/*.ts", { cwd: root }).flatMap((file) => callsIn(join(root, file)));

  it("are compared call by call: each that the code makes is known here, and no other", () => {
    assert.deepEqual([...new Set(sent)].sort(), Object.keys(calls).sort());
  });

  for (const [action, { of, preview }] of Object.entries(calls)) {
    it(`a deployer may call ${action}${preview ? ", and so may a previewer" : ""}`, () => {
      for (const resource of of) {
        assert.ok(allows(deployer, action, resource), `the deployer may not, of ${resource}`);
        if (preview) assert.ok(allows(previewer, action, resource), `the previewer may not, of ${resource}`);
      }
    });
  }

  it("a previewer may do nothing that only an `up` does", () => {
    for (const [action, { of, preview }] of Object.entries(calls))
      if (!preview) for (const resource of of) assert.ok(!allows(previewer, action, resource), action);
  });

  // What the resources of a restore, a snapshot and the collector ask besides, as HashiCorp's provider makes them.
  for (const [what, action, ...of] of [
    ["an instance of a moment", "rds:RestoreDBInstanceToPointInTime", arn("rds", "db:pages-staging-at-20261121081500"), arn("rds", "subgrp:pages-staging"), arn("rds", "pg:pages-staging-15"), arn("rds", "og:default:postgres-15")], // prettier-ignore
    ["its end", "rds:DeleteDBInstance", arn("rds", "db:pages-staging-at-20261121081500")],
    ["its master user", "secretsmanager:CreateSecret", arn("secretsmanager", "secret:rds!db-0a1b2c")],
    ["the copy of a snapshot", "rds:CopyDBSnapshot", arn("rds", "snapshot:pages-staging-seed")],
    ["the collector", "lambda:CreateFunction", arn("lambda", "function:pages-staging-collector")],
    ["its new code", "lambda:UpdateFunctionCode", arn("lambda", "function:pages-staging-collector")],
    ["its concurrency", "lambda:DeleteFunctionConcurrency", arn("lambda", "function:pages-staging-collector")],
    ["its retries", "lambda:PutFunctionEventInvokeConfig", arn("lambda", "function:pages-staging-collector")],
    ["its signing", "lambda:GetFunctionCodeSigningConfig", arn("lambda", "function:pages-staging-collector")],
    ["its role", "iam:PassRole", "arn:aws:iam::000000000000:role/pages-staging-collector"],
    ["its schedule", "scheduler:UpdateSchedule", arn("scheduler", "schedule/default/pages-staging-collector")],
    ["its network", "ec2:DescribeSubnets", "*"],
    ["the name of an endpoint", "route53:AssociateVPCWithHostedZone", "arn:aws:route53:::hostedzone/Z0A1"],
    ["a flow log", "logs:CreateLogDelivery", "*"],
    ["Chatbot's own role", "iam:CreateServiceLinkedRole", "arn:aws:iam::000000000000:role/aws-service-role/management.chatbot.amazonaws.com/AWSServiceRoleForAWSChatbot"], // prettier-ignore
    ["a rule of a security group", "ec2:AuthorizeSecurityGroupIngress", arn("ec2", "security-group/sg-1"), arn("ec2", "security-group-rule/sgr-1")], // prettier-ignore
  ] as const)
    it(`a deployer may make what a stack has: ${what}`, () => {
      for (const resource of of) assert.ok(allows(deployer, action, resource), `${action} of ${resource}`);
    });

  it("a rule that is made has no tags to be known by: it is told by those that are asked for", () => {
    const allowing = deployer.filter((each) => isAbout(each, "ec2:AuthorizeSecurityGroupEgress", arn("ec2", "security-group-rule/sgr-1"))); // prettier-ignore
    const asked = allowing.map(({ condition }) => Object.keys(condition?.StringEquals ?? {}));
    assert.ok(asked.some((keys) => keys.includes("aws:RequestTag/Stack")));
  });

  it("the collector's own role may read its login, and its boundary lets it", () => {
    const boundary = boundaryStatements(scope);
    assert.ok(allows(boundary, "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:pages-staging-monitoring-login-0a1b"))); // prettier-ignore
    assert.ok(allows(boundary, "lambda:InvokeFunction", arn("lambda", "function:pages-staging-collector")));
  });
});
