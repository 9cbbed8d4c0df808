import type { Caller } from "./call";

/**
 * A variable that a function is declared with, or that Lambda adds by itself.
 * @throws where it isn't there, or is empty
 */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`the function has no variable ${name}; run: pulumi up`);
  return value;
}

/** In whose name a function calls AWS: its role's, whose keys Lambda gives it. */
export function ownCaller(): Caller {
  const { AWS_SESSION_TOKEN: sessionToken } = process.env;
  return {
    region: variable("AWS_REGION"),
    accessKeyId: variable("AWS_ACCESS_KEY_ID"),
    secretAccessKey: variable("AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken !== undefined && { sessionToken }),
  };
}

/**
 * Where a service of AWS is.
 * @param host the first part of its name
 * @param id as the variable that says otherwise has it: AWS_ENDPOINT_URL_<id>
 */
export function endpointOf(host: string, id: string, region: string): string {
  const { [`AWS_ENDPOINT_URL_${id}`]: given } = process.env;
  // Amazon's own domain, but for China's.
  return given ?? `https://${host}.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}
