import * as pulumi from "@pulumi/pulumi";
import { Access, type AccessArgs } from "../../infra/database/access";
import type { ExpectedAccess } from "../../infra/database/expectations";
import { loginKinds, type LoginKind } from "../../infra/database/names";
import type { TestPostgres } from "../support/postgres";
import { registerThrough, valueOf, type Declared } from "./program";
import { PluginProcess } from "./protocol/client";
import type { Properties } from "./protocol/values";

/** A resource's own options, which the registered resource does not show. */
export type OptionsByName = Map<string, pulumi.CustomResourceOptions>;

export interface DeclaredAccess {
  access: Access;
  resources: Declared[];
  options: OptionsByName;
  passwords: Record<LoginKind, string>;
  expected: ExpectedAccess;
  /** What the component itself gives the engine to keep. */
  component: Properties | undefined;
}

export const connectionLimits = { migrator: 5, blue: 7, green: 8, readonly: 3, monitoring: 2 };

const passwords = Object.fromEntries(loginKinds.map((kind) => [kind, `password-of-${kind}`])) as Record<
  LoginKind,
  string
>;

/** Declares Access to `postgres`, through the stand-in, and waits until all of it is there. */
export async function declareAccess(postgres: TestPostgres, args: Partial<AccessArgs> = {}): Promise<DeclaredAccess> {
  const plugin = await PluginProcess.start("postgresql");
  try {
    const resources = registerThrough(plugin, "postgresql");
    const options: OptionsByName = new Map();
    const record: pulumi.ResourceTransformation = ({ type, name, opts }) => {
      options.set(`${type.split(":").at(-1) ?? ""} ${name}`, opts);
      return undefined;
    };
    const { user, password } = postgres.administrator;
    const access = new Access(
      "access",
      {
        connection: { host: "127.0.0.1", port: postgres.port, username: user, password, sslmode: "disable" },
        database: "pages",
        template: "template1",
        passwords,
        connectionLimits,
        holdsData: { protect: false, retainOnDelete: false },
        ...args,
      },
      { transformations: [record] },
    );
    await Promise.all(access.resources.map(({ urn }) => valueOf(urn)));
    const expected = { database: args.database ?? "pages", administrator: user, connectionLimits };
    const component = resources.find(({ type }) => type === "switchyard:database:Access")?.inputs;
    return { access, resources, options, passwords, expected, component };
  } finally {
    await plugin.stop();
  }
}
