import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { awsConnection } from "../../infra/platform/aws/connection";
import { credentialsOf, endTooSoon } from "../../infra/platform/aws/sdk";
import { AwsFailed, kindOf } from "../../infra/platform/aws/sdk-errors";
import { trafficAt } from "../../infra/platform/traffic";
import { queryError } from "../support/moto-proxy";
import { connectionTo, MotoStage, useMoto, withCredentials } from "../support/moto-stage";

describe("the connection to AWS", () => {
  const read = (config: Record<string, string>, env: Record<string, string> = {}) => {
    const before = pulumi.runtime.allConfig();
    pulumi.runtime.setAllConfig(
      Object.fromEntries(Object.entries(config).map(([key, value]) => [`aws:${key}`, value])),
    );
    try {
      return awsConnection(env);
    } finally {
      pulumi.runtime.setAllConfig(before);
    }
  };

  it("is what the AWS provider's own config says", () => {
    const role = "arn:aws:iam::123456789012:role/deploy";
    assert.deepEqual(
      read({
        region: "eu-central-1",
        profile: "staging",
        assumeRoles: JSON.stringify([{ roleArn: role, externalId: "x", sessionName: "ci", durationSeconds: 900 }]),
        endpoints: JSON.stringify([{ elbv2: "http://127.0.0.1:1" }, { s3: "http://127.0.0.1:2" }]),
      }),
      {
        region: "eu-central-1",
        profile: "staging",
        assumeRoles: [{ roleArn: role, externalId: "x", sessionName: "ci" }],
        endpoints: { elbv2: "http://127.0.0.1:1", s3: "http://127.0.0.1:2" },
      },
    );
    assert.deepEqual(read({ region: "eu-west-1", assumeRole: JSON.stringify({ roleArn: role }) }).assumeRoles, [
      { roleArn: role },
    ]);
    assert.deepEqual(read({}, { AWS_REGION: "eu-west-3" }), { region: "eu-west-3" });
  });

  it("needs a region, takes no secrets, and names the key that is wrong", () => {
    assert.throws(() => read({}), /aws:region is not set.*pulumi config set aws:region/);
    assert.throws(
      () => read({ region: "eu-west-1", secretKey: "hunter2" }),
      (error: Error) => {
        assert.match(error.message, /^aws:secretKey is set.*pulumi config rm aws:secretKey$/);
        return !error.message.includes("hunter2");
      },
    );
    assert.throws(
      () => read({ region: "eu-west-1", assumeRoles: '[{"roleArn":"deploy"}]' }),
      /aws:assumeRoles\.0\.roleArn: expected the ARN of a role/,
    );
    assert.throws(() => read({ region: "eu-west-1", endpoints: "7" }), /aws:endpoints/);
  });
});

describe("credentials of AWS", function () {
  this.timeout(120_000);
  const moto = useMoto();
  const role = (name: string) => ({ roleArn: `arn:aws:iam::123456789012:role/${name}`, externalId: "x" });

  it("are those of the last role, each assumed with the one before", async () => {
    const names: (string | null)[] = [];
    const keys: string[] = [];
    moto().on("AssumeRole", async (asked, forward) => {
      names.push(new URLSearchParams(asked.body.toString()).get("RoleArn"));
      keys.push(/Credential=([^/]+)/.exec(asked.headers.authorization ?? "")?.[1] ?? "");
      return forward();
    });
    const connection = { ...connectionTo(moto().url), assumeRoles: [role("first"), role("second")] };
    const found = await credentialsOf(connection)();
    assert.deepEqual(names, [role("first").roleArn, role("second").roleArn]);
    assert.equal(keys[0], "test");
    assert.notEqual(keys[1], "test");
    assert.ok(found.sessionToken && found.expiration);
    assert.equal(await endTooSoon(connection, 24 * 3_600_000), undefined);
  });

  it("that can't assume a role name the role, not what it was for", async () => {
    const { traffic } = await MotoStage.set(moto().url);
    const { roleArn } = role("deploy");
    const message = `User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
    moto().on("AssumeRole", () => queryError("AccessDenied", message, 403));
    const denied = trafficAt({ ...traffic, connection: { ...traffic.connection, assumeRoles: [role("deploy")] } });
    await assert.rejects(denied.read(), new RegExp(`the role or user needs sts:AssumeRole on ${roleArn}$`));
  });

  it("that are nowhere are said so, with the profile that was asked for", async () => {
    const folder = await mkdtemp(join(tmpdir(), "aws-"));
    await writeFile(join(folder, "config"), "");
    const files = {
      AWS_CONFIG_FILE: join(folder, "config"),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "config"),
      AWS_ACCESS_KEY_ID: "",
    };
    const restore = withCredentials(files);
    try {
      const { traffic } = await MotoStage.set(moto().url);
      const lost = trafficAt({ ...traffic, connection: { ...traffic.connection, profile: "gone" } });
      await assert.rejects(lost.read(), /no credentials that AWS takes .*aws sso login --profile gone.*aws:profile/);
    } finally {
      restore();
      await rm(folder, { recursive: true });
    }
  });
});

describe("what AWS says when it fails", () => {
  const failed = (error: object) =>
    new AwsFailed(Object.assign(new Error("said"), error), { action: "s3:GetObject", on: "one" }, { region: "r" });

  it("is told apart by who can mend it", () => {
    const kinds = (...names: string[]) => names.map((name) => kindOf(Object.assign(new Error(""), { name })));
    assert.deepEqual(kinds("ExpiredTokenException", "RequestExpired"), ["expired", "clock"]);
    const signature = "Signature expired: 20260131T080000Z is now earlier than 20260131T090000Z";
    assert.equal(kindOf(Object.assign(new Error(signature), { name: "SignatureDoesNotMatch" })), "clock");
    assert.deepEqual(kinds("AccessDeniedException", "UnauthorizedOperation"), ["denied", "denied"]);
    assert.deepEqual(kinds("ThrottlingException", "SlowDown"), ["throttled", "throttled"]);
    assert.deepEqual(kinds("CredentialsProviderError", "SignatureDoesNotMatch"), ["credentials", "credentials"]);
    assert.deepEqual(kinds("TimeoutError", "ENOTFOUND"), ["unreachable", "unreachable"]);
    assert.deepEqual(kinds("ListenerNotFoundException", "NoSuchKey"), ["missing", "missing"]);
    assert.equal(kindOf(Object.assign(new Error(""), { $metadata: { httpStatusCode: 503 } })), "broken");
    assert.equal(kindOf(Object.assign(new Error(""), { $metadata: { httpStatusCode: 429 } })), "throttled");
  });

  it("is one line in every case, with what was asked for", () => {
    const names = [
      "ExpiredToken",
      "InvalidClientTokenId",
      "AccessDenied",
      "TimeoutError",
      "Throttling",
      "RequestTimeTooSkewed",
      "InternalError",
      "NoSuchKey",
      "PreconditionFailed",
      "Strange",
    ];
    for (const name of names) {
      const { message } = failed({ name, message: "two\nlines" });
      assert.match(message, /s3:GetObject/);
      assert.ok(message.includes("one") && !/\n|undefined/.test(message), message);
    }
  });
});
