import type { Failure } from "../protocol/plugin";
import type { Properties } from "../protocol/values";
import { Account, accountId } from "./account";
import type { Place } from "./kind";
import { configKeys } from "./shapes";
import { textsAt } from "./values";

/** The file of the account that the stand-in works on: an environment variable, as no property of the real one fits. */
export const accountVariable = "SWITCHYARD_AWS_ACCOUNT";

/** What the engine itself adds. */
const ofEngine = ["version", "__internal", "pluginDownloadURL"];

export const checkConfig = (args: Properties): Failure[] =>
  Object.keys(args)
    .filter((key) => !configKeys().has(key) && !ofEngine.includes(key))
    .map((property) => ({
      property,
      reason: `there is no such property; there are ${[...configKeys().keys()].join(", ")}`,
    }));

/** @throws {Error} when it doesn't know the region, or where the account is */
export function configure(args: Properties, environment: NodeJS.ProcessEnv): Place {
  const region = args["region"] ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"];
  if (typeof region !== "string" || region === "")
    throw new Error("found no region, expected one: set aws:region, or AWS_REGION in the environment");
  const file = environment[accountVariable];
  if (file === undefined || file === "")
    throw new Error(
      `the stand-in for aws keeps an account in a file and was told of none: set ${accountVariable} to its path, ` +
        "or install the official plugin",
    );
  const ids = textsAt(plain(args["allowedAccountIds"]), "values");
  if (ids.length > 0 && !ids.includes(accountId))
    throw new Error(`AWS account ID not allowed: ${accountId} is none of ${ids.join(", ")} (aws:allowedAccountIds)`);
  const { tags = {} } = (plain(args["defaultTags"])["values"] ?? {}) as { tags?: Record<string, string> };
  const ignored = (plain(args["ignoreTags"])["values"] ?? {}) as { keys?: string[]; keyPrefixes?: string[] };
  const ignoredTags = { keys: ignored.keys ?? [], prefixes: ignored.keyPrefixes ?? [] };
  return { account: new Account(file), here: { region, defaultTags: tags, ignoredTags } };
}

/** The engine hands on what is no string as JSON. */
const plain = (value: unknown): Properties => ({
  values: typeof value === "string" ? (JSON.parse(value) as unknown) : value,
});
