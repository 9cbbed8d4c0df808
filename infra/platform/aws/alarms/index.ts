import { CompositeAlarm } from "@pulumi/aws/cloudwatch/compositeAlarm";
import { LogMetricFilter } from "@pulumi/aws/cloudwatch/logMetricFilter";
import * as pulumi from "@pulumi/pulumi";
import { collectedAlarms, limitsWith } from "../../../collector/alarms";
import { poolLines } from "../../../collector/lines";
import type { AlarmSettings } from "../../../config";
import type { RoleNames } from "../../../database/names";
import { alarmName, metricAlarm, type AlarmsOf } from "./alarm";
import { asSpec } from "./collected";
import { colourAlarms, type WatchedColour } from "./colour-table";
import { logAlarms } from "./log-table";
import { sharedAlarms, type WatchedShared } from "./shared-table";
import { missing } from "./spec";

/** Figures that the stack makes itself are here. */
export const ownNamespace = (base: string): string => `Switchyard/${base}`;

interface SharedArgs extends AlarmsOf {
  readonly limits: AlarmSettings;
  readonly watched: WatchedShared;
  /** Names of the database's roles. */
  readonly roles: RoleNames;
  /** Name of the group that PostgreSQL logs to. */
  readonly log: pulumi.Input<string>;
}

/** The alarms of what both colours share: load balancer, walks, database, and what reads its own figures. */
export class SharedAlarms extends pulumi.ComponentResource {
  constructor(name: string, args: SharedArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:SharedAlarms", name, {}, options);
    for (const spec of sharedAlarms(args.limits, args.watched)) metricAlarm(spec, args, { parent: this });
    for (const alarm of collectedAlarms(limitsWith(args.limits.connections), args.roles))
      metricAlarm(asSpec(alarm, ownNamespace(args.base), missing.notRead), args, { parent: this });
    for (const { metric, pattern, alarm } of logAlarms(args.roles.migrator, ownNamespace(args.base))) {
      const filter = countLines(alarm.name, { base: args.base, log: args.log, metric, pattern }, this);
      metricAlarm(alarm, args, { parent: filter });
    }
    this.registerOutputs({});
  }
}

interface ColourArgs extends AlarmsOf {
  readonly limits: AlarmSettings;
  readonly watched: WatchedColour;
  /** Name of the group that the colour's copies log to; undefined where none run. */
  readonly log?: pulumi.Input<string>;
  /** Name of the composite alarm. */
  readonly composite: string;
}

/** One colour's alarms, and the composite alarm that a walk to it reads. */
export class ColourAlarms extends pulumi.ComponentResource {
  readonly composite: CompositeAlarm;

  constructor(name: string, args: ColourArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:ColourAlarms", name, {}, options);
    const { watched, base } = args;
    const { all, gate } = colourAlarms(args.limits, watched);
    if (args.log !== undefined) {
      const { alarm, metric, pattern } = poolLines(watched.colour);
      countLines(alarm.name, { base, log: args.log, metric, pattern }, this);
    }
    const alarms = all.map((spec) => metricAlarm(spec, args, { parent: this }));
    this.composite = new CompositeAlarm(
      name,
      {
        alarmName: args.composite,
        alarmDescription: `What a walk to ${watched.colour} fails by. What to do: docs/alarms.md#the-alarm-of-a-colour.`,
        // Those that it is made of tell who has to know: one thing that is wrong is one message.
        alarmRule: gate.map((spec) => `ALARM("${alarmName(base, spec)}")`).join(" OR "),
      },
      { parent: this, dependsOn: alarms },
    );
    this.registerOutputs({});
  }
}

function countLines(
  name: string,
  { base, log, metric, pattern }: { base: string; log: pulumi.Input<string>; metric: string; pattern: string },
  parent: pulumi.Resource,
): LogMetricFilter {
  return new LogMetricFilter(
    name,
    {
      ...{ name: `${base}-${name}`, logGroupName: log, pattern },
      metricTransformation: { namespace: ownNamespace(base), name: metric, value: "1", defaultValue: "0" },
    },
    { parent },
  );
}
