// The resources of platform aws as the program registers them, without an engine: for rules about what they are.

import * as pulumi from "@pulumi/pulumi";
import { loadConfig, type AwsConfig, type Colour } from "../../infra/config";
import { createAwsPlatform } from "../../infra/platform/aws";
import { waivers } from "../../infra/platform/aws/waive";
import { asRaw } from "../unit/config-support";

/** A resource as it was registered. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface Declared {
  readonly resources: readonly Registered[];
  /** "<type> <name> <id>" of each waiver. */
  readonly waived: ReadonlySet<string>;
}

const region = "eu-west-1";
const account = "000000000000";

/** What AWS would answer: names and ARNs that are well-formed and tell each other apart. */
const computed = ({ type, name, inputs }: pulumi.runtime.MockResourceArgs): Record<string, unknown> => ({
  ...(inputs as Record<string, unknown>),
  arn: `arn:aws:mock:${region}:${account}:${type.split("/").at(-1) ?? ""}/${name}`,
  name: (inputs as { name?: string }).name ?? name,
  bucket: name,
  address: `${name}.example.internal`,
  endpoint: `${name}.example.internal`,
  masterUserSecrets: [{ secretArn: `arn:aws:secretsmanager:${region}:${account}:secret:${name}` }],
  publicIp: "198.51.100.7",
  resourceId: "db-MOCKEDMOCKEDMOCKEDMOCKED",
  ...(type.endsWith(":Passwords") && { passwords: passwordsOf(inputs as { names: string[] }) }),
  versionId: "1",
  dnsName: `${name}.elb.example.com`,
  zoneId: "Z0123456789ABC",
});

const passwordsOf = ({ names }: { names: string[] }): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, "mock-password"]));

const answers: Readonly<Record<string, object>> = {
  "aws:index/getCallerIdentity:getCallerIdentity": { accountId: account, arn: "", id: "", userId: "" },
  "aws:index/getPartition:getPartition": { partition: "aws", dnsSuffix: "amazonaws.com", id: "aws" },
  "aws:index/getAvailabilityZones:getAvailabilityZones": { names: ["a", "b", "c"].map((zone) => `${region}${zone}`) },
  "aws:secretsmanager/getSecretVersion:getSecretVersion": {
    secretString: JSON.stringify({ password: "mock-password" }),
  },
  "aws:ssm/getParameter:getParameter": { value: "ami-0123456789abcdef0" },
};

/** Declares everything of the platform, in the order of infra/index.ts. */
export async function declarePlatform(stack: string, values: Readonly<Record<string, unknown>>): Promise<Declared> {
  const resources: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => {
        resources.push({ type: args.type, name: args.name, inputs: args.inputs as Registered["inputs"] });
        return { id: `${args.name}-id`, state: computed(args) };
      },
      call: ({ token }) => {
        const answer = answers[token];
        if (answer === undefined) throw new Error(`no answer is known for ${token}`);
        return answer;
      },
    },
    "switchyard",
    stack,
  );
  pulumi.runtime.setAllConfig({ "aws:region": region });
  const config = loadConfig(asRaw(values), { stack, project: "switchyard" });
  if (config.platform !== "aws") throw new Error(`${stack} is no stack of platform aws`);
  await declareAll(config);
  const known = new Set(resources.map(({ type, name }) => `${type} ${name}`));
  const waived = await Promise.all(
    waivers().map(async ({ resource, id }) => {
      const urn = await new Promise<string>((resolve) => resource.urn.apply(resolve));
      const [, , type = "", name = ""] = urn.split("::");
      return urn.includes(`:${stack}::`) ? `${type.split("$").at(-1) ?? ""} ${name} ${id}` : "";
    }),
  );
  return { resources, waived: new Set(waived.filter((each) => known.has(each.slice(0, each.lastIndexOf(" "))))) };
}

async function declareAll(config: AwsConfig): Promise<void> {
  const platform = createAwsPlatform(config, undefined);
  const server = platform.database([]);
  const login = (user: string) => ({ user: pulumi.output(user), password: pulumi.secret("mock-password") });
  const logins = {
    blue: login("pages_app_blue"),
    green: login("pages_app_green"),
    monitoring: login("pages_monitoring"),
  };
  platform.afterAccess(
    { logins, resources: [] } as unknown as Parameters<typeof platform.afterAccess>[0],
    undefined as never,
  );
  platform.atMoment?.(
    {
      ...{ connection: { ...server.address, database: config.database.name, user: server.administrator } },
      ...{ password: server.password, owner: "pages_owner", migrator: "pages_migrator", migratorPassword: "" },
      ...{ release: "", store: platform.storeHere(), hold: [] },
    },
    [],
  );
  const preview = platform.previewListener([]);
  const run = (colour: Colour) => {
    const { version = "", schema = "", count = 0 } = config[colour] ?? {};
    const release = config[colour] && {
      version,
      schema,
      count,
      fingerprint: "0".repeat(32),
      database: config.database.name,
    };
    const { user, password } = logins[colour];
    const name = pulumi.output<string>(config.database.name);
    return platform.colour(colour, release ?? null, { ...server.address, name, user, password, needs: schema }, []);
  };
  const running = [run("blue"), run("green")];
  const listener = platform.listener(running.flatMap(({ resources }) => resources));
  platform.outputs();
  await new Promise((resolve) => pulumi.all([preview.url, listener.weight]).apply(resolve));
  await new Promise((resolve) => pulumi.all([platform.wired(), platform.storeHere()]).apply(resolve));
  // What was declared without anybody waiting for it is registered by then.
  await pulumi.runtime.disconnect();
}
