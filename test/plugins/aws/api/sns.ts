import type { Properties } from "../../protocol/values";
import type { Rows } from "../account";
import { AwsError } from "../errors";
import { text } from "../values";

/** A message as a topic took it. */
export interface Published {
  readonly subject: string;
  /** By kind of subscriber, where it was published so; else `default` alone. */
  readonly forms: Readonly<Record<string, string>>;
}

/** Bytes of a message (quotas of SNS). */
const most = 262_144;

const option = (topic: string): string => `messages of ${topic}`;

/** The oldest first. */
export const publishedTo = (rows: Rows, topic: string): Published[] =>
  (rows.option(option(topic)) ?? []) as Published[];

const invalid = (what: string): AwsError => new AwsError("InvalidParameter", `Invalid parameter: ${what}`, 400);

/** By the API reference of Publish: what it says of Subject, Message and MessageStructure. */
function publish(parameters: Properties, rows: Rows): Properties {
  const [topic, subject, message] = ["TopicArn", "Subject", "Message"].map((key) => text(parameters, key));
  if (topic === undefined || rows.get("aws:sns/topic:Topic", topic) === undefined)
    throw new AwsError("NotFound", "Topic does not exist", 404);
  if (subject === undefined || !/^[A-Za-z0-9!-/:-@[-`{-~][ -~]{0,98}$/.test(subject)) throw invalid("Subject");
  if (message === undefined || message === "") throw invalid("Empty message");
  if (Buffer.byteLength(message) > most) throw invalid("Message too long");
  const forms = parameters["MessageStructure"] === "json" ? formsIn(message) : { default: message };
  rows.setOption(option(topic), [...publishedTo(rows, topic), { subject, forms }]);
  return { MessageId: `00000000-0000-4000-8000-${String(rows.next("message")).padStart(12, "0")}` };
}

function formsIn(message: string): Record<string, string> {
  let forms: unknown;
  try {
    forms = JSON.parse(message);
  } catch {
    throw invalid("Message Structure - JSON message body failed to parse");
  }
  const isText = Object.values(forms as object).every((form) => typeof form === "string");
  if (!isText || !Object.hasOwn(forms as object, "default")) throw invalid("Message Structure - No default entry in JSON message body"); // prettier-ignore
  return forms as Record<string, string>;
}

/** What the program's functions ask SNS while they run. */
export const sns = { Publish: publish };
