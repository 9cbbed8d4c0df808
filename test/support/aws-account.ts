// An account of AWS as an emulator has it, for whole stacks: the real provider's code (run by ../shared/real-aws/run, or what
// SWITCHYARD_REAL_AWS names) against moto. What moto lacks stands here, so that a test can name it:
//   - RDS has no PostgreSQL behind it: `database.via` leads to an embedded one, whose administrator's password the secret of
//     the instance is made to hold;
//   - a load balancer has no listeners that listen: a small HTTPS server stands where the preview listener would be;
//   - copies of a service don't run: ECS says that they do;
//   - whether a service is spread anew over zones can't be read back: it is;
//   - whether an instance has performance insights can't be read back: it has;
//   - an instance of EC2 never comes to be what the provider waits for: there is no bastion;
//   - parameters of RDS, and descriptions of rules about groups, can't be read back either: a refresh forgets them;
//   - tags of what autoscaling scales can't be read back: they are as they were set.

import {
  AddTagsCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { AddressInfo } from "node:net";
import { stripVTControlCharacters } from "node:util";
import { motoOrSkip, type Moto } from "./moto";
import { json, MotoProxy, type Asked, type Reply, type Rule } from "./moto-proxy";
import { startPostgres, type TestPostgres } from "./postgres";
import { Clone, type Ended } from "./stack";

const checkout = resolve(__dirname, "../..");
const runner = process.env.SWITCHYARD_REAL_AWS ?? resolve(checkout, "../shared/real-aws/run");

export const region = "eu-west-1";
export const serviceHost = "pages.staging.example.com";

const testKeys = { accessKeyId: "test", secretAccessKey: "test" };

/** Starts it where somebody asked for it: it takes minutes. Skips the suite, and says so loudly, elsewhere. */
export async function emulated(context: Mocha.Context): Promise<EmulatedAccount> {
  if (process.env.CI === "true" || process.env.SWITCHYARD_REAL_AWS !== undefined) return EmulatedAccount.start(context);
  console.error(
    `\nSKIPPED, no stack is applied to an emulated AWS: it takes ten minutes; run it with SWITCHYARD_REAL_AWS=${runner}\n`,
  );
  return context.skip();
}

export class EmulatedAccount {
  readonly clone = new Clone();
  readonly #environment: Record<string, string>;

  private constructor(
    readonly moto: Moto,
    readonly proxy: MotoProxy,
    readonly postgres: TestPostgres,
    readonly preview: Server,
    readonly certificate: string,
    files: Certificate,
    provider: string,
  ) {
    const home = join(this.clone.folder, ".switchyard", "home");
    mkdirSync(home, { recursive: true });
    symlinkSync(join(process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"), "versions"), join(home, "versions"));
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the clone's own
    const { installStandIns } = require(join(this.clone.folder, "test/plugins/install.cjs")) as {
      installStandIns: (home: string, names: string[]) => void;
    };
    installStandIns(home, ["command", "postgresql"]);
    this.#environment = {
      PULUMI_CONFIG_PASSPHRASE: "emulated",
      AWS_ENDPOINT_URL: proxy.url,
      TF_AWS: provider,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: region,
      AWS_EC2_METADATA_DISABLED: "true",
      // What moto lacks, or this bridge can't hand over, is checked by the real provider, and made in memory.
      REAL_AWS_SIMULATE:
        "aws:cloudwatch/compositeAlarm:CompositeAlarm,aws:lambda/function:Function,aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
      NODE_PATH: join(checkout, "node_modules"),
      NODE_EXTRA_CA_CERTS: files.certificate,
      NODE_OPTIONS: ["hosts.cjs", "bridge.cjs"].map((file) => `--require ${join(__dirname, file)}`).join(" "),
      TEST_HOSTS: serviceHost,
    };
  }

  /** Starts all of it. Skips the suite, and says so loudly, where the machine has no such provider. */
  static async start(context: Mocha.Context): Promise<EmulatedAccount> {
    context.timeout(600_000);
    const provider = realProvider();
    const reason = unavailable(provider);
    if (reason !== undefined || provider === undefined) {
      console.error(`\nSKIPPED, no stack is applied to an emulated AWS: ${reason}\n`);
      return context.skip();
    }
    // Each service says that this many copies of it run, whatever is desired.
    process.env.MOTO_ECS_SERVICE_RUNNING = "2";
    process.env.MOTO_IAM_LOAD_MANAGED_POLICIES = "true";
    const moto = await motoOrSkip(context);
    const [proxy, postgres] = await Promise.all([MotoProxy.start(moto.url), startPostgres(15, 400)]);
    await administersAsOnRds(postgres);
    const folder = join(postgres.folder, "tls");
    const files = selfSigned(folder);
    const preview = createServer({ key: files.keyText, cert: files.text }, (_, response) =>
      response.writeHead(200).end("ok"),
    );
    preview.listen(0, "127.0.0.1");
    await once(preview, "listening");
    const certificate = await importCertificate(proxy.url, files);
    proxy.on("GetSecretValue", administratorsPassword(postgres));
    rememberTagsOfScaling(proxy);
    for (const action of ["CreateService", "UpdateService", "DescribeServices"]) proxy.on(action, withRebalancing);
    for (const action of ["CreateDBInstance", "ModifyDBInstance", "DescribeDBInstances"])
      proxy.on(action, withPerformanceInsights);
    return new EmulatedAccount(moto, proxy, postgres, preview, certificate, files, provider);
  }

  /** `npx pulumi …` of a stack; a code other than 0 is the caller's to judge. */
  async pulumi(stack: string, ...args: string[]): Promise<Ended> {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(PULUMI_|AWS_)/.test(name));
    const child = spawn(runner, ["node", "tools/pulumi.cjs", ...args, "--stack", stack, "--non-interactive"], {
      cwd: this.clone.folder,
      env: { ...Object.fromEntries(inherited), ...this.#environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => (output += stripVTControlCharacters(chunk)));
    }
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return { code, signal, output };
  }

  /** `npx pulumi …` that must succeed. @throws with its output. */
  async must(stack: string, ...args: string[]): Promise<string> {
    const { code, output } = await this.pulumi(stack, ...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${String(code)}:\n${output}`);
    return output;
  }

  /** What a command that must succeed prints as JSON, without what is said around it. */
  async json(stack: string, ...args: string[]): Promise<string> {
    const output = await this.must(stack, ...args);
    return output.slice(output.indexOf("\n{") + 1, output.lastIndexOf("\n}") + 2).trim();
  }

  /** Sets tags on the production listener behind the stack's back, as a walk does. */
  async tagListener(tags: Readonly<Record<string, string>>): Promise<void> {
    const elb = new ElasticLoadBalancingV2Client({ region, endpoint: this.proxy.url, credentials: testKeys });
    try {
      const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({}));
      const [balancer] = LoadBalancers;
      const { Listeners = [] } = await elb.send(
        new DescribeListenersCommand({ LoadBalancerArn: balancer?.LoadBalancerArn }),
      );
      const arn = Listeners.find(({ Port }) => Port === 443)?.ListenerArn;
      if (arn === undefined) throw new Error("there is no production listener");
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      await elb.send(new AddTagsCommand({ ResourceArns: [arn], Tags }));
    } finally {
      elb.destroy();
    }
  }

  /** Makes the stack, with what is this machine's in place of what would be the account's. */
  async init(stack: string): Promise<void> {
    await this.must(stack, "stack", "init");
    const set = {
      "domain.certificate": this.certificate,
      "domain.names[0]": serviceHost,
      "domain.preview.port": String((this.preview.address() as AddressInfo).port),
      "database.via.port": String(this.postgres.port),
      "database.via.sslmode": "disable",
      "rds.bastion": "false",
    };
    for (const [key, value] of Object.entries(set)) await this.must(stack, "config", "set", "--path", key, value);
  }

  async stop(): Promise<void> {
    rmSync(this.clone.folder, { recursive: true, force: true });
    this.preview.close();
    await this.proxy.stop();
    await Promise.all([this.moto.stop(), this.postgres.stop()]);
  }
}

/**
 * The executable of HashiCorp's provider on this machine; undefined where there is none. The runner would look for it in each
 * call, and ends without a word when a file of somebody else's goes while it looks.
 */
function realProvider(): string | undefined {
  if (process.env.TF_AWS !== undefined) return process.env.TF_AWS;
  const args = ["/", "-xdev", "-type", "f", "-name", "terraform-provider-aws_v*"];
  return spawnSync("find", args, { encoding: "utf8" }).stdout.split("\n").filter(Boolean).sort().at(-1);
}

/** Why no stack can be applied here; undefined where one can. */
function unavailable(provider: string | undefined): string | undefined {
  if (!existsSync(runner)) return `there is no ${runner}, which runs HashiCorp's provider against moto`;
  if (provider === undefined)
    return "there is no terraform-provider-aws executable on this machine, and TF_AWS names none";
  const { status, stderr } = spawnSync(runner, ["true"], {
    env: {
      ...process.env,
      ...{ AWS_ENDPOINT_URL: "http://127.0.0.1:1", NODE_PATH: join(checkout, "node_modules"), TF_AWS: provider },
    },
    encoding: "utf8",
  });
  return status === 0 ? undefined : stderr.trim() || `${runner} ended with ${String(status)} and said nothing`;
}

interface Certificate {
  readonly certificate: string;
  readonly text: string;
  readonly keyText: string;
}

export function selfSigned(folder: string): Certificate {
  mkdirSync(folder, { recursive: true });
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const subject = ["-subj", `/CN=${serviceHost}`, "-addext", `subjectAltName=DNS:${serviceHost}`];
  const form = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate];
  execFileSync("openssl", ["req", ...form, ...subject], { stdio: "ignore" });
  return { certificate, text: readFileSync(certificate, "utf8"), keyText: readFileSync(key, "utf8") };
}

/**
 * RDS's master user may create extensions that PostgreSQL leaves to superusers: what databases are made of has them. And it
 * may make others members of rds_superuser (RDS user guide, "Understanding the rds_superuser role").
 */
export async function administersAsOnRds(postgres: TestPostgres): Promise<void> {
  await postgres.asSuperuser((client) => client.query("GRANT rds_superuser TO switchyard WITH ADMIN OPTION"));
  await postgres.asSuperuser((client) => client.query("ALTER DATABASE template0 WITH ALLOW_CONNECTIONS true"));
  await postgres.asSuperuser((client) => client.query("CREATE EXTENSION pg_stat_statements"), "template0");
}

/** moto asks for no signature, but finds the service in it. */
async function importCertificate(url: string, { text, keyText }: Certificate): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "x-amz-target": "CertificateManager.ImportCertificate",
      "content-type": "application/x-amz-json-1.1",
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/acm/aws4_request, SignedHeaders=host, Signature=none`,
    },
    body: JSON.stringify({
      Certificate: Buffer.from(text).toString("base64"),
      PrivateKey: Buffer.from(keyText).toString("base64"),
    }),
  });
  const { CertificateArn } = (await response.json()) as { CertificateArn?: string };
  if (CertificateArn === undefined) throw new Error(`moto took no certificate: ${response.status}`);
  return CertificateArn;
}

/** The secret that RDS keeps for an instance holds the password of the PostgreSQL that stands behind it. */
const administratorsPassword =
  ({ administrator }: TestPostgres): Rule =>
  async (_, forward): Promise<Reply> => {
    const reply = await forward();
    const secret = JSON.parse(reply.body.toString()) as { Name?: string; SecretString?: string };
    if (secret.Name?.startsWith("rds!") !== true) return reply;
    const SecretString = JSON.stringify({ username: administrator.user, password: administrator.password });
    return { ...reply, body: Buffer.from(JSON.stringify({ ...secret, SecretString })) };
  };

/** As ECS has it since it spreads copies by itself; moto leaves it out. */
const withRebalancing: Rule = async (_, forward): Promise<Reply> => {
  const reply = await forward();
  const said = JSON.parse(reply.body.toString()) as { service?: object; services?: object[] };
  const spread = (service: object) => ({ ...service, availabilityZoneRebalancing: "ENABLED" });
  return {
    ...reply,
    body: Buffer.from(
      JSON.stringify({
        ...said,
        ...(said.service && { service: spread(said.service) }),
        ...(said.services && { services: said.services.map(spread) }),
      }),
    ),
  };
};

const withPerformanceInsights: Rule = async (_, forward): Promise<Reply> => {
  const reply = await forward();
  const on = "<PerformanceInsightsEnabled>true</PerformanceInsightsEnabled>";
  const without = reply.body
    .toString()
    .replaceAll(/<PerformanceInsightsEnabled>[^<]*<\/PerformanceInsightsEnabled>/g, "");
  return { ...reply, body: Buffer.from(without.replaceAll("</DBInstanceIdentifier>", `</DBInstanceIdentifier>${on}`)) };
};

/** moto takes them when a target is registered, and fails when it is asked for them. */
function rememberTagsOfScaling(proxy: MotoProxy): void {
  const tags = new Map<string, unknown>();
  const isScaling = ({ headers }: Asked): boolean => /AnyScale/.test(String(headers["x-amz-target"]));
  const said = (body: Buffer) => JSON.parse(body.toString()) as Record<string, string | undefined>;
  proxy.on("RegisterScalableTarget", async (asked, forward) => {
    const reply = await forward();
    const { Tags } = said(asked.body);
    const { ScalableTargetARN } = said(reply.body);
    if (ScalableTargetARN !== undefined && Tags !== undefined) tags.set(ScalableTargetARN, Tags);
    return reply;
  });
  proxy.on("ListTagsForResource", (asked, forward) =>
    isScaling(asked) ? json({ Tags: tags.get(said(asked.body).ResourceARN ?? "") ?? {} }) : forward(),
  );
}
