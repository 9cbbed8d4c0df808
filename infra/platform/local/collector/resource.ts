import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../../../providers/dynamic";
import type { InputsOf } from "../../../providers/inputs";
import type { ProcessRef } from "../process/identity";

export interface LocalCollectorInputs {
  /** The stack's own folder, relative to the project. */
  folder: string;
  database: { host: string; port: number; name: string };
  /** Of the monitoring role; secret. */
  monitoringPassword: string;
  /** Percent of the database's connections, or of a role's, beyond which alarms fire (`alarms.connections`). */
  connections: number;
  adminPort: number;
  /** Of the balancer's admin port; secret. */
  token: string;
}

export interface LocalCollectorState extends LocalCollectorInputs {
  process: ProcessRef;
}

/** What reads the database's own figures on one machine: a process beside the balancer. Nothing waits for it. */
export class LocalCollector extends DynamicResource {
  constructor(name: string, inputs: InputsOf<LocalCollectorInputs>, options?: pulumi.CustomResourceOptions) {
    super("LocalCollector", name, { ...inputs, process: undefined }, options);
  }
}
