// A whole stack on the stand-in for AWS (test/plugins/aws): the real program and engine, an account in a file, an embedded
// PostgreSQL behind RDS, and a small HTTPS server where the preview listener would be.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Properties } from "../plugins/protocol/values";
import { Account } from "../plugins/aws/account";
import { AwsApi } from "../plugins/aws/api/server";
import { accountIn, standInEnvironment } from "../plugins/aws/environment";
import { administersAsOnRds, selfSigned, serviceHost } from "./aws-account";
import { startPostgres, type TestPostgres } from "./postgres";
import { Clone, type Ended } from "./stack";

const certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef";
const listenerToken = "aws:lb/listener:Listener";

interface Group {
  arn: string;
  weight: number;
}

/** What listens where the preview listener would. */
interface Preview {
  readonly port: number;
  stop(): Promise<void>;
}

/** What stands in place of what is simplest. */
export interface AwsStackOptions {
  /** By which CloudWatch counts, milliseconds since the epoch. Default: the machine's clock. */
  now?: () => number;
  /** Default: a server that answers 200 to everything. */
  preview?: (api: AwsApi, tls: { key: string; cert: string }) => Promise<Preview>;
  /** Where the database is reached. Default: PostgreSQL's own port. */
  via?: (postgres: TestPostgres) => Promise<number>;
  /** Loaded by every process of an `up`, beside hosts.cjs: files of this folder. */
  preload?: string[];
  environment?: NodeJS.ProcessEnv;
}

export class AwsStack {
  /** What its commands have beside this process's own. */
  readonly environment: NodeJS.ProcessEnv;

  private constructor(
    readonly clone: Clone,
    readonly account: Account,
    readonly api: AwsApi,
    readonly postgres: TestPostgres,
    private readonly folder: string,
    private readonly preview: Preview,
    /** Where `pulumi up` reaches the database. */
    readonly databasePort: number,
    ca: string,
    { preload = [], environment = {} }: AwsStackOptions,
  ) {
    this.environment = {
      ...standInEnvironment(folder, api.url),
      AWS_EC2_METADATA_DISABLED: "true",
      NODE_EXTRA_CA_CERTS: ca,
      NODE_OPTIONS: ["hosts.cjs", ...preload].map((file) => `--require ${join(__dirname, file)}`).join(" "),
      TEST_HOSTS: serviceHost,
      ...environment,
    };
  }

  static async start(options: AwsStackOptions = {}): Promise<AwsStack> {
    // It fails where somebody changes the checkout meanwhile: nothing is to be stopped yet.
    const clone = new Clone();
    const folder = mkdtempSync(join(tmpdir(), "switchyard-aws-"));
    const account = new Account(accountIn(folder));
    const [api, postgres] = await Promise.all([AwsApi.start(account, options.now), startPostgres(15, 400)]);
    await administersAsOnRds(postgres);
    const { keyText: key, text: cert, certificate: ca } = selfSigned(join(folder, "tls"));
    const preview = await (options.preview ?? alwaysGood)(api, { key, cert });
    account.change((rows) =>
      rows.put({ token: "aws:acm/certificate:Certificate", id: certificate, outs: { arn: certificate } }),
    );
    const { password } = postgres.administrator;
    account.setOption("rds", { host: "127.0.0.1", port: postgres.port, password });
    const port = (await options.via?.(postgres)) ?? postgres.port;
    return new AwsStack(clone, account, api, postgres, folder, preview, port, ca, options);
  }

  /** `npx pulumi …` of a stack; a code other than 0 is the caller's to judge. */
  pulumi(stack: string, ...args: string[]): Promise<Ended> {
    return this.clone.run(["tools/pulumi.cjs", ...args, "--stack", stack, "--non-interactive"], this.environment);
  }

