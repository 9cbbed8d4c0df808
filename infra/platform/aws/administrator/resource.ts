import * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../../../providers/connection";
import { DynamicResource } from "../../../providers/dynamic";
import type { InputsOf } from "../../../providers/inputs";

export interface RdsAdministratorInputs {
  /** As the master user, to any database of the instance. */
  connection: Connection;
  /** The master user's; secret. RDS changes it by itself, and that is no change of this resource. */
  masterPassword: string;
  /** The role that administers the server from then on. */
  administrator: string;
  /** The administrator's own; secret, of printable ASCII characters. */
  password: string;
  /** RDS's own id of the instance, which another instance of the same name hasn't. */
  instance: string;
}

/**
 * The role that everything but this resource works as: made by the master user, whose password RDS changes every week, and
 * with a password that only the stack's encrypted state keeps. So what connects later never has to do with the master's.
 */
export class RdsAdministrator extends DynamicResource {
  /** Secret; known once the role can log in with it. */
  declare readonly password: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<RdsAdministratorInputs>, options?: pulumi.CustomResourceOptions) {
    super("RdsAdministrator", name, inputs, {
      ...options,
      additionalSecretOutputs: ["masterPassword", "password"],
    });
  }
}
