import packageJson from "../../../package.json";
import { serve } from "../protocol/serve";
import { checkConfig, configure } from "./config";
import { functions } from "./functions";
import type { Place } from "./kind";
import { kinds } from "./kinds";

/*
 * A stand-in for the official plugin `aws`, and for AWS behind it: it keeps resources in a file, gives the outputs that
 * AWS gives, and refuses what AWS refuses. README.md here says how a test uses it.
 */
let configured: Place | undefined;

function place(): Place {
  if (configured === undefined) throw new Error("the engine asked for work before it configured the plugin");
  return configured;
}

serve(
  {
    name: "aws",
    version: packageJson.dependencies["@pulumi/aws"],
    acceptsSecrets: false,
    checkConfig,
    configure: (args) => {
      configured = configure(args, process.env);
    },
    kinds: kinds(place),
    functions: functions(place),
  },
  process.argv.slice(2),
).catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
