import type { Definition } from "../definition";
import { globalArn, upperId } from "../identifiers";
import { between, longest } from "../limits";
import { text, textsAt } from "../values";

const iam = (noun: string, update: string): Pick<Definition, "service" | "operations"> => ({
  service: "IAM",
  operations: [`Create${noun}`, update, `Delete${noun}`],
});

export const attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";

export const identity: Record<string, Definition> = {
  "aws:iam/role:Role": {
    ...iam("Role", "UpdateRole"),
    autoName: { property: "name", maximum: 64 },
    id: "name",
    check: (inputs) => [
      ...longest(inputs, "name", 64, /^[\w+=,.@-]*$/),
      ...between(inputs, "maxSessionDuration", 3_600, 43_200),
    ],
    make: ({ inputs }) => ({
      arn: globalArn("iam", `role${text(inputs, "path") || "/"}${text(inputs, "name")}`),
      createDate: new Date().toISOString(),
      uniqueId: upperId("AROA", 17),
      managedPolicyArns: [],
    }),
    derive: (outs, _, rows) => ({
      managedPolicyArns: [
        ...new Set([
          ...textsAt(outs, "managedPolicyArns"),
          ...rows
            .all(attachment)
            .filter((row) => row.outs["role"] === outs["name"])
            .map((row) => text(row.outs, "policyArn")),
        ]),
      ],
    }),
  },
  "aws:iam/policy:Policy": {
    ...iam("Policy", "CreatePolicyVersion"),
    autoName: { property: "name", maximum: 128 },
    id: "arn",
    make: ({ inputs }) => ({
      arn: globalArn("iam", `policy${text(inputs, "path") || "/"}${text(inputs, "name")}`),
      attachmentCount: 0,
      policyId: upperId("ANPA", 17),
    }),
    derive: (outs, _, rows) => ({
      attachmentCount: rows.all(attachment).filter((row) => row.outs["policyArn"] === outs["arn"]).length,
    }),
  },
  "aws:iam/rolePolicy:RolePolicy": {
    service: "IAM",
    operations: ["PutRolePolicy", "PutRolePolicy", "DeleteRolePolicy"],
    autoName: { property: "name", maximum: 128 },
    id: (outs) => `${text(outs, "role")}:${text(outs, "name")}`,
    make: () => ({}),
  },
  [attachment]: {
    service: "IAM",
    operations: ["AttachRolePolicy", "AttachRolePolicy", "DetachRolePolicy"],
    id: (outs) => `${text(outs, "role")}/${text(outs, "policyArn")}`,
    make: () => ({}),
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    ...iam("InstanceProfile", "AddRoleToInstanceProfile"),
    autoName: { property: "name", maximum: 128 },
    id: "name",
    make: ({ inputs }) => ({
      arn: globalArn("iam", `instance-profile${text(inputs, "path") || "/"}${text(inputs, "name")}`),
      createDate: new Date().toISOString(),
      uniqueId: upperId("AIPA", 17),
    }),
  },
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
    ...iam("OpenIDConnectProvider", "UpdateOpenIDConnectProviderThumbprint"),
    id: "arn",
    make: ({ inputs }) => ({
      arn: globalArn("iam", `oidc-provider/${text(inputs, "url").replace(/^https:\/\//, "")}`),
      thumbprintLists: [],
    }),
  },
};
