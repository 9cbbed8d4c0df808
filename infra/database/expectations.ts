import { roleNames, type LoginKind, type RoleNames } from "./names";

/** What `checkAccess` holds reality against. */
export interface ExpectedAccess {
  database: string;
  /** Who administers the server: a member of the owner, and no superuser. */
  administrator: string;
  connectionLimits: Record<LoginKind, number>;
}

/** How a role has to be; nobody has more than this, and no role is a superuser or creates roles or databases. */
export interface ExpectedRole {
  name: string;
  login: boolean;
  inherit: boolean;
  connectionLimit: number;
  /** The role that its sessions begin as. */
  startsAs?: string;
}

export function expectedRoles({ database, connectionLimits }: ExpectedAccess): ExpectedRole[] {
  const names = roleNames(database);
  const login = (kind: LoginKind): ExpectedRole => ({
    name: names[kind],
    login: true,
    inherit: true,
    connectionLimit: connectionLimits[kind],
  });
  return [
    { name: names.owner, login: false, inherit: true, connectionLimit: -1 },
    { ...login("migrator"), inherit: false, startsAs: names.owner },
    login("blue"),
    login("green"),
    login("readonly"),
    login("monitoring"),
  ];
}

/** Who is a member of what, of the memberships that concern the database's roles. */
export function expectedMemberships({ database, administrator }: ExpectedAccess): { role: string; member: string }[] {
  const names: RoleNames = roleNames(database);
  return [
    { role: names.owner, member: names.migrator },
    { role: names.owner, member: administrator },
    { role: "pg_monitor", member: names.monitoring },
    { role: "pg_monitor", member: names.owner },
  ];
}
