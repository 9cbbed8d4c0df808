import { randomUUID } from "node:crypto";
import type { Definition } from "../definition";
import { arn, suffix } from "../identifiers";
import { between, longest, oneOf } from "../limits";
import { text, textsAt } from "../values";

/** A secret that waits for its recovery window to end: its name is taken until then. */
export const deletedSecret = "deleted:secret";

export const secrets: Record<string, Definition> = {
  "aws:kms/key:Key": {
    service: "KMS",
    operations: ["CreateKey", "PutKeyPolicy", "ScheduleKeyDeletion"],
    id: "keyId",
    check: (inputs) => [
      ...between(inputs, "deletionWindowInDays", 7, 30),
      ...between(inputs, "rotationPeriodInDays", 90, 2560),
    ],
    make: ({ here }) => {
      const keyId = randomUUID();
      return { arn: arn(here, "kms", `key/${keyId}`), keyId, description: "", multiRegion: false };
    },
  },
  "aws:kms/alias:Alias": {
    service: "KMS",
    operations: ["CreateAlias", "UpdateAlias", "DeleteAlias"],
    id: "name",
    check: (inputs) => longest(inputs, "name", 256, /^(alias\/[\w/-]+)?$/),
    make: ({ inputs, here, rows }) => {
      const key = text(inputs, "targetKeyId");
      const target = rows.get("aws:kms/key:Key", key.split("/").at(-1) ?? key);
      return { arn: arn(here, "kms", text(inputs, "name")), targetKeyArn: text(target?.outs ?? {}, "arn") };
    },
  },
  "aws:kms/keyPolicy:KeyPolicy": {
    service: "KMS",
    operations: ["PutKeyPolicy", "PutKeyPolicy", "PutKeyPolicy"],
    id: "keyId",
    make: () => ({}),
  },
  "aws:secretsmanager/secret:Secret": {
    service: "Secrets Manager",
    operations: ["CreateSecret", "UpdateSecret", "DeleteSecret"],
    autoName: { property: "name", maximum: 512 },
    id: "arn",
    check: (inputs) => (inputs["recoveryWindowInDays"] === 0 ? [] : between(inputs, "recoveryWindowInDays", 7, 30)),
    make: ({ inputs, here }) => ({
      arn: arn(here, "secretsmanager", `secret:${text(inputs, "name")}-${suffix().slice(0, 6)}`),
      policy: "",
      replicas: [],
    }),
    deleted: ({ id, outs }, rows) => {
      for (const token of ["aws:secretsmanager/secretVersion:SecretVersion"])
        for (const version of rows.all(token)) if (version.outs["secretId"] === id) rows.remove(token, version.id);
      if (outs["recoveryWindowInDays"] !== 0) rows.put({ token: deletedSecret, id: text(outs, "name"), outs });
    },
  },
  "aws:secretsmanager/secretVersion:SecretVersion": {
    service: "Secrets Manager",
    operations: ["PutSecretValue", "UpdateSecretVersionStage", "UpdateSecretVersionStage"],
    id: (outs) => `${text(outs, "secretId")}|${text(outs, "versionId")}`,
    make: ({ inputs, rows }) => {
      const [secret] = rows
        .all("aws:secretsmanager/secret:Secret")
        .filter(({ id, outs }) => [id, outs["name"]].includes(inputs["secretId"]));
      return {
        arn: secret?.id ?? "",
        hasSecretStringWo: inputs["secretStringWo"] !== undefined,
        secretArn: secret?.id ?? "",
        versionId: randomUUID(),
        versionStages: ["AWSCURRENT"],
      };
    },
    created: (row, rows) => {
      for (const other of rows.all(row.token))
        if (other.id !== row.id && other.outs["secretId"] === row.outs["secretId"])
          rows.put({
            ...other,
            outs: {
              ...other.outs,
              versionStages: textsAt(other.outs, "versionStages").map((stage) =>
                stage === "AWSCURRENT" ? "AWSPREVIOUS" : stage,
              ),
            },
          });
    },
  },
  "aws:secretsmanager/secretPolicy:SecretPolicy": {
    service: "Secrets Manager",
    operations: ["PutResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"],
    id: "secretArn",
    make: () => ({}),
  },
  "aws:secretsmanager/secretRotation:SecretRotation": {
    service: "Secrets Manager",
    operations: ["RotateSecret", "RotateSecret", "CancelRotateSecret"],
    id: "secretId",
    make: () => ({ rotationEnabled: true }),
  },
  "aws:ssm/parameter:Parameter": {
    service: "SSM",
    operations: ["PutParameter", "PutParameter", "DeleteParameter"],
    autoName: { property: "name", maximum: 1_011 },
    id: "name",
    moving: ["version"],
    check: (inputs) => oneOf(inputs, "type", ["String", "StringList", "SecureString"]),
    make: ({ inputs, here }) => ({
      hasValueWo: inputs["valueWo"] !== undefined,
      version: 1,
      arn: arn(here, "ssm", `parameter/${text(inputs, "name").replace(/^\//, "")}`),
      dataType: "text",
      tier: "Standard",
      keyId: inputs["type"] === "SecureString" ? "alias/aws/ssm" : "",
      insecureValue: inputs["type"] === "SecureString" ? "" : text(inputs, "value"),
    }),
    remake: (olds) => ({ version: Number(olds["version"]) + 1 }),
  },
};
