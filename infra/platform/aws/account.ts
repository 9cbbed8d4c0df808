import * as aws from "@pulumi/aws/provider";
import { getCallerIdentityOutput } from "@pulumi/aws/getCallerIdentity";
import { getPartitionOutput } from "@pulumi/aws/getPartition";
import * as pulumi from "@pulumi/pulumi";
import { walkTags } from "../../providers/traffic/tags";
import { awsConnection } from "./connection";
import { baseName, tagsOf } from "./names";
import type { AwsConnection } from "./sdk";

/** Where everything of a stack is made: account, region, provider, and how its names begin. */
export interface Account {
  readonly base: string;
  readonly region: string;
  readonly connection: AwsConnection;
  readonly provider: aws.Provider;
  readonly id: pulumi.Output<string>;
  /** `aws`, `aws-cn`, `aws-us-gov`: the second part of every ARN. */
  readonly partition: pulumi.Output<string>;
}

/**
 * A provider of the stack's own, made of Pulumi's `aws:` config. It leaves the tags of a walk alone: a walk writes them on
 * the listener and takes them off again, and neither is a change of the stack.
 */
export function awsAccount(): Account {
  const connection = awsConnection();
  const [project, stack] = [pulumi.getProject(), pulumi.getStack()];
  const { ignoreTags = {}, defaultTags = {}, ...args } = configured();
  const provider = new aws.Provider("aws", {
    ...args,
    region: connection.region,
    defaultTags: { ...defaultTags, tags: { ...tagsOf(project, stack), ...defaultTags.tags } },
    ignoreTags: { ...ignoreTags, keyPrefixes: [...(ignoreTags.keyPrefixes ?? []), ...walkPrefixes] },
  });
  // Asked once somebody wants to know: what is still on its way when the plan is refused would be a second error.
  let [id, partition]: [Account["id"]?, Account["partition"]?] = [];
  return {
    base: baseName(project, stack),
    region: connection.region,
    connection,
    provider,
    get id() {
      return (id ??= getCallerIdentityOutput({}, { provider }).accountId);
    },
    get partition() {
      return (partition ??= getPartitionOutput({}, { provider }).partition);
    },
  };
}

/** Each key that a walk uses; a prefix of one covers the others that begin with it. */
const walkPrefixes = [walkTags.walk, walkTags.abort];

interface Tags {
  tags?: Record<string, string>;
}
interface IgnoredTags {
  keys?: string[];
  keyPrefixes?: string[];
}

/** Every key of `aws:`, as the provider takes it: structured ones come as JSON. */
function configured(): Omit<aws.ProviderArgs, "defaultTags" | "ignoreTags"> & {
  defaultTags?: Tags;
  ignoreTags?: IgnoredTags;
} {
  const own = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith("aws:"));
  return Object.fromEntries(own.map(([key, text]) => [key.slice("aws:".length), structured(text)]));
}

function structured(text: string): unknown {
  if (!/^\s*[[{]|^(true|false)$/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
