import packageJson from "../../../package.json";
import { serve } from "../protocol/serve";
import { localCommand } from "./local-command";

/*
 * A stand-in for the official plugin `command`, where that one can't be had: it runs the same commands in the same way.
 * Its model is pulumi/pulumi-command; commands on other machines, and files as outputs, it does not have.
 */
serve(
  {
    name: "command",
    version: packageJson.dependencies["@pulumi/command"],
    acceptsSecrets: true,
    checkConfig: (args) =>
      Object.keys(args)
        .filter((key) => !["version", "__internal"].includes(key))
        .map((property) => ({ property, reason: "there is no such property; the provider has none" })),
    configure: () => undefined,
    kinds: { "command:local:Command": localCommand },
  },
  process.argv.slice(2),
).catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
