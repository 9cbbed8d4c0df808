import * as postgresql from "@pulumi/postgresql";
import type * as pulumi from "@pulumi/pulumi";
import type { RoleNames } from "./names";
import { InOrder } from "./order";
import {
  defaultPrivileges,
  inServiceSchema,
  onDatabase,
  serviceSchema,
  type Grantee,
  type ObjectKind,
  type Privileges,
} from "./privileges";

/**
 * Declares who may do what in the database: with the database, the service's schema and what it holds already, and with
 * what the owner will create.
 *
 * On functions there are default privileges only: a grant on all functions of the schema would include those of the
 * extensions, which belong to a superuser. The administrator may not grant those, and a refresh would find them
 * missing for ever.
 * @param database its name as text: as an output it would be one more dependency of each, and the engine goes all ways that
 *   lead back from a resource when its deletion is refused
 * @returns the last of them: what needs any of them depends on it.
 */
export function declareGrants(
  name: string,
  database: string,
  names: RoleNames,
  options: pulumi.CustomResourceOptions,
  after: pulumi.Resource[],
): pulumi.Resource[] {
  const order = new InOrder(after);
  const roleOf = (grantee: Grantee) => (grantee === "public" ? "public" : names[grantee]);
  const grant = (objectType: ObjectKind, all: Privileges, schema?: string) => {
    for (const [grantee, privileges] of Object.entries(all))
      order.then((dependsOn) => {
        const args = { database, schema, objectType, role: roleOf(grantee as Grantee), privileges: [...privileges] };
        return new postgresql.Grant(`${name}-${objectType}-${grantee}`, args, { ...options, dependsOn });
      });
  };
  // Defaults first: an object that is created in between has them, and one that was there before is granted below.
  for (const { kind, schema, grantee, privileges } of defaultPrivileges())
    order.then((dependsOn) => {
      const args = {
        database,
        schema,
        owner: names.owner,
        objectType: kind,
        role: roleOf(grantee),
        privileges: [...privileges],
      };
      const where = schema === undefined ? "" : `${schema}-`;
      return new postgresql.DefaultPrivileges(`${name}-default-${where}${kind}-${grantee}`, args, {
        ...options,
        dependsOn,
      });
    });
  grant("database", { public: [], ...onDatabase });
  grant("schema", { public: [], ...inServiceSchema.schema }, serviceSchema);
  grant("table", inServiceSchema.table, serviceSchema);
  grant("sequence", inServiceSchema.sequence, serviceSchema);
  return order.last;
}
