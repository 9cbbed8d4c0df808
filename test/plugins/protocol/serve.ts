import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { unary } from "./answer";
import { compare, type Context, type Difference, type Failure, type Kind, type Plugin } from "./plugin";
import { fromStruct, toStruct, type Properties } from "./values";

/** How often, in ms, the plugin looks whether the engine that started it is still there. */
const watchMs = 1_000;

/**
 * Serves `plugin` to the engine that started this process, in Pulumi's own protocol, until the engine ends it or is gone.
 *
 * `@pulumi/pulumi/provider` has a server too, but it drops what Configure is given, and so can't connect to anything;
 * it hands no preview flag on, and no detailed differences back.
 * @param argv the arguments of the process: flags, and the address of the engine.
 */
export async function serve(plugin: Plugin, argv: string[]): Promise<void> {
  console.error(`pulumi-resource-${plugin.name}: a stand-in for tests and local use, not the official plugin`);
  const cancelled = new AbortController();
  endWithEngine(cancelled);
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  const engine = argv.find((argument) => !argument.startsWith("-"));
  server.addService(ResourceProviderService, handlers(plugin, engineLog(engine), cancelled));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  // What the engine reads to find us.
  process.stdout.write(`${port}\n`);
}

/** A `kill -9` of the engine reaches no plugin: without this, what it left running would go on against the next `up`. */
function endWithEngine(cancelled: AbortController): void {
  const engine = process.ppid;
  setInterval(() => {
    if (process.ppid === engine) return;
    cancelled.abort(new Error("the engine is gone"));
    process.exit(1);
  }, watchMs).unref();
}

function engineLog(address: string | undefined): (urn: string, line: string) => Promise<void> {
  const client = address === undefined ? undefined : new EngineClient(address, grpc.credentials.createInsecure());
  return (urn, line) =>
    new Promise((resolve, reject) => {
      const request = new LogRequest().setSeverity(LogSeverity.INFO).setUrn(urn).setMessage(line);
      if (client === undefined) resolve();
      else client.log(request, (error) => (error === null ? resolve() : reject(error)));
    });
}

