import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { engineHome } from "../../../tools/project.cjs";
import { installStandIns } from "../install.cjs";
import { accountVariable } from "./config";

/** The file of the account in such a folder. */
export const accountIn = (folder: string): string => join(folder, "account.db");

/**
 * The environment in which the engine finds stand-ins for all plugins, and the program an AWS that is none.
 * @param folder a temporary one; the account is in it, and the home of the plugins
 * @param apiUrl of an AwsApi over that account, for programs that call AWS themselves
 */
export function standInEnvironment(folder: string, apiUrl?: string): NodeJS.ProcessEnv {
  const home = join(folder, "home");
  if (!existsSync(home)) {
    mkdirSync(home);
    symlinkSync(join(engineHome(), "versions"), join(home, "versions"));
    installStandIns(home, ["aws", "command", "postgresql"]);
  }
  return {
    PULUMI_HOME: home,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_CONFIG_PASSPHRASE: "test",
    [accountVariable]: accountIn(folder),
    // No account's: nothing here checks them, and no other tool should be let in by them.
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "eu-west-1",
    ...(apiUrl !== undefined && { AWS_ENDPOINT_URL: apiUrl }),
  };
}
