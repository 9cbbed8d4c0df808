import { randomUUID } from "node:crypto";
import type { Definition } from "../definition";
import { arn, upperId } from "../identifiers";
import { text } from "../values";

export const domainNames: Record<string, Definition> = {
  "aws:route53/zone:Zone": {
    service: "Route 53",
    operations: ["CreateHostedZone", "UpdateHostedZoneComment", "DeleteHostedZone"],
    id: "zoneId",
    make: () => {
      const zoneId = upperId("Z", 20);
      const nameServers = ["ns-1.example.com", "ns-2.example.org", "ns-3.example.net", "ns-4.example.edu"];
      return { arn: `arn:aws:route53:::hostedzone/${zoneId}`, nameServers, primaryNameServer: nameServers[0], zoneId };
    },
  },
  "aws:route53/record:Record": {
    service: "Route 53",
    operations: ["ChangeResourceRecordSets", "ChangeResourceRecordSets", "ChangeResourceRecordSets"],
    id: (outs) =>
      [text(outs, "zoneId"), text(outs, "name"), text(outs, "type"), text(outs, "setIdentifier")]
        .filter((each) => each !== "")
        .join("_"),
    make: ({ inputs }) => ({ fqdn: text(inputs, "name"), allowOverwrite: false }),
  },
  "aws:acm/certificate:Certificate": {
    service: "ACM",
    operations: ["RequestCertificate", "UpdateCertificateOptions", "DeleteCertificate"],
    id: "arn",
    make: ({ inputs, here }) => ({
      arn: arn(here, "acm", `certificate/${randomUUID()}`),
      domainValidationOptions: [
        {
          domainName: text(inputs, "domainName"),
          resourceRecordName: `_validation.${text(inputs, "domainName")}.`,
          resourceRecordType: "CNAME",
          resourceRecordValue: "_value.acm-validations.aws.",
        },
      ],
      notAfter: "",
      notBefore: "",
      pendingRenewal: false,
      renewalEligibility: "INELIGIBLE",
      renewalSummaries: [],
      status: "PENDING_VALIDATION",
      type: "AMAZON_ISSUED",
      validationEmails: [],
      keyAlgorithm: "RSA_2048",
      subjectAlternativeNames: [text(inputs, "domainName")],
      validationMethod: "DNS",
    }),
  },
  "aws:acm/certificateValidation:CertificateValidation": {
    service: "ACM",
    operations: ["DescribeCertificate", "DescribeCertificate", "DescribeCertificate"],
    id: "certificateArn",
    make: () => ({}),
  },
  "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": {
    service: "ServiceDiscovery",
    operations: ["CreatePrivateDnsNamespace", "UpdatePrivateDnsNamespace", "DeleteNamespace"],
    autoName: { property: "name", maximum: 253 },
    id: "id",
    make: ({ here }) => {
      const id = `ns-${randomUUID().slice(0, 16).replace("-", "")}`;
      return { id, arn: arn(here, "servicediscovery", `namespace/${id}`), hostedZone: upperId("Z", 20) };
    },
  },
};
