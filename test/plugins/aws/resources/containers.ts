import type { Definition } from "../definition";
import { arn } from "../identifiers";
import { between } from "../limits";
import { text } from "../values";

/** A cluster's name, of its name or ARN. */
const clusterName = (cluster: string): string => cluster.split("/").at(-1) || "default";

/** The scalable things have ids of several parts. */
const scalable = (outs: Record<string, unknown>): string =>
  ["serviceNamespace", "resourceId", "scalableDimension"].map((key) => text(outs, key)).join("/");

export const containers: Record<string, Definition> = {
  "aws:ecs/cluster:Cluster": {
    service: "ECS",
    operations: ["CreateCluster", "UpdateCluster", "DeleteCluster"],
    autoName: { property: "name", maximum: 255 },
    id: "arn",
    make: ({ inputs, here }) => ({
      arn: arn(here, "ecs", `cluster/${text(inputs, "name")}`),
      settings: [{ name: "containerInsights", value: "disabled" }],
    }),
  },
  "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {
    service: "ECS",
    operations: ["PutClusterCapacityProviders", "PutClusterCapacityProviders", "PutClusterCapacityProviders"],
    id: "clusterName",
    make: () => ({}),
  },
  "aws:ecs/taskDefinition:TaskDefinition": {
    service: "ECS",
    operations: ["RegisterTaskDefinition", "TagResource", "DeregisterTaskDefinition"],
    // One id for all revisions, as the official plugin has it: each is told by its ARN.
    id: "family",
    key: "arn",
    make: ({ inputs, here, rows }) => {
      const family = text(inputs, "family");
      const revision = rows.next(`task definition ${family}`);
      const own = arn(here, "ecs", `task-definition/${family}`);
      return {
        arn: `${own}:${revision}`,
        arnWithoutRevision: own,
        revision,
        enableFaultInjection: false,
        networkMode: "bridge",
      };
    },
  },
  "aws:ecs/service:Service": {
    service: "ECS",
    operations: ["CreateService", "UpdateService", "DeleteService"],
    autoName: { property: "name", maximum: 255 },
    id: "arn",
    check: (inputs) => between(inputs, "desiredCount", 0, 5_000),
    make: ({ inputs, here }) => ({
      arn: arn(here, "ecs", `service/${clusterName(text(inputs, "cluster"))}/${text(inputs, "name")}`),
      cluster: arn(here, "ecs", "cluster/default"),
      iamRole: "/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
      launchType: "EC2",
      platformVersion: inputs["launchType"] === "FARGATE" ? "LATEST" : "",
      triggers: {},
    }),
  },
  "aws:appautoscaling/target:Target": {
    service: "Application Auto Scaling",
    operations: ["RegisterScalableTarget", "RegisterScalableTarget", "DeregisterScalableTarget"],
    id: (outs) => text(outs, "resourceId"),
    make: ({ here, rows }) => ({
      arn: arn(here, "application-autoscaling", `scalable-target/${rows.next("scalable target")}`),
      roleArn: `arn:aws:iam::aws:role/aws-service-role/ecs.application-autoscaling.amazonaws.com`,
      suspendedState: {
        dynamicScalingInSuspended: false,
        dynamicScalingOutSuspended: false,
        scheduledScalingSuspended: false,
      },
    }),
    deleted: (row, rows) => {
      for (const policy of rows.all("aws:appautoscaling/policy:Policy"))
        if (scalable(policy.outs) === scalable(row.outs)) rows.remove(policy.token, policy.id);
    },
  },
  "aws:appautoscaling/policy:Policy": {
    service: "Application Auto Scaling",
    operations: ["PutScalingPolicy", "PutScalingPolicy", "DeleteScalingPolicy"],
    autoName: { property: "name", maximum: 255 },
    id: "name",
    make: ({ inputs, here }) => ({
      alarmArns: [],
      arn: arn(
        here,
        "autoscaling",
        `scalingPolicy:resource/ecs/${text(inputs, "resourceId")}:policyName/${text(inputs, "name")}`,
      ),
    }),
  },
  "aws:ecr/repository:Repository": {
    service: "ECR",
    operations: ["CreateRepository", "PutImageTagMutability", "DeleteRepository"],
    autoName: { property: "name", maximum: 256 },
    id: "name",
    make: ({ inputs, here }) => {
      const own = arn(here, "ecr", `repository/${text(inputs, "name")}`);
      const registryId = own.split(":")[4] ?? "";
      return {
        arn: own,
        registryId,
        repositoryUrl: `${registryId}.dkr.ecr.${here.region}.amazonaws.com/${text(inputs, "name")}`,
      };
    },
  },
  "aws:ecr/lifecyclePolicy:LifecyclePolicy": {
    service: "ECR",
    operations: ["PutLifecyclePolicy", "PutLifecyclePolicy", "DeleteLifecyclePolicy"],
    id: "repository",
    make: ({ inputs, here }) => ({ registryId: arn(here, "ecr", text(inputs, "repository")).split(":")[4] }),
  },
  "aws:lambda/function:Function": {
    service: "Lambda",
    operations: ["CreateFunction", "UpdateFunctionCode", "DeleteFunction"],
    autoName: { property: "name", maximum: 64 },
    id: "name",
    moving: ["lastModified", "qualifiedArn", "qualifiedInvokeArn", "version"],
    check: (inputs) => [...between(inputs, "timeout", 1, 900), ...between(inputs, "memorySize", 128, 32_768)],
    make: ({ inputs, here }) => {
      const own = arn(here, "lambda", `function:${text(inputs, "name")}`);
      const invoke = (of: string, by: string) =>
        `arn:aws:apigateway:${here.region}:lambda:path/2015-03-31/functions/${of}/${by}`;
      return {
        arn: own,
        invokeArn: invoke(own, "invocations"),
        lastModified: new Date().toISOString(),
        qualifiedArn: `${own}:$LATEST`,
        qualifiedInvokeArn: invoke(`${own}:$LATEST`, "invocations"),
        responseStreamingInvokeArn: invoke(own, "response-streaming-invocations"),
        signingJobArn: "",
        signingProfileVersionArn: "",
        sourceCodeSize: 1_024,
        version: "$LATEST",
        architectures: ["x86_64"],
        ephemeralStorage: { size: 512 },
        loggingConfig: { logFormat: "Text", logGroup: `/aws/lambda/${text(inputs, "name")}` },
        tracingConfig: { mode: "PassThrough" },
      };
    },
    remake: () => ({ lastModified: new Date().toISOString() }),
  },
  "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {
    service: "Lambda",
    operations: ["PutFunctionEventInvokeConfig", "PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"],
    id: (outs) => [text(outs, "functionName"), text(outs, "qualifier")].filter(Boolean).join(":"),
    check: (inputs) => [
      ...between(inputs, "maximumRetryAttempts", 0, 2),
      ...between(inputs, "maximumEventAgeInSeconds", 60, 21_600),
    ],
    make: () => ({}),
  },
  "aws:lambda/permission:Permission": {
    service: "Lambda",
    operations: ["AddPermission", "AddPermission", "RemovePermission"],
    autoName: { property: "statementId", maximum: 100 },
    id: "statementId",
    make: () => ({}),
  },
};
