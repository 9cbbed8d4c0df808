// A local stack in a repository of its own, whose commits are shipped and reverted as a team does it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { findHome } from "../../infra/platform/local/postgres/home";
import { colours, type BalancerState, type Colour } from "../../infra/platform/local/balancer/api";
import type { BalancerClient } from "../../infra/platform/local/balancer/client";
import { readCatalogue } from "../../infra/providers/schema/catalogue";
import { connectAsSuperuser, connectBalancer } from "./exported";
import { Clone, type Ended } from "./stack";

/** What a commit changes: keys of stack config as a whole, and files of migrations/ by name. */
export interface Commit {
  config?: Record<string, unknown>;
  migrations?: Record<string, string>;
}

/** Everything that a revert has to bring back, as it is really there. */
export interface Picture {
  greenWeight: number | undefined;
  tags: Record<string, string>;
  /** The release that each process answers as, asked itself. */
  running: Record<Colour, string[]>;
  /** Version of each migration that is applied. */
  applied: string[];
  /** Everything that migrations can change, PostgreSQL's own words for it. */
  catalogue: object;
  /** With their limits, and whether they may log in. */
  roles: object[];
  invalidIndexes: object[];
}

export class RevertingClone extends Clone {
  #config: Record<string, unknown> = {};
  #balancer: BalancerClient | undefined;
  #superuser: Client | undefined;

  /** Starts the stack with this config, all of it. */
  async begin(config: Record<string, unknown>): Promise<void> {
    this.#git("init", "--quiet");
    this.#write(config);
    const { code, output } = await this.npmStart();
    assert.equal(code, 0, output);
    await this.meetBalancer();
    this.#git("add", "--all", "--", ".", ":!node_modules");
    this.#commit("what is settled");
  }

  commit({ config = {}, migrations = {} }: Commit): void {
    this.#write({ ...this.#config, ...config });
    for (const [name, text] of Object.entries(migrations)) writeFileSync(join(this.folder, "migrations", name), text);
    this.#git("add", "--", "migrations", "Pulumi.local.yaml");
    this.#commit("one more");
  }

  /** `git revert` of the last commits. */
  revert(commits = 1): void {
    this.#revert(`HEAD~${commits}..HEAD`);
  }

  /** The commit that is checked out. */
  head(): string {
    return this.#git("rev-parse", "HEAD").trim();
  }

  /** `git revert` of everything since a commit. */
  revertTo(commit: string): void {
    this.#revert(`${commit}..HEAD`);
  }

  #revert(range: string): void {
    this.#git("revert", "--no-edit", range);
    this.#config = this.#read();
  }

  tryUp(): Promise<Ended> {
    return this.startUp().ended;
  }

  startUp() {
    return this.start(["tools/pulumi.cjs", "up", "--yes", "--skip-preview", "--stack", "local", "--non-interactive"]);
  }

  /** Kills every process of these colours. */
  async killCopies(...of: Colour[]): Promise<void> {
    const { targets } = await this.balancer().state();
    for (const { id } of of.flatMap((colour) => targets[colour])) process.kill(Number(/\d+$/.exec(id)?.[0]), "SIGKILL");
  }

  /** Where it is now: started anew, it may have another port. */
  async meetBalancer(): Promise<void> {
    this.#balancer = await connectBalancer(this);
  }

  balancer(): BalancerClient {
    assert.ok(this.#balancer, "the stack runs");
    return this.#balancer;
  }

  async production() {
    const { production } = await this.balancer().state();
    assert.ok(production, "there is a production listener");
    return production;
  }

  /** Kills PostgreSQL as the system does when memory is short. */
  killPostgres(): void {
    process.kill(Number(readFileSync(this.postgresFile("postmaster.pid"), "utf8").split("\n")[0]), "SIGKILL");
  }

  postgresFile(name: string): string {
    return join(findHome(join(this.folder, ".switchyard/local"), 15).data, name);
  }

  /** A statement past every rule of the stack. */
  async asSuperuser(text: string): Promise<object[]> {
    return (await (await this.#connected()).query<object>(text)).rows;
  }

  async picture(): Promise<Picture> {
    const client = await this.#connected();
    const rows = async (text: string) => (await client.query<object>(text)).rows;
    const applied = await rows("SELECT version FROM switchyard.migrations WHERE state = 'applied' ORDER BY version");
    const state = await this.balancer().state();
    const [blue, green] = await Promise.all(colours.map((colour) => releasesOf(state, colour)));
    return {
      greenWeight: state.production?.weights.green,
      tags: state.production?.tags ?? {},
      running: { blue: blue ?? [], green: green ?? [] },
      applied: applied.map((row) => (row as { version: string }).version),
      catalogue: await readCatalogue(client),
      roles: await rows(
        "SELECT rolname, rolconnlimit, rolcanlogin, rolcreaterole FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1",
      ),
      invalidIndexes: await rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"),
    };
  }

  override async dispose(): Promise<void> {
    await this.#superuser?.end();
    await super.dispose();
  }

  /** The session of before, unless its server has gone. */
  async #connected(): Promise<Client> {
    try {
      await this.#superuser?.query("SELECT 1");
    } catch {
      this.#superuser = undefined;
    }
    return (this.#superuser ??= await connectAsSuperuser(this));
  }

  #git(...args: string[]): string {
    return execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@localhost", ...args], {
      cwd: this.folder,
      stdio: "pipe",
      encoding: "utf8",
    });
  }

  #commit(message: string): void {
    this.#git("commit", "--quiet", "--allow-empty", "--message", message);
  }

  /** JSON is YAML, and one line a key is what reverts without conflicts. */
  #write(config: Record<string, unknown>): void {
    this.#config = config;
    const file = join(this.folder, "Pulumi.local.yaml");
    const salt = /^encryptionsalt:.*\n/m.exec(readFileSync(file, "utf8"))?.[0] ?? "";
    const lines = Object.entries(config).map(([key, value]) => `  switchyard:${key}: ${JSON.stringify(value)}\n`);
    writeFileSync(file, `${salt}config:\n${lines.join("")}`);
  }

  #read(): Record<string, unknown> {
    const text = readFileSync(join(this.folder, "Pulumi.local.yaml"), "utf8");
    const lines = [...text.matchAll(/^ {2}switchyard:(\w+): (.*)$/gm)];
    return Object.fromEntries(lines.map(([, key = "", value = ""]) => [key, JSON.parse(value) as unknown]));
  }
}

/** What each target of a colour says that it is, once the balancer finds it healthy. */
async function releasesOf({ targets }: BalancerState, colour: Colour): Promise<string[]> {
  const releases = await Promise.all(
    targets[colour].map(async ({ port }) => {
      const answer = await fetch(`http://127.0.0.1:${port}/health/ready`);
      return `${answer.headers.get("x-release") ?? "no release"} ${answer.status}`;
    }),
  );
  return releases.sort();
}
