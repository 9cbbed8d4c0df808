import * as pulumi from "@pulumi/pulumi";
import type { ExpectedAccess } from "../../database/expectations";
import type { Connection } from "../connection";
import type { InputsOf } from "../inputs";
import { DynamicResource } from "../dynamic";

export interface AccessCheckInputs {
  /** As the administrator; catalogs alone are read. */
  connection: Connection;
  password: string;
  expected: ExpectedAccess;
  /** What was migrated last: new objects are looked at in the `up` that makes them. */
  schemaVersion: string;
}

/** Asserts, in every `up`, who owns each object and what each role may do with it. */
export class AccessCheck extends DynamicResource {
  constructor(name: string, inputs: InputsOf<AccessCheckInputs>, options?: pulumi.CustomResourceOptions) {
    super("AccessCheck", name, inputs, options);
  }
}
