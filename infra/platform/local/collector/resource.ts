import * as pulumi from "@pulumi/pulumi";
import type { LocalAlarmSettings } from "../../../config";
import { DynamicResource } from "../../../providers/dynamic";
import type { InputsOf } from "../../../providers/inputs";
import type { ProcessRef } from "../process/identity";

export interface LocalCollectorInputs {
  /** The stack's own folder, relative to the project. */
  folder: string;
  database: { host: string; port: number; name: string };
  /** Of the monitoring role; secret. */
  monitoringPassword: string;
  /** Beyond what alarms fire, its own and the balancer's. */
  limits: LocalAlarmSettings;
  adminPort: number;
  /** Of the balancer's admin port; secret. */
  token: string;
}

export interface LocalCollectorState extends LocalCollectorInputs {
  process: ProcessRef;
}

/**
 * What reads the database's own figures on one machine, and says beyond what the balancer's own alarms fire: a process beside it.
 * Nothing waits for it, so that other limits are no change of anything else.
 */
export class LocalCollector extends DynamicResource {
  constructor(name: string, inputs: InputsOf<LocalCollectorInputs>, options?: pulumi.CustomResourceOptions) {
    super("LocalCollector", name, { ...inputs, process: undefined }, options);
  }
}
