import { section } from "../key";
import { text } from "../kinds";
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
/** A time of day in UTC, hours and minutes: "08:00". */
export type TimeOfDay = string & { readonly [kind]: "time of day" };

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

/** Who gets the digest of low alarms, and when. */
export interface DigestSettings extends Channels {
  /** When a digest is sent, and what it is about ends, in UTC. Default: 08:00. */
  readonly digest: TimeOfDay;
}

/** Who is told of which alarms. Default: nobody; the topics are there, for whoever subscribes. */
export type NotifySettings = Readonly<Record<Exclude<Severity, "low">, Channels>> & { readonly low: DigestSettings };

/** Whether config names anybody for a severity. */
export const namesAnybody = ({ https, sms, slack, email }: Channels): boolean =>
  [https, sms, slack, email].some((named) => named.length > 0);

/**
 * @param what they get, as the docs say it
 * @param url what takes it by HTTPS
 */
const channels = (what: string, url: string) => ({
  https: texts<HttpsUrl>(
    /^https:\/\/[a-z0-9.-]{1,253}(:[0-9]{1,5})?(\/[^\s"\\]{0,1024})?$/,
    "list of URLs",
    "a list of URLs that begin with https://, none twice",
    {
      meaning: `URLs that get ${what}: ${url}. Set them with --secret.`,
      examples: ["https://events.pagerduty.com/integration/0123456789abcdef/enqueue"],
    },
  ).default([]),
  sms: texts<PhoneNumber>(
    /^\+[1-9][0-9]{6,14}$/,
    "list of phone numbers",
    "a list of phone numbers such as +441632960123, none twice",
    { meaning: `Phones that get ${what}.`, examples: ["+441632960123"] },
  ).default([]),
  slack: texts<SlackChannel>(
    /^T[A-Z0-9]{6,15}\/C[A-Z0-9]{6,15}$/,
    "list of channels",
    "a list of channels such as T0123ABCD/C0123ABCD, the ids of workspace and channel, none twice",
    {
      meaning: `Channels of Slack that get ${what}; AWS Chatbot has to be let into the workspace once.`,
      examples: ["T0123ABCD/C0123ABCD"],
    },
  ).default([]),
  email: texts<EmailAddress>(
    /^[^\s@"\\]{1,64}@[A-Za-z0-9.-]{3,255}$/,
    "list of addresses",
    "a list of e-mail addresses, none twice",
    { meaning: `Addresses that get ${what}; each has to confirm once.`, examples: ["team@example.com"] },
  ).default([]),
});

const immediate = (severity: Severity, meaning: string) =>
  section(channels(`${severity} alarms`, "PagerDuty or your own"), meaning).prefault({});

export const notifyKeys = {
  notify: section(
    {
      critical: immediate("critical", "Who is woken."),
      high: immediate("high", "Who looks soon."),
      medium: immediate("medium", "Who looks within the day."),
      low: section(
        {
          ...channels("the digest of low alarms", "your own, as it is no message of CloudWatch's"),
          digest: text<TimeOfDay>(
            /^([01][0-9]|2[0-3]):[0-5][0-9]$/,
            "time of day",
            "a time of day in UTC from 00:00 to 23:59, written like 08:00; in YAML it needs quotes",
            {
              meaning: "When the digest of low alarms is sent: what fired since the one before, or in 24 hours.",
              example: "08:00",
            },
          ).default("08:00" as TimeOfDay),
        },
        "Who reads once a day what fired.",
      ).prefault({}),
    },
    "Who is told of which alarms; refused on any platform but aws.",
  ).prefault({}),
};
