import type { AwsConnection } from "./sdk";

/**
 * Why AWS did not do what it was asked. `expired`, `credentials`, `clock` and `denied` need somebody to act; `unreachable`,
 * `throttled` and `broken` (AWS's own failures) may pass; `missing`: there is no such thing; `conflict`: a condition doesn't hold.
 */
export type Kind =
  | "expired"
  | "credentials"
  | "clock"
  | "denied"
  | "unreachable"
  | "throttled"
  | "broken"
  | "missing"
  | "conflict"
  | "other";

/** What may pass by itself. */
export const passing: readonly Kind[] = ["unreachable", "throttled", "broken"];

/** What an error of the SDK carries beyond its message. */
interface SdkError extends Error {
  readonly code?: string;
  readonly Code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

/** Names that AWS's services give their errors; each service has its own spelling. */
const named: Readonly<Partial<Record<Kind, RegExp>>> = {
  expired: /^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired)$/,
  clock: /^(RequestTimeTooSkewed|RequestInTheFuture|RequestExpired)$/,
  credentials:
    /^(CredentialsProviderError|TokenProviderError|InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient(Exception)?|SignatureDoesNotMatch|InvalidSignatureException|AuthFailure|IncompleteSignature(Exception)?|MissingAuthenticationToken(Exception)?|InvalidToken|InvalidIdentityToken(Exception)?)$/,
  denied: /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|OperationNotPermitted|AllAccessDisabled)$/,
  throttled:
    /^(Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|RequestThrottled|RequestThrottledException|TooManyRequestsException|SlowDown|BandwidthLimitExceeded)$/,
  missing:
    /^(NoSuch(Key|Bucket|Upload)|NotFound|ResourceNotFound(Exception)?|(Listener|LoadBalancer|TargetGroup)NotFound(Exception)?)$/,
  conflict: /^(PreconditionFailed|ConditionalRequestConflict)$/,
};

const network =
  /^(E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN|NOTFOUND)|ENOTFOUND|ERR_TLS.*|CERT_.*|.*_CERT(IFICATE)?.*|TimeoutError|NetworkingError|RequestTimeout(Exception)?)$/;

export function kindOf(error: unknown): Kind {
  const { name, code, Code, message, $metadata } = error as SdkError;
  // By name some services say no more than that the signature is wrong.
  if (/signature (has )?expired|signature not yet current/i.test(message)) return "clock";
  const names = [name, Code, code].filter((each) => each !== undefined);
  for (const [kind, form] of Object.entries(named)) if (names.some((each) => form.test(each))) return kind as Kind;
  if (names.some((each) => network.test(each))) return "unreachable";
  if (/token (included in the request )?(is|has) expired|session .* (has )?expired/i.test(message)) return "expired";
  const status = $metadata?.httpStatusCode;
  if (status === 429) return "throttled";
  if (status === 403) return "denied";
  if (status !== undefined && status >= 500) return "broken";
  return "other";
}

/** AWS did not do what it was asked; the message says what to do about that. */
export class AwsFailed extends Error {
  override readonly name = "AwsFailed";
  readonly kind: Kind;

  /**
   * @param what.action as a policy of IAM names it, such as `elasticloadbalancing:ModifyListener`.
   * @param what.on the resource, such as its ARN.
   */
  constructor(
    cause: unknown,
    what: { readonly action: string; readonly on: string },
    connection: Pick<AwsConnection, "profile" | "region">,
  ) {
    super(sentence(cause as SdkError, what, connection), { cause });
    this.kind = kindOf(cause);
  }
}

function sentence(
  error: SdkError,
  what: { readonly action: string; readonly on: string },
  connection: Pick<AwsConnection, "profile" | "region">,
): string {
  const { action, on } = what;
  const said = saidBy(error);
  const asked = `${action} on ${on}`;
  const times = error.$metadata?.attempts ?? 1;
  return {
    expired: `the credentials of AWS have expired (${said}; asked for ${asked}): ${logIn(connection)}, then run this again`,
    credentials:
      `there are no credentials that AWS takes (${said}; asked for ${asked}): ${logIn(connection)}, or set aws:profile; ` +
      "aws sts get-caller-identity shows who you are",
    clock: `this machine's clock is not AWS's (${said}; asked for ${asked}): set it right (timedatectl shows it), then run this again`,
    denied: `AWS does not let you (${said}): the role or user needs ${permission(error, what)}`,
    unreachable: `AWS can't be reached in ${connection.region} (${said}; asked for ${asked}): check network, proxy and aws:region, then run this again`,
    throttled:
      `AWS takes no more requests for now (${said}; asked ${times} ${times === 1 ? "time" : "times"} for ${asked}): ` +
      "something else in the account asks too often; wait a minute, then run this again",
    broken: `AWS itself failed (${said}; asked for ${asked}): run this again; health.aws.amazon.com shows disturbances`,
    missing: `AWS finds no ${on} (${said}; asked for ${action})`,
    conflict: `AWS did not take ${asked}, because a condition doesn't hold (${said})`,
    other: `AWS did not take ${asked}: ${said}`,
  }[kindOf(error)];
}

/** AWS may name what is missing itself, such as a role that can't be assumed. */
function permission({ message }: SdkError, { action, on }: { readonly action: string; readonly on: string }): string {
  const [, needed, resource] =
    /not authorized to perform: ([\w-]+:\w+)(?: on resource: ([\w:/.*-]+))?/.exec(message) ?? [];
  return needed === undefined ? `${action} on ${on}` : `${needed} on ${resource ?? on}`;
}

/** What somebody does whose credentials have ended, as a part of a sentence. */
export const logIn = ({ profile }: Pick<AwsConnection, "profile">): string =>
  profile === undefined
    ? "log in again (aws sso login, or new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN)"
    : `log in again (aws sso login --profile ${profile}, or new keys for that profile)`;

/** What it was called, and what it said; on one line, as long as a line may be. */
function saidBy({ name, code, Code, message }: SdkError): string {
  const called = [Code, name, code].find((each) => each !== undefined && each !== "" && each !== "Error") ?? "no name";
  const text = message.replace(/\s+/g, " ").trim();
  return (text === "" || text === called ? called : `${called}: ${text}`).slice(0, 500);
}
