import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type * as pulumi from "@pulumi/pulumi";
import { callAws } from "../../infra/lambda/call";
import { bundledFunction } from "../../infra/lambda/bundle";
import { boundaryStatements } from "../../infra/platform/aws/ci-boundary";
import { Account } from "../plugins/aws/account";
import { historyOption } from "../plugins/aws/api/alarm-history";
import { AwsApi } from "../plugins/aws/api/server";
import { linesOption } from "../plugins/aws/api/logs";
import { publishedTo, type Published } from "../plugins/aws/api/sns";
import { accountIn } from "../plugins/aws/environment";
import { declarePlatform, type Registered } from "../support/aws-mocked";
import { CalledFunction } from "../support/called-function";
import { motoOrSkip, type Moto } from "../support/moto";
import { awsRelease, domain } from "../unit/config-support";

const base = "switchyard-watched";
const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const region = "eu-west-1";
const [minute, hour] = [60_000, 3_600_000];

/** When the day ended that is told of: an hour ago, so that there is a time after it too. */
const end = Math.floor((Date.now() - hour) / minute) * minute;
const begin = end - 24 * hour;
const event = { time: new Date(end).toISOString() };
const group = `/switchyard/${base}/digest`;
/** As a digest has it. */
const shown = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ");

describe("the function of the digest", function () {
  this.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), "digest-"));
  const file = join(folder, "index.js");
  let resources: readonly Registered[];
  let variables: Record<string, string>;
  let account: Account;
  let api: AwsApi;
  let env: Record<string, string>;
  const started: CalledFunction[] = [];

  const one = (type: string, name: string): Registered["inputs"] => {
    const found = resources.find((each) => each.type === `aws:${type}` && each.name === name);
    assert.ok(found, `no ${type} ${name} is declared`);
    return found.inputs;
  };

  before(async () => {
    const notify = { low: { email: ["team@example.com"], slack: ["T0123ABCD/C0123ABCD"], digest: "06:05" } };
    const config = { platform: "aws", domain, blue: awsRelease, notify };
    const [text, declared] = await Promise.all([bundledFunction("digest"), declarePlatform("watched", config)]);
    writeFileSync(file, text);
    resources = declared.resources;
    variables = (one("lambda/function:Function", "digest").environment as { variables: typeof variables }).variables;
    account = new Account(accountIn(folder));
    api = await AwsApi.start(account);
    env = {
      ...variables,
      ...{
        AWS_ENDPOINT_URL_CLOUDWATCH: api.url,
        AWS_ENDPOINT_URL_SNS: api.url,
        AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: api.url,
      },
      // What Lambda adds by itself.
      AWS_LAMBDA_LOG_GROUP_NAME: group,
      ...{ AWS_REGION: region, AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey },
    };
    account.change((rows) => {
      rows.put({ token: "aws:sns/topic:Topic", id: variables.TOPIC ?? "", outs: {} });
      rows.put({ token: "aws:cloudwatch/logGroup:LogGroup", id: group, outs: {} });
    });
    for (const { type, inputs } of resources)
      if (type === "aws:cloudwatch/metricAlarm:MetricAlarm") putAlarm(String(inputs.name), inputs);
  });
  after(async () => {
    await Promise.all(started.map((each) => each.stop()));
    await api.stop();
    account.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    account.setOption(historyOption, []);
    account.setOption(linesOption(group), []);
  });
  afterEach(() => assert.deepEqual(account.clearFaults(), [], "every injected fault was met"));

  const putAlarm = (id: string, outs: Readonly<Record<string, unknown>>) =>
    account.change((rows) => rows.put({ token: "aws:cloudwatch/metricAlarm:MetricAlarm", id, outs: { ...outs } }));

  function called(more: Record<string, string> = {}): CalledFunction {
    const called = CalledFunction.start(file, { ...env, ...more });
    started.push(called);
    return called;
  }
  const messages = (): Published[] => account.change((rows) => publishedTo(rows, variables.TOPIC ?? ""));

  /** One call. @returns what the topic got of it */
  async function told(): Promise<Published[]> {
    const before = messages().length;
    await called().callWith(event);
    return messages().slice(before);
  }

  interface Item {
    AlarmName: string;
    HistoryItemType: string;
    Timestamp: number;
    HistorySummary: string;
    HistoryData?: string;
  }
  const change = (name: string, at: number, from: string, to: string): Item => ({
    ...{ AlarmName: `${base}-${name}`, HistoryItemType: "StateUpdate", Timestamp: at / 1_000 },
    HistorySummary: `Alarm updated from ${from} to ${to}`,
  });
  const fired = (name: string, from: number, to: number): Item[] => [
    change(name, from, "OK", "ALARM"),
    change(name, to, "ALARM", "OK"),
  ];
  const history = (...items: Item[]) => account.setOption(historyOption, items);

  it("is what the stack declares, called once a day with the time that it was scheduled for", async () => {
    const archive = one("lambda/function:Function", "digest").code as pulumi.asset.AssetArchive;
    const { "index.js": code } = (await archive.assets) as Record<string, pulumi.asset.FileAsset>;
    assert.equal(readFileSync((await code?.path) ?? "", "utf8"), readFileSync(file, "utf8"));
    const { scheduleExpression, scheduleExpressionTimezone, target } = one("scheduler/schedule:Schedule", "digest");
    // Without a zone it is UTC.
    assert.deepEqual([scheduleExpression, scheduleExpressionTimezone], ["cron(5 6 * * ? *)", undefined]);
    assert.equal((target as { input: string }).input, '{"time":"<aws.scheduler.scheduled-time>"}');
  });

  it("tells the topic once of each alarm of severity low that fired, with what it means and what to do", async () => {
    history(
      ...fired("slow-queries", begin + hour, begin + hour + 20 * minute),
      ...fired("slow-queries", begin + 2 * hour, begin + 2 * hour + 5 * minute),
      change("dead-rows", begin - 3 * hour, "OK", "ALARM"),
      // After the day, and so of the next one.
      change("dead-rows", end + minute, "ALARM", "OK"),
      ...fired("slow-queries", end, end + minute),
      // Of another severity.
      ...fired("request-rate", begin + hour, begin + 2 * hour),
    );
    const [message, ...more] = await told();
    assert.equal(more.length, 0);
    assert.equal(message?.subject, `${base}: 2 low alarms fired, 1 still firing`);
    const [head, dead = "", slow = "", ...others] = message.forms.default?.split("\n\n") ?? [];
    assert.equal(head, `Alarms of severity low of ${base} that fired from ${shown(begin)} to ${shown(end)} (UTC):`);
    assert.ok(dead.startsWith(`${base}-dead-rows had fired since ${shown(begin - 3 * hour)}: for 24 h of that time. It fires still.\n`), dead); // prettier-ignore
    assert.ok(slow.startsWith(`${base}-slow-queries fired 2 times, the first at ${shown(begin + hour)}, the last at ${shown(begin + 2 * hour)}: for 25 min together. It is over.\n`), slow); // prettier-ignore
    assert.match(dead, /\n {2}\S.* \(low\)\. What to do: docs\/alarms\.md#dead-rows\.$/);
    assert.match(slow, /\n {2}\S.* \(low\)\. What to do: docs\/alarms\.md#slow-queries\.$/);
    assert.equal(others.length, 0);
    const { content } = JSON.parse(message.forms.https ?? "") as { content: Record<string, string> };
    assert.deepEqual([content.title, content.description], [message.subject, message.forms.default]);
  });

  it("tells the same of the same day when it is called again, and nothing where nothing fired", async () => {
    assert.deepEqual(await told(), []);
    history(...fired("slow-queries", begin + hour, begin + 2 * hour));
    const first = await told();
    assert.equal(first.length, 1);
    assert.deepEqual(await told(), first);
  });

  /** As Lambda has them in the log of the function: what earlier calls wrote. */
  const wrote = (...lines: (readonly [at: number, message: string])[]) =>
    account.setOption(linesOption(group), lines.map(([timestamp, message]) => ({ timestamp, message: `2026-01-31T08:00:04.000Z\t0a1b\tINFO\t${message}\n` }))); // prettier-ignore

  it("begins where the one before it ended, when that was at another time of day, or days ago", async () => {
    history(...fired("slow-queries", begin - 2 * hour, begin - hour), ...fired("dead-rows", end - hour, end - minute));
    const heads = async () => (await told()).map(({ forms }) => forms.default?.split("\n")[0]);
    const head = (from: number) => [`Alarms of severity low of ${base} that fired from ${shown(from)} to ${shown(end)} (UTC):`]; // prettier-ignore
    const until = (at: number) => `told until ${new Date(at).toISOString()}`;
    for (const last of [begin - 3 * hour, begin + 3 * hour, end - 4 * 24 * hour]) {
      // Its own line, and that of a later day that was asked for by hand, are of no account.
      wrote([last, until(last)], [last, "told of 3 by message 1"], [end, until(end)], [end, until(end + hour)]);
      assert.deepEqual(await heads(), head(last));
    }
    wrote([end - 3 * 24 * hour, until(end - 8 * 24 * hour)]);
    assert.deepEqual(await heads(), head(begin));
  });

  it("says in its log until when it has told, once it has, and not before", async () => {
    const quiet = called();
    await quiet.callWith(event);
    await quiet.wrote(`told until ${event.time}\n`);
    history(...fired("slow-queries", begin + hour, begin + 2 * hour));
    account.inject({ of: "Publish", on: "api", code: "AccessDenied" });
    const failed = called();
    await assert.rejects(failed.callWith(event), /AccessDenied/);
    await failed.stop();
    assert.doesNotMatch(failed.written, /told until/);
    account.change((rows) => rows.remove("aws:cloudwatch/logGroup:LogGroup", group));
    await assert.rejects(called().callWith(event), /CloudWatch Logs' FilterLogEvents was refused: 400 .*log group does not exist/); // prettier-ignore
    account.change((rows) => rows.put({ token: "aws:cloudwatch/logGroup:LogGroup", id: group, outs: {} }));
  });

  it("reads every page, of alarms and of their history", async () => {
    const names = Array.from({ length: 120 }, (_, i) => `more-${i}`);
    const low = one("cloudwatch/metricAlarm:MetricAlarm", "slow-queries");
    for (const name of names) putAlarm(`${base}-${name}`, { alarmActions: low.alarmActions, alarmDescription: "" });
    try {
      const often = Array.from({ length: 130 }, (_, i) => begin + i * 10 * minute);
      history(
        ...often.flatMap((at) => fired("slow-queries", at, at + minute)),
        ...names.flatMap((name) => fired(name, begin + hour, begin + 2 * hour)),
      );
      const [message] = await told();
      assert.match(message?.subject ?? "", /: 121 low alarms fired, 0 still firing$/);
      assert.match(
        message?.forms.default ?? "",
        /slow-queries fired 130 times, .*: for 2 h 10 min together\. It is over\./,
      );
    } finally {
      account.change((rows) => {
        for (const name of names) rows.remove("aws:cloudwatch/metricAlarm:MetricAlarm", `${base}-${name}`);
      });
    }
  });

  it("tells of an alarm that is gone, of none of another stack whose name begins alike, and of none of another severity", async () => {
    const topic = variables.LOW_TOPIC ?? "";
    const gone = (name: string, told: string, at = begin + 3 * hour): Item => ({
      ...{ AlarmName: `${base}-${name}`, HistoryItemType: "ConfigurationUpdate", Timestamp: at / 1_000 },
      HistorySummary: `Alarm "${base}-${name}" deleted`,
      HistoryData: JSON.stringify({ version: "1.0", type: "Delete", deletedAlarm: { alarmName: `${base}-${name}`, alarmActions: [told], alarmDescription: 'It "was" for this' } }), // prettier-ignore
    });
    putAlarm(`${base}-2-slow-queries`, { alarmActions: [`${topic}-2`] });
    history(
      change("old", begin + hour, "OK", "ALARM"),
      gone("old", topic),
      change("2-old", begin + hour, "OK", "ALARM"),
      gone("2-old", `${topic}-2`),
      ...fired("2-slow-queries", begin + hour, begin + 2 * hour),
      change("medium", begin + hour, "OK", "ALARM"),
      gone("medium", topic.replace(/low$/, "medium")),
      // Taken away and made anew: it is there, and its history goes on under the same name.
      change("slow-queries", begin + hour, "OK", "ALARM"),
      gone("slow-queries", topic, begin + hour + 10 * minute),
      change("slow-queries", begin + 2 * hour, "INSUFFICIENT_DATA", "OK"),
    );
    const [message] = await told();
    const [, old, slow, ...others] = message?.forms.default?.split("\n\n") ?? [];
    assert.equal(old, `${base}-old fired once, at ${shown(begin + hour)}: for 2 h. The alarm itself was taken away since.\n  It "was" for this`); // prettier-ignore
    assert.match(slow ?? "", /slow-queries fired once, .*: for 10 min\. It is over\./);
    assert.deepEqual(others, []);
  });

  it("waits where AWS throttles, and tells nobody anything where AWS refuses, or says what it doesn't understand", async () => {
    history(...fired("slow-queries", begin + hour, begin + 2 * hour));
    account.inject({ of: "DescribeAlarmHistory", on: "api", code: "ThrottlingException", times: 3 });
    account.inject({ of: "Publish", on: "api", code: "Throttled", times: 1 });
    assert.equal((await told()).length, 1);
    const so = messages().length;
    account.inject({ of: "DescribeAlarms", on: "api", code: "AccessDenied" });
    await assert.rejects(called().callWith(event), /CloudWatch's DescribeAlarms was refused: 4\d\d .*AccessDenied/);
    account.inject({ of: "Publish", on: "api", code: "KMSAccessDenied" });
    await assert.rejects(called().callWith(event), /a message to \S+digest was refused: 4\d\d .*KMSAccessDenied/);
    await assert.rejects(called({ TOPIC: "" }).callWith(event), /the function has no variable TOPIC; run: pulumi up/);
    const strange = { ...change("slow-queries", begin + hour, "OK", "ALARM"), HistorySummary: "Something else" };
    history(strange);
    await assert.rejects(called().callWith(event), /the history of switchyard-watched-slow-queries says "Something else", expected "Alarm updated from STATE to STATE"/); // prettier-ignore
    await assert.rejects(called().callWith({}), /found {}, expected an event with the time at which the day ended/);
    const nowhere = called({ AWS_ENDPOINT_URL_CLOUDWATCH: "http://127.0.0.1:1" });
    await assert.rejects(nowhere.callWith(event), /127\.0\.0\.1:1 doesn't answer/);
    assert.equal(messages().length, so);
    assert.ok(started.every(({ written }) => !written.includes(keys.secretAccessKey)));
  });

  it("asks AWS for nothing that its role, or the limit of all roles, doesn't let it", () => {
    const policy = JSON.parse(one("iam/rolePolicy:RolePolicy", "digest").policy as string) as {
      Statement: { Action: string | string[]; Resource: string }[];
    };
    const own = new Map(policy.Statement.flatMap(({ Action, Resource }) => [Action].flat().map((each) => [each, Resource] as const))); // prettier-ignore
    assert.deepEqual([...new Set(api.asked)].sort(), ["cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms", "logs:FilterLogEvents", "sns:Publish"]); // prettier-ignore
    assert.equal(own.get("sns:Publish"), variables.TOPIC);
    const scope = { ...{ base, project: "switchyard", stack: "watched", region, account: "0", partition: "aws" }, masterSecret: "", secretsKey: "", bastion: false, certificate: "" }; // prettier-ignore
    const most = new Set(boundaryStatements(scope).flatMap(({ actions }) => [...actions]));
    for (const action of [...api.asked, "kms:Decrypt", "kms:GenerateDataKey"])
      assert.ok(own.has(action) && most.has(action), `${action} is not allowed`);
    // Of no other topic and no other key.
    assert.ok([...own.values()].every((resource) => resource !== "*"));
  });

  describe("with moto's SNS", () => {
    let moto: Moto;
    before(async function () {
      moto = await motoOrSkip(this);
    });
    after(() => (moto as Moto | undefined)?.stop());

    const ask = async (service: string, parameters: Record<string, string>): Promise<string> => {
      const body = new URLSearchParams(parameters).toString();
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const { ok, text } = await callAws({ service, endpoint: moto.url, headers, body }, { region, ...keys });
      assert.ok(ok, text);
      return text;
    };

    it("has each subscriber get its own form", async () => {
      const got: Promise<{ Subject: string; Message: string }>[] = [];
      const server = createServer((request, response) => {
        got.push(json(request) as (typeof got)[number]);
        response.end();
      });
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      try {
        const made = await ask("sns", { Action: "CreateTopic", Name: `${base}-digest`, Version: "2010-03-31" });
        const [, TopicArn = ""] = /<TopicArn>(.*?)</.exec(made) ?? [];
        const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
        // AWS lets nobody subscribe an address without TLS so; moto asks nothing.
        for (const Protocol of ["https", "http"])
          await ask("sns", { Action: "Subscribe", Version: "2010-03-31", TopicArn, Protocol, Endpoint: `${endpoint}${Protocol}` }); // prettier-ignore
        history(...fired("slow-queries", begin + hour, begin + 2 * hour));
        await called({ AWS_ENDPOINT_URL_SNS: moto.url, TOPIC: TopicArn }).callWith(event);
        const subject = `${base}: 1 low alarm fired, 0 still firing`;
        const delivered = (await Promise.all(got)).filter(({ Subject }) => Subject === subject);
        const [chatbot, plain] = delivered.map(({ Message }) => Message).toSorted((a) => (a.startsWith("{") ? -1 : 1));
        assert.equal(delivered.length, 2);
        const { version, source, content } = JSON.parse(chatbot ?? "") as Record<string, unknown>;
        assert.deepEqual([version, source], ["1.0", "custom"]);
        assert.match((content as { description: string }).description, /slow-queries fired once/);
        assert.match(plain ?? "", /^Alarms of severity low of switchyard-watched .*\n\nswitchyard-watched-slow-queries fired once/); // prettier-ignore
      } finally {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    });
  });
});
