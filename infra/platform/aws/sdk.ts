import type { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { AwsFailed, kindOf, logIn } from "./sdk-errors";

type Source = ReturnType<typeof fromNodeProviderChain>;
type Identity = Awaited<ReturnType<Source>>;
/** Gives credentials, as often as they are needed. */
export type Credentials = () => Promise<Identity>;

/** One role to assume, with the credentials that the one before it gave. */
export interface AssumedRole {
  readonly roleArn: string;
  readonly externalId?: string;
  /** 2 to 64 letters, digits and `_ = , . @ -`. @default "switchyard" */
  readonly sessionName?: string;
}

/**
 * How AWS is reached, as Pulumi's own `aws:` config says. Plain data without a secret, as it is in state: credentials come
 * from where every tool of AWS looks for them (environment, profile, web identity, container, instance).
 */
export interface AwsConnection {
  readonly region: string;
  /** A profile of ~/.aws/config. @default AWS_PROFILE, else `default` */
  readonly profile?: string;
  /** Assumed one after the other. @default none */
  readonly assumeRoles?: readonly AssumedRole[];
  /**
   * Other addresses than AWS's own, by service as `aws:endpoints` names them (`elbv2`, `cloudwatch`, `s3`, `sts`…).
   * @default AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL, else AWS's own
   */
  readonly endpoints?: Readonly<Record<string, string>>;
}

/** What every client of a connection is made with. */
export interface ClientSettings {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials: Credentials;
  readonly retryMode: "adaptive";
  readonly maxAttempts: number;
  readonly requestHandler: Readonly<Record<string, number | boolean>>;
}

export interface ClientNeeds {
  /**
   * Tries of a request that was throttled, or met a passing failure. Between two of them the SDK waits up to 0.5 s (0.1 s where
   * it was no throttling), doubled each time, so 5 take 7.5 s at most; and it slows down by itself while it is throttled.
   * @default 5
   */
  readonly attempts?: number;
  /** Milliseconds that an answer may take to come. @default 5 s */
  readonly answerMs?: number;
}

const connectMs = 2_000;
const usual = { attempts: 5, answerMs: 5_000 } as const;

const clients = new Map<string, unknown>();
const sources = new Map<string, Source>();

/**
 * The one client of this process for a service over a connection.
 * @param name the service as `aws:endpoints` names it, and what is special about the client where there are several.
 */
export function clientOf<C>(
  connection: AwsConnection,
  [service, special = ""]: readonly [service: string, special?: string],
  create: (settings: ClientSettings) => C,
  needs: ClientNeeds = {},
): C {
  const key = JSON.stringify([service, special, connection]);
  const known = clients.get(key);
  if (known !== undefined) return known as C;
  const endpoint = connection.endpoints?.[service];
  const client = create({
    region: connection.region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: credentialsOf(connection),
    retryMode: "adaptive",
    maxAttempts: needs.attempts ?? usual.attempts,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: needs.answerMs ?? usual.answerMs,
      throwOnRequestTimeout: true,
    },
  });
  clients.set(key, client);
  return client;
}

/** Credentials of the connection's last role, or of its source where it assumes none. */
export function credentialsOf(connection: AwsConnection): Credentials {
  const { fromTemporaryCredentials } = providers();
  const { region, endpoints, assumeRoles = [] } = connection;
  return assumeRoles.reduce<Credentials>(
    (masterCredentials, { roleArn, externalId, sessionName = "switchyard" }) =>
      fromTemporaryCredentials({
        masterCredentials,
        params: { RoleArn: roleArn, ExternalId: externalId, RoleSessionName: sessionName },
        clientConfig: { region, ...(endpoints?.sts === undefined ? {} : { endpoint: endpoints.sts }) },
      }),
    sourceOf(connection),
  );
}

/** Where credentials come from before any role is assumed. What files say is read anew each time: a login changes them. */
function sourceOf({ profile, region }: AwsConnection): Source {
  const key = JSON.stringify([profile, region]);
  const known = sources.get(key);
  if (known !== undefined) return known;
  const source = providers().fromNodeProviderChain({ profile, clientConfig: { region }, ignoreCache: true });
  sources.set(key, source);
  return source;
}

function providers() {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used
  return require("@aws-sdk/credential-providers") as typeof import("@aws-sdk/credential-providers");
}

/**
 * What AWS was asked for, in words for the operator.
 * @throws AwsFailed. After expired credentials all clients of the connection are made anew, so that a login in another
 *   shell is noticed by the next try.
 */
export async function asked<T>(
  connection: AwsConnection,
  what: { readonly action: string; readonly on: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failed = new AwsFailed(error, what, connection);
    if (kindOf(error) === "expired" || kindOf(error) === "credentials") forget(connection);
    throw failed;
  }
}

function forget(connection: AwsConnection): void {
  sources.clear();
  const suffix = `${JSON.stringify(connection)}]`;
  for (const key of clients.keys()) if (key.endsWith(suffix)) clients.delete(key);
}

/** Credentials that nobody renews: once they end, somebody has to log in. Named as the SDK names them. */
const notRenewed = [
  "CREDENTIALS_ENV_VARS",
  "CREDENTIALS_PROFILE",
  "CREDENTIALS_PROFILE_PROCESS",
  "CREDENTIALS_PROCESS",
  "CREDENTIALS_PROFILE_SSO",
  "CREDENTIALS_PROFILE_SSO_LEGACY",
  "CREDENTIALS_SSO",
  "CREDENTIALS_SSO_LEGACY",
  "CREDENTIALS_PROFILE_LOGIN",
  "CREDENTIALS_LOGIN",
  "CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN",
  "CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN",
];

/**
 * Whether the credentials end too soon for what is about to begin. They are renewed first where that is possible. Those of
 * an instance, a container or an assumed role are renewed by themselves; of others, only an end that they tell counts.
 * @param milliseconds that they are needed for.
 * @returns the sentence that says so; undefined where nothing speaks against it.
 * @throws AwsFailed where there are none.
 */
export async function endTooSoon(
  connection: AwsConnection,
  milliseconds: number,
  now: number = Date.now(),
): Promise<string | undefined> {
  const what = { action: "credentials", on: connection.profile ?? "the usual chain" };
  const source = sourceOf(connection);
  const found = await asked(connection, what, () => source({ forceRefresh: true }));
  const { expiration, $source = {} } = found as Identity & { $source?: Record<string, string> };
  const renews = !notRenewed.some((name) => name in $source) || "CREDENTIALS_PROFILE_SOURCE_PROFILE" in $source;
  if (renews || expiration === undefined || expiration.getTime() >= now + milliseconds) return undefined;
  return (
    `the credentials of AWS end at ${expiration.toISOString()}, and are needed until ` +
    `${new Date(now + milliseconds).toISOString()}: ${logIn(connection)}, or use credentials that last longer`
  );
}

/** What CloudWatch calls a load balancer or a target group: the end of its ARN. */
export const balancerDimension = (arn: string): string => /:loadbalancer\/(.+)$/.exec(arn)?.[1] ?? arn;
export const groupDimension = (arn: string): string => /:(targetgroup\/.+)$/.exec(arn)?.[1] ?? arn;
