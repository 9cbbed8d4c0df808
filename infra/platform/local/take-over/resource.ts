import * as pulumi from "@pulumi/pulumi";
import type { ExpectedAccess } from "../../../database/expectations";
import type { InputsOf } from "../../../providers/inputs";
import { DynamicResource } from "../../../providers/dynamic";

export interface LocalTakeOverInputs {
  port: number;
  superuserPassword: string;
  /** The role that owns the database and everything in it. */
  owner: string;
  /** Who may do what with what is taken over. */
  expected: ExpectedAccess;
}

/** After Access: data that an earlier stack left passes to this one's owner. Nothing to do where there is none. */
export class LocalTakeOver extends DynamicResource {
  constructor(name: string, inputs: InputsOf<LocalTakeOverInputs>, options?: pulumi.CustomResourceOptions) {
    super("LocalTakeOver", name, inputs, options);
  }
}
