import type { Caller } from "../lambda/call";
import { patiently } from "../lambda/patient";
import type { Message } from "./text";

/**
 * One message, in the form that each kind of subscriber reads. AWS Chatbot, by which Slack comes, subscribes by HTTPS and drops what
 * is no message of AWS's own and not in the form of "Custom notifications" (its guide): so whoever subscribes by HTTPS gets that
 * form. A telephone gets the subject.
 */
export const formsOf = ({ subject, text, short }: Message) => ({
  default: text,
  sms: subject,
  https: JSON.stringify({
    ...{ version: "1.0", source: "custom" },
    content: { textType: "client-markdown", title: subject, description: short },
  }),
});

/**
 * @param topic ARN
 * @returns SNS's id of the message
 * @throws with what AWS answered
 */
export async function publish(topic: string, message: Message, endpoint: string, caller: Caller): Promise<string> {
  const body = new URLSearchParams({
    ...{ Action: "Publish", Version: "2010-03-31", TopicArn: topic, Subject: message.subject },
    ...{ MessageStructure: "json", Message: JSON.stringify(formsOf(message)) },
  });
  const { text } = await patiently(
    `a message to ${topic}`,
    {
      ...{ service: "sns", endpoint, body: body.toString() },
      headers: { "content-type": "application/x-www-form-urlencoded" },
    },
    caller,
  );
  return /<MessageId>([^<]+)</.exec(text)?.[1] ?? "without an id";
}
