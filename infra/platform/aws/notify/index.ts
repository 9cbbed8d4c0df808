import { createHash } from "node:crypto";
import { SlackChannelConfiguration } from "@pulumi/aws/chatbot/slackChannelConfiguration";
import { Role } from "@pulumi/aws/iam/role";
import { EventSubscription } from "@pulumi/aws/rds/eventSubscription";
import { Topic } from "@pulumi/aws/sns/topic";
import { TopicPolicy } from "@pulumi/aws/sns/topicPolicy";
import { TopicSubscription } from "@pulumi/aws/sns/topicSubscription";
import * as pulumi from "@pulumi/pulumi";
import { namesAnybody, severities, type Channels, type NotifySettings, type Severity } from "../../../config";
import type { Account } from "../account";
import { policyOf, trust, type Statement } from "../policy";

interface NotifyArgs {
  readonly notify: NotifySettings;
  /** Was something of `notify` set with --secret? */
  readonly isSecret: boolean;
  readonly account: Account;
  /** ARN of the key that messages are encrypted with. */
  readonly key: pulumi.Input<string>;
}

/** A topic a severity, and who is told of it: of `low` by a digest, which has a topic of its own. */
export class Notify extends pulumi.ComponentResource {
  /** ARNs. */
  readonly topics: Readonly<Record<Severity, pulumi.Output<string>>>;
  /** ARN of the topic that the digest goes to; undefined where nobody is named for it. */
  readonly digest: pulumi.Output<string> | undefined;
  /** Everything that must be there before somebody publishes. */
  readonly ready: pulumi.Resource[] = [];

  constructor(
    name: string,
    private readonly args: NotifyArgs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Notify", name, {}, options);
    const { critical, high, medium, low } = args.notify;
    this.topics = {
      critical: this.#topic("critical", critical),
      high: this.#topic("high", high),
      medium: this.#topic("medium", medium),
      low: this.#topic("low", undefined),
    };
    this.digest = namesAnybody(low) ? this.#topic("digest", low) : undefined;
    this.#slack();
    this.#eventsOfRds();
    this.registerOutputs({});
  }

  #topic(name: Severity | "digest", told: Channels | undefined): pulumi.Output<string> {
    const { account, key, isSecret } = this.args;
    const topic = new Topic(name, { name: `${account.base}-${name}`, kmsMasterKeyId: key }, { parent: this });
    const publishers = name === "digest" ? [] : publishersOf(topic.arn, account);
    const policy = new TopicPolicy(
      name,
      { arn: topic.arn, policy: policyOf(...publishers, tlsAlone(topic.arn)) },
      { parent: topic },
    );
    this.ready.push(policy);
    const { https = [], sms = [], email = [] } = told ?? {};
    for (const [protocol, endpoints] of Object.entries({ https, sms, email }))
      for (const endpoint of endpoints)
        new TopicSubscription(
          // By the endpoint, so that one more in the list moves no other; of a secret nothing can be told from it.
          `${name}-${protocol}-${createHash("sha256").update(endpoint).digest("hex").slice(0, 8)}`,
          {
            ...{ topic: topic.arn, protocol },
            endpoint: isSecret ? pulumi.secret(endpoint) : endpoint,
            // PagerDuty and its like answer SNS's question by themselves.
            ...(protocol === "https" && { endpointAutoConfirms: true }),
          },
          { parent: topic, dependsOn: policy },
        );
    return topic.arn;
  }

  /** AWS Chatbot takes one configuration a channel, whichever severities go there. */
  #slack(): void {
    const { notify, account, isSecret } = this.args;
    const channels = [...new Set(severities.flatMap((severity) => notify[severity].slack))];
    if (channels.length === 0) return;
    const role = new Role(
      "slack",
      {
        name: `${account.base}-slack`,
        description: "What a channel of Slack may ask of the account: nothing",
        // Nowhere does AWS say that Chatbot names the account it comes for; a role can be handed over within its own alone.
        assumeRolePolicy: trust("chatbot.amazonaws.com"),
      },
      { parent: this },
    );
    for (const channel of channels) {
      const [team = "", id = ""] = channel.split("/");
      const told = severities.filter((severity) => notify[severity].slack.includes(channel));
      new SlackChannelConfiguration(
        `slack-${id}`,
        {
          configurationName: `${account.base}-${id}`,
          iamRoleArn: role.arn,
          slackTeamId: isSecret ? pulumi.secret(team) : team,
          slackChannelId: isSecret ? pulumi.secret(id) : id,
          snsTopicArns: told.map((severity) =>
            severity === "low" ? (this.digest ?? this.topics.low) : this.topics[severity],
          ),
          // Without a policy of its own a channel may do what an administrator may.
          guardrailPolicyArns: [pulumi.interpolate`arn:${account.partition}:iam::aws:policy/AWSDenyAll`],
          loggingLevel: "ERROR",
        },
        { parent: role },
      );
    }
  }

  /** What RDS itself tells of the instance, its parameters, and who may speak to it: RDS.20-22. */
  #eventsOfRds(): void {
    const { base } = this.args.account;
    const events = {
      instance: { sourceType: "db-instance", eventCategories: ["maintenance", "configuration change", "failure"] },
      parameters: { sourceType: "db-parameter-group", eventCategories: ["configuration change"] },
      groups: { sourceType: "db-security-group", eventCategories: ["configuration change", "failure"] },
    };
    for (const [of, wanted] of Object.entries(events))
      new EventSubscription(
        `database-${of}`,
        { name: `${base}-${of}`, snsTopic: this.topics.high, ...wanted },
        { parent: this, dependsOn: this.ready },
      );
  }
}

/** This account's alarms and database. What tells the digest has a role of its own, whose policy lets it. */
function publishersOf(topic: pulumi.Output<string>, { id }: Account): Statement[] {
  const publish = (sid: string, service: string): Statement => ({
    ...{ sid, principals: { Service: service }, actions: ["sns:Publish"], resources: [topic] },
    condition: { StringEquals: { "aws:SourceAccount": id } },
  });
  return [publish("Alarms", "cloudwatch.amazonaws.com"), publish("Database", "events.rds.amazonaws.com")];
}

const tlsAlone = (topic: pulumi.Output<string>): Statement => ({
  ...{ sid: "TlsOnly", effect: "Deny", principals: { AWS: "*" }, actions: ["sns:Publish"], resources: [topic] },
  condition: { Bool: { "aws:SecureTransport": "false" } },
});