function handlers(plugin: Plugin, log: (urn: string, line: string) => Promise<void>, cancelled: AbortController) {
  const context = (urn: string, ignored: readonly string[] = []): Context => ({
    urn,
    ignored: ignored.map((path) => path.split(/[.[]/)[0] ?? path),
    name: urn.split("::").at(-1) ?? urn,
    signal: cancelled.signal,
    log: (line) => log(urn, line),
  });
  const kind = (urn: string) => kindOf(plugin, urn);
  /** Outputs for the engine; computed ones are secret as soon as an input is. */
  const marked = (outs: Properties, secrets: Set<string>, news: Properties) => {
    const derived = secrets.size === 0 ? [] : Object.keys(outs).filter((key) => news[key] === undefined);
    return toStruct(outs, plugin.acceptsSecrets ? new Set([...secrets, ...derived]) : undefined);
  };
  return {
    ...configuration(plugin, cancelled),

    check: unary((request: proto.CheckRequest) => {
      const subject = kind(request.getUrn());
      const news = fromStruct(request.getNews()).plain;
      const olds = request.hasOlds() ? fromStruct(request.getOlds()).plain : undefined;
      const added = subject.complete?.(news, olds, context(request.getUrn()).name, request.getRandomseed_asU8()) ?? {};
      const inputs = request.getNews() ?? toStruct({});
      for (const [key, value] of toStruct(added).getFieldsMap().entries()) inputs.getFieldsMap().set(key, value);
      const failures = subject.check({ ...news, ...added });
      return new proto.CheckResponse().setInputs(inputs).setFailuresList(failures.map(asFailure));
    }),
    diff: unary((request: proto.DiffRequest) => {
      const [olds, news] = [fromStruct(request.getOlds()).plain, fromStruct(request.getNews()).plain];
      return asDiff(kind(request.getUrn()).diff(olds, news), request.getIgnorechangesList());
    }),
    create: unary(async (request: proto.CreateRequest) => {
      const { plain: news, secrets } = fromStruct(request.getProperties());
      const { id, outs } = request.getPreview()
        ? { id: "", outs: kind(request.getUrn()).plan(news, undefined) }
        : await kind(request.getUrn()).create(news, context(request.getUrn()));
      return new proto.CreateResponse().setId(id).setProperties(marked(outs, secrets, news));
    }),
    update: unary(async (request: proto.UpdateRequest) => {
      const { plain: news, secrets } = fromStruct(request.getNews());
      const olds = fromStruct(request.getOlds()).plain;
      const outs = request.getPreview()
        ? kind(request.getUrn()).plan(news, olds)
        : await kind(request.getUrn()).update(olds, news, context(request.getUrn(), request.getIgnorechangesList()));
      return new proto.UpdateResponse().setProperties(marked(outs, secrets, news));
    }),
    read: unary(async (request: proto.ReadRequest) => {
      const { plain: olds, secrets } = fromStruct(request.getProperties());
      const known = Object.keys(olds).length > 0 ? olds : undefined;
      const found = await kind(request.getUrn()).read(request.getId(), known, context(request.getUrn()));
      // Without an id the engine takes the resource as gone.
      if (found === undefined) return new proto.ReadResponse();
      return new proto.ReadResponse()
        .setId(found.id)
        .setProperties(toStruct(found.outs, plugin.acceptsSecrets ? secrets : undefined))
        .setInputs(found.inputs === undefined ? request.getInputs() : toStruct(found.inputs));
    }),
    delete: unary(async (request: proto.DeleteRequest) => {
      await kind(request.getUrn()).delete(fromStruct(request.getProperties()).plain, context(request.getUrn()));
      return new Empty();
    }),
  };
}

/** What concerns the plugin as a whole. */
function configuration(plugin: Plugin, cancelled: AbortController) {
  const { name, version } = plugin;
  return {
    getPluginInfo: unary<Empty, PluginInfo>(() => new PluginInfo().setVersion(version)),
    getSchema: unary<proto.GetSchemaRequest, proto.GetSchemaResponse>(() =>
      new proto.GetSchemaResponse().setSchema(JSON.stringify({ name, version })),
    ),
    checkConfig: unary((request: proto.CheckRequest) => {
      const failures = plugin.checkConfig(fromStruct(request.getNews()).plain);
      return new proto.CheckResponse().setInputs(request.getNews()).setFailuresList(failures.map(asFailure));
    }),
    // Wherever the plugin connects, and as whom: the resources are the same ones, so nothing is replaced.
    diffConfig: unary((request: proto.DiffRequest) => {
      const [olds, news] = [request.getOlds(), request.getNews()].map((struct) => fromStruct(struct).plain);
      return asDiff(compare(olds ?? {}, news ?? {}), request.getIgnorechangesList());
    }),
    configure: unary((request: proto.ConfigureRequest) => {
      plugin.configure(fromStruct(request.getArgs()).plain);
      return new proto.ConfigureResponse().setSupportspreview(true).setAcceptsecrets(plugin.acceptsSecrets);
    }),
    invoke: unary(async (request: proto.InvokeRequest) => {
      const functions = plugin.functions ?? {};
      const work = functions[request.getTok()];
      const offered = Object.keys(functions).join(", ") || "no functions";
      if (work === undefined)
        throw new Error(`${request.getTok()} is not offered by the stand-in for ${name}, which has ${offered}`);
      return new proto.InvokeResponse().setReturn(toStruct(await work(fromStruct(request.getArgs()).plain)));
    }),
    cancel: unary<Empty, Empty>(() => {
      cancelled.abort(new Error("cancelled by the engine"));
      return new Empty();
    }),
  };
}

/** The kind of a resource, by the type in its URN, such as "…::project::parent$postgresql:index/role:Role::name". */
function kindOf(plugin: Plugin, urn: string): Kind {
  const type = urn.split("::")[2]?.split("$").at(-1) ?? urn;
  const kind = plugin.kinds[type];
  if (kind !== undefined) return kind;
  const offered = Object.keys(plugin.kinds).join(", ");
  throw new Error(
    `${type} is not offered by the stand-in for ${plugin.name}, which has ${offered}; ` +
      `install the official plugin, or add it to test/plugins/${plugin.name}`,
  );
}

const asFailure = ({ property, reason }: Failure): proto.CheckFailure =>
  new proto.CheckFailure().setProperty(property).setReason(reason);

function asDiff({ changed, replaces, deleteBeforeReplace }: Difference, ignored: string[]): proto.DiffResponse {
  const counts = (property: string) => !ignored.some((path) => path.split(/[.[]/)[0] === property);
  const response = new proto.DiffResponse()
    .setChanges(proto.DiffResponse.DiffChanges[changed.some(counts) ? "DIFF_SOME" : "DIFF_NONE"])
    .setDiffsList(changed.filter(counts))
    .setReplacesList(replaces.filter(counts))
    .setDeletebeforereplace(deleteBeforeReplace && replaces.some(counts))
    .setHasdetaileddiff(true);
  const { UPDATE, UPDATE_REPLACE } = proto.PropertyDiff.Kind;
  for (const property of changed.filter(counts))
    response
      .getDetaileddiffMap()
      .set(property, new proto.PropertyDiff().setKind(replaces.includes(property) ? UPDATE_REPLACE : UPDATE));
  return response;
}
