import packageJson from "../../../package.json";
import { serve } from "../protocol/serve";
import { checkConfig, readSettings } from "./config";
import { database } from "./database";
import { defaultPrivileges } from "./default-privileges";
import { extension } from "./extension";
import { grant } from "./grant";
import { grantRole } from "./grant-role";
import { kind } from "./kind";
import { role } from "./role";
import { Server } from "./server";
import { types } from "./types";

/*
 * A stand-in for the official plugin `postgresql`, where that one can't be had: it does the same work, with the same
 * statements, ids and rules for what is replaced. Its model is cyrilgdn/terraform-provider-postgresql.
 */
let configured: Server | undefined;

function server(): Server {
  if (configured === undefined) throw new Error("the engine asked for work before it configured the plugin");
  return configured;
}

serve(
  {
    name: "postgresql",
    version: packageJson.dependencies["@pulumi/postgresql"],
    acceptsSecrets: false,
    checkConfig,
    configure: (args) => {
      configured = new Server(readSettings(args));
    },
    kinds: {
      [types.database]: kind(server, database),
      [types.defaults]: kind(server, defaultPrivileges),
      [types.extension]: kind(server, extension),
      [types.grant]: kind(server, grant),
      [types.grantRole]: kind(server, grantRole),
      [types.role]: kind(server, role),
    },
  },
  process.argv.slice(2),
).catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
