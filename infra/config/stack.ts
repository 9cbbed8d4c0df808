import * as pulumi from "@pulumi/pulumi";
import type { Config } from "./config";
import { loadConfig } from "./load";
import { ConfigError } from "./message";

/** `pulumi.runtime` has this, but its declarations leave it out as internal; it is what `Config.get` itself asks. */
type WithSecrets = typeof pulumi.runtime & { isConfigSecret?: (key: string) => boolean };

/**
 * Reads the config of the stack that the engine is running.
 * @throws pulumi.RunError with every problem at once. The engine prints the message of a RunError without a stack trace,
 *   and ends with an exit code other than 0 before anything is changed.
 */
export function readStackConfig(): Config {
  const raw = pulumi.runtime.allConfig();
  const { isConfigSecret }: WithSecrets = pulumi.runtime;
  if (isConfigSecret === undefined) {
    throw new Error("this version of @pulumi/pulumi does not say which config is secret: use the pinned one (npm ci)");
  }
  try {
    const secretKeys = Object.keys(raw).filter((key) => isConfigSecret(key));
    return loadConfig(raw, { stack: pulumi.getStack(), project: pulumi.getProject() }, secretKeys);
  } catch (error) {
    if (error instanceof ConfigError) throw new pulumi.RunError(error.message);
    throw error;
  }
}
