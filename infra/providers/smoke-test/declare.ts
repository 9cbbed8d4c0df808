import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { colours, type Config } from "../../config";
import type { PreviewListener } from "../../platform";
import { declareRelease } from "../rollout-plan/declare";
import type { RolloutPlan } from "../rollout-plan/resource";
import { SmokeTest } from "./resource";

/** What a colour is asked, in the form that providers take. */
export function smokeOf({ smoke, secretKeys }: Config) {
  const requests = JSON.stringify(smoke.requests);
  return {
    requests: secretKeys.includes("smoke") ? pulumi.secret(requests) : requests,
    healthWait: smoke.healthWait as number,
  };
}

/**
 * What the colour that is about to gain traffic has to show: the declared requests, then the team's own command.
 * @returns what an advance waits for.
 */
export function declareSmoke(
  config: Config,
  plan: RolloutPlan,
  preview: PreviewListener,
  after: pulumi.Resource[],
): pulumi.Resource[] {
  const releases = Object.fromEntries(colours.map((colour) => [colour, declareRelease(config, colour)]));
  const smoked = new SmokeTest(
    "smoke-test",
    {
      attempt: plan.attempt,
      colour: plan.gaining,
      release: plan.gaining.apply((colour) => {
        const release = releases[colour];
        return release ? { version: release.version, fingerprint: release.fingerprint } : undefined;
      }),
      previewUrl: preview.url,
      header: preview.header,
      ...smokeOf(config),
    },
    { dependsOn: after },
  );
  const own = config.smoke.command;
  if (own === undefined) return [smoked];
  // Run again when another colour or release has shown what the requests ask, and not otherwise.
  const subject = smoked.smoked.apply((last) => last ?? null);
  const ran = new command.local.Command(
    "smoke-command",
    {
      create: `if [ -n "$SMOKE_COLOUR" ]; then\n${own}\nfi`,
      dir: "..",
      environment: {
        SMOKE_URL: preview.url,
        SMOKE_HEADER: preview.header,
        SMOKE_COLOUR: subject.apply((last) => last?.colour ?? ""),
        SMOKE_RELEASE: subject.apply((last) => last?.version ?? ""),
      },
      triggers: [subject.apply((last) => last?.attempt ?? "")],
    },
    { dependsOn: smoked },
  );
  return [smoked, ran];
}
