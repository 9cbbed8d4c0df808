import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Properties } from "../../protocol/values";
import type { Account, Rows } from "../account";
import { number, text, textsAt } from "../values";
import type { Figures } from "./figures";

/** Where requests for a target group really go. */
export type Services = Record<string, { host: string; port: number } | undefined>;

/** Which port of which load balancer it plays. */
export interface Place {
  /** ARN. Default: whichever has a listener of that port. */
  loadBalancer?: string;
  /** The listener's. Default: the one that is really listened on. */
  port?: number;
  /** By ARN of the target group. What is missing has no targets: 503. */
  services: Services;
  /** Certificate and key; without them it speaks plain HTTP. */
  tls?: { cert: string; key: string };
}

/** How long an idle connection is kept: the default of an Application Load Balancer. */
const idleMs = 60_000;

/**
 * A load balancer's port, with real requests: each goes where the live weights and rules say, which are read from the account
 * for each, and is counted as CloudWatch counts it.
 */
export class AwsBalancer {
  readonly port: number;

  private constructor(private readonly server: Server) {
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(account: Account, figures: Figures, place: Place): Promise<AwsBalancer> {
    const forward = (request: IncomingMessage, response: ServerResponse) => {
      const way = account.change((rows) => chosen(rows, { port: balancer.port, ...place }, request));
      pass(figures, place, way, request, response);
    };
    const server = place.tls === undefined ? createServer(forward) : createTlsServer(place.tls, forward);
    server.keepAliveTimeout = idleMs;
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const balancer = new AwsBalancer(server);
    return balancer;
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    this.server.closeAllConnections();
    await closed;
  }
}

const dimension = (arn: string, word: string): string => arn.slice(arn.indexOf(word));

/** Where a request goes; without a group nobody is behind the listener for it. */
interface Way {
  loadBalancer: string;
  group?: string | undefined;
}

/** The target group that a request goes to: of the first rule that fits it, else of the listener. */
function chosen(rows: Rows, { loadBalancer, port }: Place, request: IncomingMessage): Way | undefined {
  const listener = rows
    .all("aws:lb/listener:Listener")
    .find(({ outs }) => [outs["loadBalancerArn"], undefined].includes(loadBalancer) && outs["port"] === port);
  if (listener === undefined) return undefined;
  const rule = rows
    .all("aws:lb/listenerRule:ListenerRule")
    .filter(({ outs }) => outs["listenerArn"] === listener.id)
    .sort((a, b) => (number(a.outs, "priority") ?? 0) - (number(b.outs, "priority") ?? 0))
    .find(({ outs }) => (outs["conditions"] as Properties[]).every((condition) => fits(condition, request)));
  const group = byWeight((rule?.outs["actions"] ?? listener.outs["defaultActions"]) as Properties[]);
  return { loadBalancer: text(listener.outs, "loadBalancerArn"), group };
}

/** Conditions on headers and paths; any other one would have to be built first. */
function fits(condition: Properties, request: IncomingMessage): boolean {
  const header = condition["httpHeader"] as Properties | undefined;
  if (header !== undefined)
    return textsAt(header, "values").includes(
      String(request.headers[text(header, "httpHeaderName").toLowerCase()] ?? ""),
    );
  const paths = textsAt(condition, "pathPattern.values");
  if (paths.length === 0) throw new Error(`the stand-in for a load balancer can't judge ${JSON.stringify(condition)}`);
  return paths.some((path) => path === "*" || path === request.url || path === "/*");
}

function byWeight(actions: Properties[]): string | undefined {
  const action = actions.find(({ type }) => type === "forward");
  const single = action === undefined ? "" : text(action, "targetGroupArn");
  const groups = (action?.["forward"] as { targetGroups: { arn: string; weight: number }[] } | undefined)?.targetGroups;
  if (groups === undefined) return single || undefined;
  let point = Math.random() * groups.reduce((sum, { weight }) => sum + weight, 0);
  return groups.find(({ weight }) => (point -= weight) < 0)?.arn;
}

function pass(
  figures: Figures,
  { services }: Place,
  way: Way | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const begun = performance.now();
  const group = way?.group;
  const record = (status: number, byTarget: boolean) => {
    if (way === undefined) return;
    figures.record({
      ...{ balancer: dimension(way.loadBalancer, "app/"), status, byTarget },
      seconds: (performance.now() - begun) / 1_000,
      ...(group !== undefined && service !== undefined && { group: dimension(group, "targetgroup/") }),
    });
  };
  const refuse = (status: number) => {
    record(status, false);
    if (response.headersSent) response.destroy();
    else response.writeHead(status).end();
  };
  const service = group === undefined ? undefined : services[group];
  if (service === undefined) {
    refuse(503);
    return;
  }
  const { method, url, headers } = request;
  const asked = ask({ ...service, method, path: url, headers, agent: false }, (answer) => {
    answer.on("error", () => response.destroy());
    answer.on("end", () => record(answer.statusCode ?? 502, true));
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  // Broken off by its target: 502, as an Application Load Balancer says.
  asked.on("error", () => refuse(502));
  request.pipe(asked);
}