  /** `npx pulumi …` that must succeed. @throws with its output. */
  async must(stack: string, ...args: string[]): Promise<string> {
    const { code, output } = await this.pulumi(stack, ...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${String(code)}:\n${output}`);
    return output;
  }

  up(): Promise<Ended> {
    return this.pulumi("staging", "up", "--yes", "--skip-preview");
  }

  /** A preview, and then the `up` of the very change that it shows, as whoever approves it does. */
  async approved(stack: string): Promise<Ended & { preview: string }> {
    const preview = await this.must(stack, "preview");
    const [, digest = ""] = /SWITCHYARD_CONFIRM=([0-9a-f]{16}) pulumi up/.exec(preview) ?? [];
    const up = ["up", "--yes", "--skip-preview", "--stack", stack, "--non-interactive"];
    const environment = { ...this.environment, SWITCHYARD_CONFIRM: digest };
    return { preview, ...(await this.clone.run(["tools/pulumi.cjs", ...up], environment)) };
  }

  set(stack: string, key: string, value: string): Promise<string> {
    return this.setAll(stack, { [key]: value });
  }

  setAll(stack: string, values: Readonly<Record<string, string>>): Promise<string> {
    const pairs = Object.entries(values).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
    return this.must(stack, "config", "set-all", "--path", ...pairs);
  }

  /** Makes the stack, with what is this machine's in place of what would be the account's. */
  async init(stack: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.must(stack, "stack", "init");
    await this.setAll(stack, {
      "domain.certificate": certificate,
      "domain.names[0]": serviceHost,
      "domain.preview.port": String(this.preview.port),
      "database.via.port": String(this.databasePort),
      "database.via.sslmode": "disable",
      ...more,
    });
  }

  /** Before `init`: production with no staging beside it, and nobody who would name a digest. */
  productionAlone(): void {
    this.clone.edit("Pulumi.production.yaml", (text) => text.replaceAll(/.*(requiredFrom|requireConfirm): .*\n/g, ""));
  }

  /** Everything that there is of the account, by token. */
  tokens(): string[] {
    return this.account.change((rows) => rows.all().map(({ token }) => token));
  }

  /** What Secrets Manager hands to the copies of each colour. */
  copiesPasswords(): string[] {
    const versions = this.account.change((rows) => rows.all("aws:secretsmanager/secretVersion:SecretVersion"));
    return versions.flatMap(({ outs }) => {
      const text = outs["secretString"];
      const secret = typeof text === "string" ? (JSON.parse(text) as { username?: string; password?: string }) : {};
      return secret.password !== undefined && /blue|green/.test(secret.username ?? "") ? [secret.password] : [];
    });
  }

  /** What RDS does every week: the master user gets another password, and Secrets Manager holds that one. */
  async rotate(): Promise<void> {
    const password = randomBytes(18).toString("base64url");
    const { user } = this.postgres.administrator;
    await this.postgres.asSuperuser((client) =>
      client.query(`ALTER ROLE ${client.escapeIdentifier(user)} PASSWORD ${client.escapeLiteral(password)}`),
    );
    this.account.change((rows) => {
      const isMasters = ({ id }: { id: string }) => id.includes(":secret:rds!");
      const held = rows.all("aws:secretsmanager/secretVersion:SecretVersion").filter(isMasters);
      if (held.length !== 1) throw new Error(`the account has ${held.length} secrets of master users, expected one`);
      for (const row of held) {
        const secretString = JSON.stringify({ username: user, password });
        rows.put({ ...row, outs: { ...row.outs, secretString } });
      }
    });
    this.postgres.administrator.password = password;
  }

  /** Green's share of the production listener as AWS has it. @throws where both have none, or there is no listener. */
  greenWeight(): number {
    const { green, blue } = this.account.change((rows) => weightsOf(this.#groups(rows.all(listenerToken))));
    if (green.weight + blue.weight !== 100) throw new Error(`weights ${blue.weight} and ${green.weight} are no shares`);
    return green.weight;
  }

  /** What somebody does in the console, or a walk that was made elsewhere. */
  moveWeights(greenWeight: number): void {
    this.account.change((rows) => {
      const row = production(rows.all(listenerToken));
      const { blue, green } = weightsOf(this.#groups([row]));
      [blue.weight, green.weight] = [100 - greenWeight, greenWeight];
      rows.put(row);
    });
  }

  #groups(rows: { id: string; outs: Properties }[]): Group[] {
    const [action] = production(rows.map((row) => ({ ...row, token: listenerToken }))).outs["defaultActions"] as {
      forward: { targetGroups: Group[] };
    }[];
    return action?.forward.targetGroups ?? [];
  }

  async stop(): Promise<void> {
    await this.preview.stop();
    await this.api.stop();
    this.account.close();
    await this.postgres.stop();
    for (const each of [this.clone.folder, this.folder]) rmSync(each, { recursive: true, force: true });
  }
}

async function alwaysGood(_: AwsApi, tls: { key: string; cert: string }): Promise<Preview> {
  const server: Server = createServer(tls, (_request, response) => response.writeHead(200).end("ok"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

function production<T extends { outs: Properties }>(rows: T[]): T {
  const found = rows.find(({ outs }) => outs["port"] === 443);
  if (found === undefined) throw new Error("the account has no production listener");
  return found;
}

function weightsOf(groups: Group[]): Record<"blue" | "green", Group> {
  const of = (colour: string): Group => {
    const group = groups.find(({ arn }) => arn.includes(`-${colour}/`));
    if (group === undefined) throw new Error(`the production listener does not know ${colour}'s target group`);
    return group;
  };
  return { blue: of("blue"), green: of("green") };
}
