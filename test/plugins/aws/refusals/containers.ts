import type { Properties } from "../../protocol/values";
import type { Situation } from "../definition";
import { parsed, type Refusal } from "../refusals";
import { usersOf } from "../resources/balancer";
import { number, text, textsAt, valuesAt } from "../values";

const service = "aws:ecs/service:Service";
const task = "aws:ecs/taskDefinition:TaskDefinition";
const writes = ["create", "update"] as const;

/** Memory in MiB that Fargate has for a number of CPU units: least, most and step (AWS's task size table). */
const sizes: Record<string, readonly [number, number, number]> = {
  "256": [512, 2_048, 512],
  "512": [1_024, 4_096, 1_024],
  "1024": [2_048, 8_192, 1_024],
  "2048": [4_096, 16_384, 1_024],
  "4096": [8_192, 30_720, 1_024],
  "8192": [16_384, 61_440, 4_096],
  "16384": [32_768, 122_880, 8_192],
};

const onFargate = (outs: Properties) => textsAt(outs, "requiresCompatibilities").includes("FARGATE");

const taskOf = ({ outs, rows }: Situation): Properties => rows.get(task, text(outs, "taskDefinition"))?.outs ?? {};

export const containerRefusals: readonly Refusal[] = [
  {
    token: service,
    on: writes,
    code: "InvalidParameterException",
    when: "a service's target group is used by no listener",
    says: ({ outs, rows }) => {
      const alone = textsAt(outs, "loadBalancers.targetGroupArn").find((group) => usersOf(rows, group).length === 0);
      return alone && `The target group with targetGroupArn ${alone} does not have an associated load balancer.`;
    },
  },
  {
    token: service,
    on: writes,
    code: "InvalidParameterException",
    when: "a service's load balancer names a container that its task has not",
    says: (situation) => {
      const containers = textsAt(parsed(taskOf(situation), "containerDefinitions"), "name");
      const strange = textsAt(situation.outs, "loadBalancers.containerName").find((name) => !containers.includes(name));
      if (strange === undefined || containers.length === 0) return undefined;
      return `The container ${strange} does not exist in the task definition.`;
    },
  },
  {
    token: service,
    on: writes,
    code: "InvalidParameterException",
    when: "a service's target group takes instances, and its tasks have addresses of their own",
    says: (situation) => {
      if (taskOf(situation)["networkMode"] !== "awsvpc") return undefined;
      const wrong = textsAt(situation.outs, "loadBalancers.targetGroupArn").find((group) => {
        const type = text(situation.rows.get("aws:lb/targetGroup:TargetGroup", group)?.outs ?? {}, "targetType");
        return type !== "ip";
      });
      return (
        wrong &&
        `The provided target group ${wrong} has target type instance, which is incompatible with the awsvpc network mode specified in the task definition.`
      );
    },
  },
  {
    token: service,
    on: writes,
    code: "InvalidParameterException",
    when: "a service of tasks with addresses of their own has no subnets",
    says: (situation) =>
      taskOf(situation)["networkMode"] === "awsvpc" &&
      textsAt(situation.outs, "networkConfiguration.subnets").length === 0
        ? "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        : undefined,
  },
  {
    token: task,
    on: ["create"],
    code: "ClientException",
    when: "a Fargate task has a size that there isn't",
    says: ({ outs }) => {
      if (!onFargate(outs)) return undefined;
      const [least, most, step] = sizes[text(outs, "cpu")] ?? [Infinity, 0, 1];
      const memory = Number(text(outs, "memory"));
      return memory >= least && memory <= most && memory % step === 0
        ? undefined
        : "No Fargate configuration exists for given values.";
    },
  },
  {
    token: task,
    on: ["create"],
    code: "ClientException",
    when: "a Fargate task has no addresses of its own",
    says: ({ outs }) =>
      onFargate(outs) && outs["networkMode"] !== "awsvpc" ? "Fargate only supports network mode ‘awsvpc’." : undefined,
  },
  {
    token: task,
    on: ["create"],
    code: "ClientException",
    when: "container definitions are not a list of named containers with images",
    says: ({ outs }) => {
      const containers = parsed(outs, "containerDefinitions");
      if (!Array.isArray(containers) || containers.length === 0)
        return "TaskDefinition is missing container definitions.";
      const count = (key: string) => textsAt(containers, key).length;
      return count("name") < containers.length || count("image") < containers.length
        ? "Container.name and Container.image should not be null or empty."
        : undefined;
    },
  },
  {
    token: "aws:appautoscaling/target:Target",
    on: writes,
    code: "ValidationException",
    when: "fewer are the most than are the least",
    says: ({ outs }) =>
      (number(outs, "minCapacity") ?? 0) > (number(outs, "maxCapacity") ?? 0)
        ? "Maximum capacity cannot be less than minimum capacity"
        : undefined,
  },
  {
    token: "aws:appautoscaling/target:Target",
    on: ["create"],
    code: "ValidationException",
    when: "what is to be scaled isn't there",
    says: ({ outs, rows }) => {
      if (outs["serviceNamespace"] !== "ecs") return undefined;
      const [, cluster = "", name = ""] = text(outs, "resourceId").split("/");
      const there = rows
        .all(service)
        .some((row) => row.outs["name"] === name && text(row.outs, "cluster").split("/").at(-1) === cluster);
      return there ? undefined : `ECS service doesn't exist: ${text(outs, "resourceId")}`;
    },
  },
  {
    token: "aws:appautoscaling/policy:Policy",
    on: writes,
    code: "ObjectNotFoundException",
    when: "a scaling policy is for what was never registered to scale",
    says: ({ outs, rows }) =>
      rows
        .all("aws:appautoscaling/target:Target")
        .some((row) =>
          ["serviceNamespace", "resourceId", "scalableDimension"].every((key) => row.outs[key] === outs[key]),
        )
        ? undefined
        : `No scalable target registered for service namespace: ${text(outs, "serviceNamespace")}, resource ID: ${text(outs, "resourceId")}`,
  },
  {
    token: "aws:lambda/function:Function",
    on: ["create"],
    code: "InvalidParameterValueException",
    when: "a function has no code",
    says: ({ outs }) =>
      valuesAt(outs, "code").length + textsAt(outs, "s3Bucket").length + textsAt(outs, "imageUri").length === 0
        ? "Please provide a source for function code."
        : undefined,
  },
];
