/** The types of resources that the stand-in offers. */
export const types = {
  database: "postgresql:index/database:Database",
  defaults: "postgresql:index/defaultPrivileges:DefaultPrivileges",
  extension: "postgresql:index/extension:Extension",
  grant: "postgresql:index/grant:Grant",
  grantRole: "postgresql:index/grantRole:GrantRole",
  role: "postgresql:index/role:Role",
} as const;
