import { randomUUID } from "node:crypto";
import { accountId } from "../account";
import type { Definition } from "../definition";
import { arn } from "../identifiers";
import { oneOf } from "../limits";
import { text } from "../values";

/** Protocols whose endpoint has to confirm: until it does, AWS knows the subscription as pending. */
const confirmed = new Set(["lambda", "sqs", "sms", "firehose"]);

export const messages: Record<string, Definition> = {
  "aws:sns/topic:Topic": {
    service: "SNS",
    operations: ["CreateTopic", "SetTopicAttributes", "DeleteTopic"],
    autoName: { property: "name", maximum: 256 },
    id: "arn",
    make: ({ inputs, here }) => ({
      arn: arn(here, "sns", text(inputs, "name")),
      beginningArchiveTime: "",
      owner: accountId,
      fifoThroughputScope: "",
      signatureVersion: 0,
      tracingConfig: "",
      policy: "",
    }),
    deleted: ({ id }, rows) => {
      for (const subscription of rows.all("aws:sns/topicSubscription:TopicSubscription"))
        if (subscription.outs["topic"] === id) rows.remove(subscription.token, subscription.id);
    },
  },
  "aws:sns/topicSubscription:TopicSubscription": {
    service: "SNS",
    operations: ["Subscribe", "SetSubscriptionAttributes", "Unsubscribe"],
    id: "arn",
    check: (inputs) =>
      oneOf(inputs, "protocol", [
        "application",
        "email",
        "email-json",
        "firehose",
        "http",
        "https",
        "lambda",
        "sms",
        "sqs",
      ]),
    make: ({ inputs }) => ({
      arn: `${text(inputs, "topic")}:${randomUUID()}`,
      confirmationWasAuthenticated: confirmed.has(text(inputs, "protocol")),
      ownerId: accountId,
      pendingConfirmation: !confirmed.has(text(inputs, "protocol")) && inputs["endpointAutoConfirms"] !== true,
      filterPolicyScope: "",
    }),
  },
  "aws:sns/topicPolicy:TopicPolicy": {
    service: "SNS",
    operations: ["SetTopicAttributes", "SetTopicAttributes", "SetTopicAttributes"],
    id: "arn",
    make: () => ({ owner: accountId }),
  },
};
