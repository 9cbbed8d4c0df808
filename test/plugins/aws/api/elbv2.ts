import type { Properties } from "../../protocol/values";
import type { Row, Rows } from "../account";
import { AwsError } from "../errors";
import { refusal } from "../refusals";
import { liveTags } from "../tags";
import { number, text, textsAt } from "../values";
import { copiesOf } from "./ecs";

const listener = "aws:lb/listener:Listener";
const taggable = [listener, "aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"];
const nowhere = { region: "", defaultTags: {}, ignoredTags: { keys: [], prefixes: [] } };

/** An action as the API has it, of one as the program has it. */
const toApi = (action: Properties): Properties => {
  const forward = action["forward"] as Properties | undefined;
  const stickiness = forward?.["stickiness"] as Properties | undefined;
  return {
    Type: action["type"],
    TargetGroupArn: action["targetGroupArn"],
    ForwardConfig: forward && {
      TargetGroups: (forward["targetGroups"] as Properties[]).map((group) => ({
        TargetGroupArn: group["arn"],
        Weight: group["weight"],
      })),
      TargetGroupStickinessConfig: stickiness && {
        Enabled: stickiness["enabled"] ?? false,
        DurationSeconds: stickiness["duration"],
      },
    },
  };
};

/** The reverse; what else the action held before (a redirect, say) stays as it is. */
const fromApi = (action: Properties, before: Properties = {}): Properties => {
  const config = action["ForwardConfig"] as Properties | undefined;
  const sticky = config?.["TargetGroupStickinessConfig"] as Properties | undefined;
  const forward = config && {
    targetGroups: ((config["TargetGroups"] ?? []) as Properties[]).map((group) => ({
      arn: group["TargetGroupArn"],
      weight: Number(group["Weight"] ?? 1),
    })),
    ...(sticky && {
      stickiness: {
        enabled: sticky["Enabled"] === "true",
        ...(sticky["DurationSeconds"] !== undefined && { duration: Number(sticky["DurationSeconds"]) }),
      },
    }),
  };
  const rest = Object.entries(before).filter(([key]) => !["forward", "targetGroupArn"].includes(key));
  return {
    ...Object.fromEntries(rest),
    type: action["Type"],
    ...(action["TargetGroupArn"] !== undefined && { targetGroupArn: action["TargetGroupArn"] }),
    ...(forward && { forward }),
  };
};

const described = ({ id, outs }: Row): Properties => ({
  ListenerArn: id,
  LoadBalancerArn: outs["loadBalancerArn"],
  Port: outs["port"],
  Protocol: outs["protocol"],
  SslPolicy: outs["sslPolicy"],
  DefaultActions: (outs["defaultActions"] as Properties[]).map(toApi),
});

function listenerRow(rows: Rows, arn: string): Row {
  const row = rows.get(listener, arn);
  if (row === undefined) throw new AwsError("ListenerNotFound", `One or more listeners not found`);
  return row;
}

function tagged(rows: Rows, arn: string): Row {
  const row = taggable.map((token) => rows.get(token, arn)).find((each) => each !== undefined);
  if (row !== undefined) return row;
  throw new AwsError(arn.includes(":listener/") ? "ListenerNotFound" : "LoadBalancerNotFound", `'${arn}' not found`);
}

const retag = (rows: Rows, arn: string, tags: Record<string, string>): void => {
  const row = tagged(rows, arn);
  rows.put({ ...row, outs: { ...row.outs, tagsAll: tags } });
};

/** What the program asks Elastic Load Balancing while it runs, over the account that the plugin keeps. */
export const elbv2: Record<string, (parameters: Properties, rows: Rows) => Properties> = {
  DescribeListeners: (parameters, rows) => {
    const balancer = text(parameters, "LoadBalancerArn");
    const arns = textsAt(parameters, "ListenerArns");
    if (arns.length > 0) return { Listeners: arns.map((arn) => described(listenerRow(rows, arn))) };
    if (rows.get("aws:lb/loadBalancer:LoadBalancer", balancer) === undefined)
      throw new AwsError("LoadBalancerNotFound", `Load balancer '${balancer}' not found`);
    const own = rows.all(listener).filter(({ outs }) => outs["loadBalancerArn"] === balancer);
    return { Listeners: own.map(described) };
  },
  ModifyListener: (parameters, rows) => {
    const row = listenerRow(rows, text(parameters, "ListenerArn"));
    const before = row.outs["defaultActions"] as Properties[];
    const wanted = (parameters["DefaultActions"] as Properties[] | undefined)?.map((action, at) =>
      fromApi(action, before[at]),
    );
    const outs = { ...row.outs, ...(wanted && { defaultActions: wanted }) };
    const error = refusal(listener, { rows, here: nowhere, on: "update", outs, id: row.id, before: row.outs });
    if (error !== undefined) throw error;
    rows.put({ ...row, outs });
    return { Listeners: [described({ ...row, outs })] };
  },
  DescribeTags: (parameters, rows) => ({
    TagDescriptions: textsAt(parameters, "ResourceArns").map((arn) => ({
      ResourceArn: arn,
      Tags: Object.entries(liveTags(tagged(rows, arn).outs)).map(([Key, Value]) => ({ Key, Value })),
    })),
  }),
  AddTags: (parameters, rows) => {
    const added = (parameters["Tags"] as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]);
    for (const arn of textsAt(parameters, "ResourceArns"))
      retag(rows, arn, {
        ...liveTags(tagged(rows, arn).outs),
        ...(Object.fromEntries(added) as Record<string, string>),
      });
    return {};
  },
  RemoveTags: (parameters, rows) => {
    const keys = textsAt(parameters, "TagKeys");
    for (const arn of textsAt(parameters, "ResourceArns")) {
      const stay = Object.entries(liveTags(tagged(rows, arn).outs)).filter(([key]) => !keys.includes(key));
      retag(rows, arn, Object.fromEntries(stay));
    }
    return {};
  },
  // A target for each copy of the services behind the group; how they are is the option "health <group's name>".
  DescribeTargetHealth: (parameters, rows) => {
    const arn = text(parameters, "TargetGroupArn");
    const group = rows.get("aws:lb/targetGroup:TargetGroup", arn)?.outs;
    if (group === undefined) throw new AwsError("TargetGroupNotFound", `One or more target groups not found`);
    const health = rows.option(`health ${text(group, "name")}`) ?? { State: "healthy" };
    const copies = rows
      .all("aws:ecs/service:Service")
      .filter(({ outs }) => textsAt(outs, "loadBalancers.targetGroupArn").includes(arn))
      .reduce((sum, { outs }) => sum + copiesOf(rows, outs).runningCount, 0);
    return {
      TargetHealthDescriptions: Array.from({ length: copies }, (_, at) => ({
        Target: { Id: `10.0.0.${at + 4}`, Port: number(group, "port") ?? 80 },
        TargetHealth: health,
      })),
    };
  },
};
