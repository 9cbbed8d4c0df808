import type { Facts } from "../draft";
import { section } from "../key";
import { port, text } from "../kinds";
import { texts } from "../lists";
import { nothing, set, shown, type Problem } from "../problem";
import { address, type AwsId, type Cidr } from "./network";

declare const kind: unique symbol;
/** An Amazon resource name. */
export type Arn = string & { readonly [kind]: "arn" };
/** A DNS name in lower case, without a dot at its end. */
export type DnsName = string & { readonly [kind]: "dns name" };

/** Under which names a stack on AWS is reached, by whom. */
export interface DomainSettings {
  /** The certificate of both listeners, from ACM in the stack's region; it covers every name. */
  readonly certificate: Arn;
  /** Names of the service; the first one is in the outputs `url` and `previewUrl`. */
  readonly names: readonly DnsName[];
  /** The hosted zone in Route 53 that gets a record of each name. Default: none, and somebody else points them here. */
  readonly zone?: AwsId | undefined;
  /** A web ACL of WAFv2, regional. Default: none. */
  readonly waf?: Arn | undefined;
  /** Networks that may ask the production listener. Default: everybody. */
  readonly accessFrom: readonly Cidr[];
  /** The listener that reaches a colour before it has traffic. */
  readonly preview: {
    /** 1024..65535. Default: 8443. */
    readonly port: number;
    /** Networks that may ask it, beside the stack's own. Default: none. */
    readonly from: readonly Cidr[];
  };
}

const network = new RegExp(`^${address}/(3[0-2]|[12]?[0-9])$`);
const notEverybody = new RegExp(`^${address}/(3[0-2]|[12][0-9]|[89])$`);
const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

const examples = {
  certificate: "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef",
  name: "pages.example.com",
} as const;

const preview = section(
  {
    port: port({ meaning: "Port of the preview listener.", example: "8443" }).default(8443),
    from: texts<Cidr>(
      notEverybody,
      "list of CIDRs",
      "a list of IPv4 networks of /8 or smaller such as 203.0.113.0/24, none twice",
      { meaning: "Networks that may ask the preview listener, beside the stack's own.", examples: ["203.0.113.0/24"] },
    ).default([]),
  },
  "The listener that reaches a colour before it has traffic.",
);

export const domainKeys = {
  domain: section(
    {
      certificate: text<Arn>(
        /^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate\/[A-Za-z0-9-]{1,64}$/,
        "ARN",
        "the ARN of a certificate in ACM, in the stack's region",
        { meaning: "The certificate of both listeners; it covers every name.", example: examples.certificate },
      ),
      names: texts<DnsName>(
        new RegExp(`^(?=.{4,253}$)${label}(\\.${label})+$`),
        "list of names",
        "a list of 1 or more DNS names in lower case, none twice",
        {
          meaning: "Names of the service; the first one is in the outputs `url` and `previewUrl`.",
          examples: [examples.name],
          atLeast: 1,
        },
      ),
      zone: text<AwsId>(/^Z[A-Z0-9]{6,31}$/, "zone id", "the id of a hosted zone in Route 53, such as Z0123456789ABC", {
        meaning: "The hosted zone that gets a record of each name; without one, somebody else points them here.",
        example: "Z0123456789ABC",
        unset: "none",
      }).optional(),
      waf: text<Arn>(
        /^arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:regional\/webacl\/[A-Za-z0-9_-]{1,128}\/[0-9a-f-]{36}$/,
        "ARN",
        "the ARN of a regional web ACL of WAFv2",
        {
          meaning: "A web ACL in front of the load balancer.",
          example: "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/pages/12345678-90ab-cdef-1234-567890abcdef",
          unset: "none",
        },
      ).optional(),
      accessFrom: texts<Cidr>(
        network,
        "list of CIDRs",
        "a list of 1 or more IPv4 networks such as 0.0.0.0/0, none twice",
        {
          meaning: "Networks that may ask the production listener.",
          examples: ["0.0.0.0/0"],
          atLeast: 1,
          unset: "0.0.0.0/0",
        },
      ).default(["0.0.0.0/0" as Cidr]),
      preview: preview.prefault({}),
    },
    "Under which names a stack on AWS is reached, and by whom; refused on any other platform.",
  ).optional(),
};

/** A listener without a certificate would speak plain HTTP. */
export function domainRules({ draft: { platform }, has }: Facts): Problem[] {
  if (platform !== "aws" || has(["domain"])) return [];
  return [
    {
      path: ["domain"],
      found: nothing,
      allowed: shown("certificate and names: required on platform aws", "platform"),
      ways: [[set(["domain", "certificate"], examples.certificate), set(["domain", "names", "0"], examples.name)]],
    },
  ];
}
