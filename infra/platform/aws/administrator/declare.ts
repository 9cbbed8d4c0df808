import type * as pulumi from "@pulumi/pulumi";
import { Passwords } from "../../../providers/passwords/resource";
import type { Address } from "../..";
import { master, type Database } from "../database";
import { RdsAdministrator } from "./resource";

/** The role that administers the database server, and no master user. Longer than any master user's name may be. */
export const administrator = "switchyard_administrator";

/** Makes it with the master user's password of now; what connects as it waits until it can log in. */
export function declareAdministrator(
  name: string,
  { instance, masterPassword }: Database,
  address: Address,
  options: pulumi.CustomResourceOptions,
): RdsAdministrator {
  const passwords = new Passwords(`${name}-password`, { names: [administrator] }, options);
  return new RdsAdministrator(
    name,
    {
      connection: { ...address, database: "postgres", user: master },
      masterPassword,
      administrator,
      password: passwords.of(administrator),
      instance: instance.resourceId,
    },
    options,
  );
}
