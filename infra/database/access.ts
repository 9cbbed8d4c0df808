import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { inProject } from "../providers/project";
import { extensions } from "./extensions";
import { declareGrants } from "./grants";
import { loginKinds, roleNames, type LoginKind } from "./names";
import { serviceSchema } from "./privileges";
import { declareRoles, type Roles } from "./roles";

export interface AccessArgs {
  /** The server, and the role that administers it: it creates databases and roles, and is no superuser. */
  connection: {
    host: pulumi.Input<string>;
    port: pulumi.Input<number>;
    username: string;
    /** Secret. */
    password: pulumi.Input<string>;
    sslmode: "disable" | "verify-ca" | "verify-full";
    /** File with the certificates that are trusted, absolute or relative to the project. @default those of the machine */
    sslrootcert?: string;
  };
  /** Name of the database, and the start of its roles' names; 1 to 52 bytes. */
  database: string;
  /**
   * The database that the new one is copied from; of account only when it is created. The local platform names template1,
   * where its pg_stat_statements is. @default template0
   */
  template?: pulumi.Input<string>;
  /** Each role's own; secret, of printable ASCII characters. */
  passwords: Record<LoginKind, pulumi.Input<string>>;
  /** Each role's CONNECTION LIMIT: how many connections it may hold at a time. */
  connectionLimits: Record<LoginKind, number>;
  /**
   * What happens to what holds data, the database and its owner. `protect`: `pulumi destroy` refuses to begin. And
   * `retainOnDelete`: it leaves the database where it is, and with it every role and grant, since none of them can go
   * while the database stays.
   */
  holdsData: { protect: boolean; retainOnDelete: boolean };
  /**
   * The server that all of this lives in. When it is destroyed, nothing in it is dropped before: a database must never
   * be what is lost in a destroy that the server's own protection then stops.
   */
  server?: pulumi.Resource;
}

/** How to log in as a role. */
export interface Login {
  user: pulumi.Output<string>;
  /** Secret. */
  password: pulumi.Output<string>;
}

/**
 * A database with its extensions, and everybody who may touch it: the owner (nobody logs in as it), the migrator (works
 * as the owner), one role a colour with a CONNECTION LIMIT, so that one colour can't starve the other, a read-only role
 * and one for monitoring. The same on every platform. What each may do is in privileges.ts.
 */
export class Access extends pulumi.ComponentResource {
  readonly database: pulumi.Output<string>;
  /** The role that owns the database and all that is in it. */
  readonly owner: pulumi.Output<string>;
  readonly logins: Record<LoginKind, Login>;
  readonly provider: postgresql.Provider;
  /** What has to be there before anybody uses the database: depend on these. */
  readonly resources: pulumi.Resource[];

  constructor(name: string, args: AccessArgs, options?: pulumi.ComponentResourceOptions) {
    // The arguments of a component are kept in state: none are given.
    super("switchyard:database:Access", name, {}, options);
    const names = roleNames(args.database);
    this.provider = connect(name, args, this);
    const common = { parent: this, provider: this.provider };
    const { protect, retainOnDelete } = args.holdsData;
    const onServer = { ...common, retainOnDelete, deletedWith: args.server };
    const declared = declareRoles(name, { ...args, names, administrator: args.connection.username }, onServer, {
      protect,
    });
    const database = createDatabase(name, args, declared, { ...onServer, protect });
    // Everything in the database goes, or stays, with it.
    const inDatabase = { ...common, deletedWith: database };
    const granted = declareGrants(name, args.database, names, inDatabase, [database]);
    const extended = extensions.map(
      (extension) =>
        new postgresql.Extension(
          `${name}-${extension}`,
          { name: extension, database: args.database, schema: serviceSchema },
          { ...inDatabase, dependsOn: [database, declared.administration] },
        ),
    );
    this.database = database.name;
    this.owner = declared.roles.owner.name;
    this.logins = Object.fromEntries(
      loginKinds.map((kind) => [
        kind,
        { user: declared.roles[kind].name, password: pulumi.secret(args.passwords[kind]) },
      ]),
    ) as Record<LoginKind, Login>;
    this.resources = [...granted, ...extended];
    this.registerOutputs({ database: this.database });
  }
}

function connect(name: string, { connection }: AccessArgs, parent: Access): postgresql.Provider {
  const { host, port, username, password, sslmode, sslrootcert } = connection;
  return new postgresql.Provider(
    name,
    {
      host,
      port,
      username,
      password: pulumi.secret(password),
      sslmode,
      ...(sslrootcert !== undefined && { sslrootcert: inProject(sslrootcert) }),
      database: "postgres",
      // Else it tries to read passwords back, which fails for any other role.
      superuser: false,
      // Seconds; the default of 180 is a long silence for a server that is not there.
      connectTimeout: 15,
      // In each database; one more than an `up` ever has use for. See order.ts for why it is not 1.
      maxConnections: 5,
    },
    { parent },
  );
}

/** Created when all roles are there, and so dropped before any of them: a role can't go while a database names it. */
function createDatabase(
  name: string,
  args: AccessArgs,
  { roles, administration }: Roles,
  options: pulumi.CustomResourceOptions & { protect: boolean },
): postgresql.Database {
  return new postgresql.Database(
    name,
    { name: args.database, owner: roles.owner.name, template: args.template, encoding: "UTF8" },
    {
      ...options,
      dependsOn: [administration, ...Object.values(roles)],
      // What it was created with can't be changed: to the provider a change of it is a reason to drop the database.
      ignoreChanges: ["template", "encoding", "lcCollate", "lcCtype"],
    },
  );
}
