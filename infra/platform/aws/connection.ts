import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { AwsConnection } from "./sdk";

const role = z.object({
  roleArn: z.string().regex(/^arn:[\w-]+:iam::\d{12}:role\/\S+$/, "expected the ARN of a role"),
  externalId: z.string().min(1).optional(),
  sessionName: z
    .string()
    .regex(/^[\w+=,.@-]{2,64}$/, "expected 2 to 64 letters, digits and _ + = , . @ -")
    .optional(),
});

const read = {
  assumeRoles: z.array(role),
  endpoints: z.union([z.array(z.record(z.string(), z.string())), z.record(z.string(), z.string())]),
};

/** Keys of `aws:` that hold credentials or a way to them that Switchyard's own resources can't take: they are kept in no state. */
const refused = ["accessKey", "secretKey", "token", "assumeRoleWithWebIdentity"] as const;

/**
 * The connection that Pulumi's own `aws:` config declares, so that everything speaks to one account: `aws:region` (or
 * AWS_REGION), `aws:profile`, `aws:assumeRoles` (or `aws:assumeRole`) and `aws:endpoints`.
 * @throws pulumi.RunError that names the key, what was found and what to do.
 */
export function awsConnection(env: NodeJS.ProcessEnv = process.env): AwsConnection {
  const config = new pulumi.Config("aws");
  for (const key of refused)
    if (config.get(key) !== undefined)
      throw new pulumi.RunError(
        `aws:${key} is set, which the AWS provider takes, and a walk of Switchyard can't: credentials are kept in no state. ` +
          `Use aws:profile, aws:assumeRoles, or the environment (AWS_ACCESS_KEY_ID…, AWS_WEB_IDENTITY_TOKEN_FILE), and: pulumi config rm aws:${key}`,
      );
  const region = config.get("region") ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (region === undefined || region === "")
    throw new pulumi.RunError("aws:region is not set, nor AWS_REGION; use: pulumi config set aws:region eu-west-1");
  const profile = config.get("profile");
  const one = config.getObject<unknown>("assumeRole");
  const assumeRoles = parsed(
    "assumeRoles",
    config.getObject<unknown>("assumeRoles") ?? (one === undefined ? [] : [one]),
  );
  const endpoints = parsed("endpoints", config.getObject<unknown>("endpoints") ?? {});
  const merged = Object.fromEntries([endpoints].flat().flatMap((each) => Object.entries(each)));
  return {
    region,
    ...(profile === undefined ? {} : { profile }),
    ...(assumeRoles.length === 0 ? {} : { assumeRoles }),
    ...(Object.keys(merged).length === 0 ? {} : { endpoints: merged }),
  };
}

function parsed<K extends keyof typeof read>(key: K, found: unknown): z.infer<(typeof read)[K]> {
  const result = read[key].safeParse(found);
  if (result.success) return result.data as z.infer<(typeof read)[K]>;
  const problems = result.error.issues.map(({ path, message }) => `aws:${[key, ...path].join(".")}: ${message}`);
  throw new pulumi.RunError(`${problems.join("\n")}\nSee the configuration reference of the AWS provider of Pulumi.`);
}
