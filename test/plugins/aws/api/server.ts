import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Properties } from "../../protocol/values";
import type { Account, Rows } from "../account";
import { AwsError } from "../errors";
import { dueFault } from "../faults";
import { cloudwatch } from "./cloudwatch";
import { ecs } from "./ecs";
import { elbv2 } from "./elbv2";
import { Figures } from "./figures";
import { logs } from "./logs";
import { parseQuery, xml } from "./query";
import { rds } from "./rds";
import { s3, s3Action } from "./s3";
import { sns } from "./sns";

/** The SDK signs requests for a service: its name in the signature, by which one address serves them all. */
const serviceOf = (request: IncomingMessage): string =>
  /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";

/**
 * The APIs of AWS that the program itself calls, over the account that the plugin keeps: what is changed here, the plugin
 * reads. Give its `url` to the program as AWS_ENDPOINT_URL. Injected faults are met here too (`on: "api"`, `of` the action).
 */
export class AwsApi {
  readonly url: string;

  private constructor(
    readonly account: Account,
    readonly figures: Figures,
    private readonly server: Server,
    /** Each call so far, refused ones too, as a policy names it: "rds:DescribeDBSnapshots". */
    readonly asked: readonly string[],
  ) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param now the clock of the figures, milliseconds since the epoch. Default: the machine's */
  static async start(account: Account, now: () => number = Date.now): Promise<AwsApi> {
    const figures = new Figures(now);
    const asked: string[] = [];
    const server = createServer((request, response) => {
      answer({ account, figures, asked }, request, response).catch((error: unknown) =>
        refuse(error, request, response),
      );
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return new AwsApi(account, figures, server, asked);
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    this.server.closeAllConnections();
    await closed;
  }
}

const regionOf = (request: IncomingMessage): string =>
  /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";

type Actions = Record<string, (parameters: Properties, rows: Rows, region: string) => Properties>;

interface Answering {
  account: Account;
  figures: Figures;
  asked: string[];
}

async function answer(
  { account, figures, asked }: Answering,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await buffer(request);
  const service = serviceOf(request);
  if (service === "s3") {
    const action = s3Action(request);
    asked.push(`s3:${action}`);
    meetFault(account, action);
    s3(account, request, body, response);
    return;
  }
  const target = request.headers["x-amz-target"];
  const { action, parameters } =
    typeof target === "string"
      ? { action: target.split(".").at(-1) ?? "", parameters: JSON.parse(body.toString() || "{}") as Properties }
      : parseQuery(body.toString());
  asked.push(`${service === "monitoring" ? "cloudwatch" : service}:${action}`);
  const actions: Record<string, Actions> = {
    elasticloadbalancing: elbv2,
    ecs,
    monitoring: cloudwatch(figures),
    rds,
    sns,
    logs,
  };
  const work = actions[service]?.[action];
  if (work === undefined)
    throw new AwsError(
      "UnknownOperationException",
      `the stand-in for AWS has no ${action} of ${service || "nothing"}`,
      501,
    );
  meetFault(account, action);
  const result = account.change((rows) => work(parameters, rows, regionOf(request)));
  if (typeof target === "string") {
    response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(result));
    return;
  }
  const inner = `<${action}Result>${xml(result)}</${action}Result>`;
  response.writeHead(200, { "content-type": "text/xml" }).end(`<${action}Response>${inner}</${action}Response>`);
}

function meetFault(account: Account, action: string): void {
  const due = account.change((rows) => dueFault(rows, { of: action, on: "api" }));
  if (due !== undefined) throw due.error;
}

/** An error in the form of the protocol that was spoken. What is no refusal is a mistake of the stand-in: it is said too. */
function refuse(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  const { code, reason, status } =
    error instanceof AwsError ? error : new AwsError("InternalFailure", (error as Error).message, 500);
  if (typeof request.headers["x-amz-target"] === "string") {
    response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
    response.end(JSON.stringify({ __type: code, message: reason }));
    return;
  }
  const inside = xml({ Code: code, Message: reason });
  response.writeHead(status, { "content-type": "text/xml" });
  response.end(
    serviceOf(request) === "s3"
      ? `<Error>${inside}</Error>`
      : `<ErrorResponse><Error>${inside}</Error></ErrorResponse>`,
  );
}
