import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { installStandIns } from "../install.cjs";
import { fromStruct, toStruct, type Properties } from "./values";

interface Created {
  id: string;
  outs: Properties;
  /** The names of the outputs that are marked as secret. */
  secrets: Set<string>;
}

/** A plugin as the engine would run it: its installed launcher, spoken to in the real protocol. */
export class PluginProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly client: ResourceProviderClient,
    /** What it has written to stderr. */
    readonly said: () => string,
  ) {}

  /** Installs a stand-in into a home of its own and starts it, with `env` beside our own environment. */
  static start(name: string, env: NodeJS.ProcessEnv = {}): Promise<PluginProcess> {
    return withLauncher(name, async (launcher) => {
      const child = spawn(launcher, [], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
      const [port] = await Promise.race([
        lines(child, 1),
        once(child, "exit").then(() => Promise.reject(new Error(`the plugin ended at once: ${said}`))),
      ]);
      const client = new ResourceProviderClient(`127.0.0.1:${port ?? ""}`, grpc.credentials.createInsecure());
      return new PluginProcess(child, client, () => said);
    });
  }

  /** Starts a stand-in by a process that is then killed, as an engine may be. @returns the pid of the stand-in */
  static startOrphan(name: string): Promise<number> {
    return withLauncher(name, async (launcher) => {
      const parent = spawn("/bin/sh", ["-c", '"$0" & echo $!; wait', launcher], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      // Its pid, then the port that it serves on.
      const [pid] = await lines(parent, 2);
      parent.kill("SIGKILL");
      return Number(pid);
    });
  }

  async stop(): Promise<void> {
    this.client.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill();
    await once(this.child, "exit");
  }

  async configure(args: Properties, secrets?: Set<string>): Promise<proto.ConfigureResponse> {
    const request = new proto.ConfigureRequest().setArgs(toStruct(args, secrets)).setAcceptsecrets(true);
    return this.#ask<proto.ConfigureResponse>((done) => this.client.configure(request, done));
  }

  async checkConfig(args: Properties): Promise<string[]> {
    const request = new proto.CheckRequest().setNews(toStruct(args));
    return reasons(await this.#ask<proto.CheckResponse>((done) => this.client.checkConfig(request, done)));
  }

  async check(type: string, news: Properties): Promise<string[]> {
    return (await this.checked(type, news)).failures;
  }

  /** What check says, and the inputs that it gives back. */
  async checked(
    type: string,
    news: Properties,
    olds?: Properties,
    name?: string,
  ): Promise<{ failures: string[]; inputs: Properties }> {
    const request = new proto.CheckRequest()
      .setUrn(urnOf(type, name))
      .setNews(toStruct(news))
      .setRandomseed(randomBytes(32));
    if (olds !== undefined) request.setOlds(toStruct(olds));
    const response = await this.#ask<proto.CheckResponse>((done) => this.client.check(request, done));
    return { failures: reasons(response), inputs: fromStruct(response.getInputs()).plain };
  }

  async invoke(token: string, args: Properties = {}): Promise<Properties> {
    const request = new proto.InvokeRequest().setTok(token).setArgs(toStruct(args));
    const response = await this.#ask<proto.InvokeResponse>((done) => this.client.invoke(request, done));
    return fromStruct(response.getReturn()).plain;
  }

  /** The properties that change, each marked `!` when it takes a replacement; in alphabetical order. */
  async diff(type: string, olds: Properties, news: Properties, ignored: string[] = []): Promise<string[]> {
    const request = new proto.DiffRequest()
      .setUrn(urnOf(type))
      .setOlds(toStruct(olds))
      .setNews(toStruct(news))
      .setIgnorechangesList(ignored);
    const response = await this.#ask<proto.DiffResponse>((done) => this.client.diff(request, done));
    const replaces = response.getReplacesList();
    return response
      .getDiffsList()
      .map((property) => (replaces.includes(property) ? `${property}!` : property))
      .sort();
  }

  async create(
    type: string,
    news: Properties,
    options: { preview?: boolean; secrets?: Set<string> } = {},
  ): Promise<Created> {
    const request = new proto.CreateRequest()
      .setUrn(urnOf(type))
      .setProperties(toStruct(news, options.secrets))
      .setPreview(options.preview ?? false);
    const response = await this.#ask<proto.CreateResponse>((done) => this.client.create(request, done));
    const { plain, secrets } = fromStruct(response.getProperties());
    return { id: response.getId(), outs: plain, secrets };
  }

  async update(type: string, id: string, olds: Properties, news: Properties): Promise<Properties> {
    const request = new proto.UpdateRequest()
      .setUrn(urnOf(type))
      .setId(id)
      .setOlds(toStruct(olds))
      .setNews(toStruct(news));
    const response = await this.#ask<proto.UpdateResponse>((done) => this.client.update(request, done));
    return fromStruct(response.getProperties()).plain;
  }

  /** What is there; undefined when the plugin says it is gone. Without `olds` it is an import. */
  async read(
    type: string,
    id: string,
    olds?: Properties,
  ): Promise<{ outs: Properties; inputs: Properties } | undefined> {
    const request = new proto.ReadRequest().setUrn(urnOf(type)).setId(id);
    if (olds !== undefined) request.setProperties(toStruct(olds)).setInputs(toStruct(olds));
    const response = await this.#ask<proto.ReadResponse>((done) => this.client.read(request, done));
    if (response.getId() === "") return undefined;
    return { outs: fromStruct(response.getProperties()).plain, inputs: fromStruct(response.getInputs()).plain };
  }

  async delete(type: string, id: string, olds: Properties): Promise<void> {
    const request = new proto.DeleteRequest().setUrn(urnOf(type)).setId(id).setProperties(toStruct(olds));
    await this.#ask<Empty>((done) => this.client.delete(request, done));
  }

  async cancel(): Promise<void> {
    await this.#ask<Empty>((done) => this.client.cancel(new Empty(), done));
  }

  #ask<Response>(
    call: (done: (error: grpc.ServiceError | null, response: Response) => void) => void,
  ): Promise<Response> {
    return new Promise((resolve, reject) =>
      call((error, response) => (error === null ? resolve(response) : reject(error))),
    );
  }
}

async function withLauncher<T>(name: string, work: (launcher: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-plugins-"));
  try {
    installStandIns(home, [name]);
    const [folder = ""] = readdirSync(join(home, "plugins"));
    return await work(join(home, "plugins", folder, `pulumi-resource-${name}`));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The first lines that a process writes. */
function lines(child: ChildProcess, count: number): Promise<string[]> {
  const { stdout } = child;
  if (stdout === null) throw new Error("the process was started without a pipe for stdout");
  return new Promise((resolve) => {
    const read: string[] = [];
    createInterface(stdout).on("line", (line) => {
      read.push(line);
      if (read.length === count) resolve(read);
    });
  });
}

const reasons = (response: proto.CheckResponse): string[] =>
  response.getFailuresList().map((failure) => `${failure.getProperty()}: ${failure.getReason()}`);

const urnOf = (type: string, name = "subject"): string =>
  `urn:pulumi:test::switchyard::switchyard:index:Access$${type}::${name}`;
