import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import type { LoginKind, RoleKind, RoleNames } from "./names";
import { stableVerifier } from "./verifier";

export interface RolesArgs {
  names: RoleNames;
  /** Who administers the server, as the provider connects. */
  administrator: string;
  /** Secret. */
  passwords: Record<LoginKind, pulumi.Input<string>>;
  /** Each role's CONNECTION LIMIT. */
  connectionLimits: Record<LoginKind, number>;
}

export interface Roles {
  roles: Record<RoleKind, postgresql.Role>;
  /** The administrator's membership in the owner: what it does with the database depends on it. */
  administration: postgresql.GrantRole;
}

/**
 * Declares the roles. `options` are those of each; `ofOwner` are added for the owner, who holds the data.
 *
 * A role is dropped only when nothing is its any more (`skipReassignOwned`): else the provider would hand what it owns to
 * the administrator, quietly.
 */
export function declareRoles(
  name: string,
  args: RolesArgs,
  options: pulumi.CustomResourceOptions,
  ofOwner: pulumi.CustomResourceOptions,
): Roles {
  const { names } = args;
  const owner = new postgresql.Role(
    `${name}-owner`,
    // pg_monitor: migrations say who is in their way, and compare what the service's statements cost.
    { name: names.owner, roles: ["pg_monitor"], skipReassignOwned: true },
    pulumi.mergeOptions(options, ofOwner),
  );
  const login = (kind: LoginKind, more: postgresql.RoleArgs = {}) =>
    new postgresql.Role(
      `${name}-${kind}`,
      {
        name: names[kind],
        login: true,
        connectionLimit: args.connectionLimits[kind],
        // The verifier, not the password: what is sent ends up in the server's log where it logs DDL, as on RDS.
        password: pulumi.output(args.passwords[kind]).apply((password) => stableVerifier(names[kind], password)),
        skipReassignOwned: true,
        ...more,
      },
      options,
    );
  return {
    administration: administer(`${name}-administrator`, args.administrator, owner, options),
    roles: {
      owner,
      // It has nothing of its own: NOINHERIT leaves it only what it does as the owner, and its sessions begin as the
      // owner. So nothing that it creates can come to belong to it.
      migrator: login("migrator", { inherit: false, roles: [owner.name], assumeRole: owner.name }),
      blue: login("blue"),
      green: login("green"),
      readonly: login("readonly"),
      monitoring: login("monitoring", { roles: ["pg_monitor"] }),
    },
  };
}

/**
 * Makes the administrator, who is no superuser, a full member of the owner. It needs that to create the database for it
 * (SET), and to grant on the database and create extensions in it (INHERIT); the provider borrows a membership by itself
 * for the database and for grants in schemas, but neither for grants on a database nor for extensions.
 *
 * Up to 15 CREATEROLE lets it grant itself any role. Since 16 it may grant only roles that it has ADMIN on: it gets that
 * with every role that it creates (from the bootstrap superuser, ADMIN alone), and grants itself SET and INHERIT beside
 * it, with no need for `createrole_self_grant`. The provider then reads the first of the two rows and takes it that the
 * membership has the ADMIN option: a replacement at every `up`, unless that property is left alone.
 */
function administer(
  name: string,
  administrator: string,
  owner: postgresql.Role,
  options: pulumi.CustomResourceOptions,
): postgresql.GrantRole {
  return new postgresql.GrantRole(
    name,
    { role: administrator, grantRole: owner.name },
    pulumi.mergeOptions(options, { ignoreChanges: ["withAdminOption"] }),
  );
}
