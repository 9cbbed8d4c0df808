import { section } from "../key";
import { texts } from "../lists";

declare const kind: unique symbol;
/** A URL that takes messages of SNS by HTTPS, such as that of an integration of PagerDuty. */
export type HttpsUrl = string & { readonly [kind]: "https url" };
/** A telephone number as E.164 writes it. */
export type PhoneNumber = string & { readonly [kind]: "phone number" };
/** An address of e-mail. */
export type EmailAddress = string & { readonly [kind]: "email address" };
/** A channel of Slack: the id of its workspace, a slash, its own id. */
export type SlackChannel = string & { readonly [kind]: "slack channel" };

/** The severities, from the one that wakes somebody to the one that can wait for a day. */
export const severities = ["critical", "high", "medium", "low"] as const;
export type Severity = (typeof severities)[number];

/** Who is told of the alarms of one severity. */
export interface Channels {
  /** PagerDuty, Opsgenie or an endpoint of your own, which confirms the subscription itself. */
  readonly https: readonly HttpsUrl[];
  readonly sms: readonly PhoneNumber[];
  readonly slack: readonly SlackChannel[];
  /** Each one has to confirm once, by the link in the first message. */
  readonly email: readonly EmailAddress[];
}

/** Who is told of which alarms. Default: nobody; the topics are there, for whoever subscribes. */
export type NotifySettings = Readonly<Record<Severity, Channels>>;

const channels = (severity: Severity, meaning: string) =>
  section(
    {
      https: texts<HttpsUrl>(
        /^https:\/\/[a-z0-9.-]{1,253}(:[0-9]{1,5})?(\/[^\s"\\]{0,1024})?$/,
        "list of URLs",
        "a list of URLs that begin with https://, none twice",
        {
          meaning: `URLs that get ${severity} alarms: PagerDuty or your own. Set them with --secret.`,
          examples: ["https://events.pagerduty.com/integration/0123456789abcdef/enqueue"],
        },
      ).default([]),
      sms: texts<PhoneNumber>(
        /^\+[1-9][0-9]{6,14}$/,
        "list of phone numbers",
        "a list of phone numbers such as +441632960123, none twice",
        { meaning: `Phones that get ${severity} alarms.`, examples: ["+441632960123"] },
      ).default([]),
      slack: texts<SlackChannel>(
        /^T[A-Z0-9]{6,15}\/C[A-Z0-9]{6,15}$/,
        "list of channels",
        "a list of channels such as T0123ABCD/C0123ABCD, the ids of workspace and channel, none twice",
        {
          meaning: `Channels of Slack that get ${severity} alarms; AWS Chatbot has to be let into the workspace once.`,
          examples: ["T0123ABCD/C0123ABCD"],
        },
      ).default([]),
      email: texts<EmailAddress>(
        /^[^\s@"\\]{1,64}@[A-Za-z0-9.-]{3,255}$/,
        "list of addresses",
        "a list of e-mail addresses, none twice",
        { meaning: `Addresses that get ${severity} alarms; each has to confirm once.`, examples: ["team@example.com"] },
      ).default([]),
    },
    meaning,
  ).prefault({});

export const notifyKeys = {
  notify: section(
    {
      critical: channels("critical", "Who is woken."),
      high: channels("high", "Who looks soon."),
      medium: channels("medium", "Who looks within the day."),
      low: channels("low", "Who reads it some time."),
    },
    "Who is told of which alarms; refused on any platform but aws.",
  ).prefault({}),
};
