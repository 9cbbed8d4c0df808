// The function that tells once a day which alarms of severity low fired. It is bundled into one file (lambda/bundle.ts) and is all
// that runs in AWS of this folder.

import { endpointOf, ownCaller, variable as anyVariable } from "../lambda/environment";
import { CloudWatch } from "./cloudwatch";
import { dayOf } from "./day";
import { Look } from "./look";
import { publish } from "./publish";
import { messageOf } from "./text";
import { OwnLog, toldUntil } from "./told";

/** What the function is declared with (platform/aws/digest.ts), beside what Lambda adds by itself. */
export interface DigestEnvironment {
  /** How the names of the stack begin. */
  readonly BASE: string;
  /** ARN of the topic that alarms of severity low tell. */
  readonly LOW_TOPIC: string;
  /** ARN of the topic that the digest goes to. */
  readonly TOPIC: string;
}

/**
 * One digest. Where nothing fired nothing is told. It publishes once all is known, and then notes until when it has told: whatever failed
 * can be done again.
 * @param event `{ "time": … }`, when it was scheduled for
 * @throws what was in the way, which Lambda writes to the log; the alarm `digest-failed` does the rest
 */
export async function handler(event: unknown): Promise<void> {
  const caller = ownCaller();
  const log = new OwnLog(anyVariable("AWS_LAMBDA_LOG_GROUP_NAME"), endpointOf("logs", "CLOUDWATCH_LOGS", caller.region), caller); // prettier-ignore
  const day = await log.sinceLast(dayOf(event, Date.now()));
  const base = variable("BASE");
  const cloudwatch = new CloudWatch(endpointOf("monitoring", "CLOUDWATCH", caller.region), caller);
  const fired = await new Look(day, cloudwatch, { base, topic: variable("LOW_TOPIC") }).fired();
  if (fired.length > 0) {
    const message = messageOf(base, day, fired);
    const id = await publish(variable("TOPIC"), message, endpointOf("sns", "SNS", caller.region), caller);
    console.log(`told of ${fired.length} by message ${id}`);
  }
  console.log(toldUntil(day.to));
}

/** A variable that the function is declared with. */
const variable = (name: keyof DigestEnvironment): string => anyVariable(name);
