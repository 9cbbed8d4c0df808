import type { Row, Rows } from "../account";
import { text, textsAt } from "../values";
import type { Properties } from "../../protocol/values";

const instanceToken = "aws:rds/instance:Instance";

/** Option of the account: from when to when an instance can be restored, milliseconds since the epoch; `[earliest, latest]`. */
export const restoreWindowOption = (instance: string): string => `rds window ${instance}`;

const minuteMs = 60_000;

/** What RDS can go back to: by itself from an hour ago to five minutes ago. */
export function restoreWindowOf(rows: Rows, instance: string): readonly [number, number] {
  const given = rows.option(restoreWindowOption(instance));
  if (Array.isArray(given)) return given as [number, number];
  return [Date.now() - 60 * minuteMs, Date.now() - 5 * minuteMs];
}

/** The block `restoreToPointInTime`; undefined for an instance that is made of no moment. */
export const momentOf = (inputs: Properties): Properties | undefined =>
  inputs["restoreToPointInTime"] as Properties | undefined;

/** The instance that is gone back with. */
export function sourceOf(inputs: Properties, rows: Rows): Row | undefined {
  const moment = momentOf(inputs);
  if (moment === undefined) return undefined;
  const named = [text(moment, "sourceDbiResourceId"), text(moment, "sourceDbInstanceIdentifier")];
  return rows.all(instanceToken).find(({ id, outs }) => named.includes(id) || named.includes(text(outs, "identifier")));
}

/** What an instance of a moment has from the one that it was, where the program says nothing of it. */
export function inherited(inputs: Properties, rows: Rows): Properties {
  const source = sourceOf(inputs, rows)?.outs;
  if (source === undefined) return {};
  return {
    allocatedStorage: source["allocatedStorage"],
    backupRetentionPeriod: source["backupRetentionPeriod"],
    username: source["username"],
    ...(textsAt(source, "vpcSecurityGroupIds").length > 0 && { vpcSecurityGroupIds: source["vpcSecurityGroupIds"] }),
  };
}
