import { allowed, given, text, type Rule } from "./aws-policy.rules";

const lambda = "lambda/function:Function";

/** The baseline's rules about functions and what calls them. */
export const collectorRules: readonly Rule[] = [
  {
    ids: ["CKV_AWS_115"],
    type: lambda,
    says: "has a limit of its own of calls at once",
    holds: given("reservedConcurrentExecutions"),
  },
  {
    ids: ["CKV_AWS_117", "Lambda.3"],
    type: lambda,
    says: "is in private subnets, in a group of its own",
    holds: ({ inputs }) =>
      !text(inputs.vpcConfig).includes("public") &&
      text(inputs.vpcConfig).includes('"securityGroupIds":["collector-id"]'),
  },
  {
    ids: ["Lambda.5"],
    type: lambda,
    says: "is in two zones or more",
    // Of those that are in a network.
    holds: ({ inputs }) =>
      inputs.vpcConfig === undefined || (inputs.vpcConfig as { subnetIds: unknown[] }).subnetIds.length >= 2,
  },
  {
    ids: ["Lambda.2", "CKV_AWS_363"],
    type: lambda,
    says: "has a runtime that AWS still mends",
    holds: ({ inputs }) => ["nodejs22.x", "nodejs24.x"].includes(inputs.runtime as string),
  },
  {
    ids: ["CKV_AWS_173"],
    type: lambda,
    says: "encrypts its variables with a key of the stack",
    holds: given("kmsKeyArn"),
  },
  {
    ids: ["CKV_AWS_45"],
    type: lambda,
    says: "has no secret among its variables",
    holds: ({ name, inputs }) =>
      !/password"|"AWS_|mock-password/i.test(text(inputs.environment)) &&
      (name !== "collector" || text(inputs.environment).includes('"SECRET":"arn:')),
  },
  {
    ids: ["CKV_AWS_50", "Lambda.7"],
    type: lambda,
    says: "is traced",
    holds: ({ inputs }) => text(inputs.tracingConfig).includes('"Active"'),
  },
  {
    ids: ["CKV_AWS_116"],
    type: lambda,
    says: "keeps calls that failed",
    holds: given("deadLetterConfig", "targetArn"),
  },
  { ids: ["CKV_AWS_272"], type: lambda, says: "runs signed code alone", holds: given("codeSigningConfigArn") },
  {
    ids: ["Lambda.1"],
    type: lambda,
    says: "is called by its schedule's role alone: nothing else is let in by the function itself",
    holds: ({ name }, { resources }) =>
      !resources.some(({ type }) => type === "aws:lambda/permission:Permission") &&
      resources.some(
        (each) =>
          each.type === "aws:iam/rolePolicy:RolePolicy" &&
          allowed(each).some(
            ({ Action, Resource }) => Action === "lambda:InvokeFunction" && text(Resource).endsWith(`/${name}"`),
          ),
      ),
  },
  {
    ids: ["CKV_AWS_297"],
    type: "scheduler/schedule:Schedule",
    says: "encrypts what it hands over with a key of the stack",
    holds: given("kmsKeyArn"),
  },
];
