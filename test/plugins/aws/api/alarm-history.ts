import type { Properties } from "../../protocol/values";
import type { Rows } from "../account";
import { AwsError } from "../errors";
import { number, text } from "../values";

/** Where an account keeps the history of its alarms: of those that are gone too, as CloudWatch does. */
export const historyOption = "history of alarms";

const items = (rows: Rows): Properties[] => (rows.option(historyOption) ?? []) as Properties[];

/** What CloudWatch writes down of an alarm whose state changes. */
export function recordChange(rows: Rows, name: string, [from, to]: readonly [string, string], at: number): void {
  const state = (stateValue: string) => ({ stateValue, stateReason: "" });
  const HistoryData = JSON.stringify({ version: "1.0", oldState: state(from), newState: state(to) });
  const HistorySummary = `Alarm updated from ${from} to ${to}`;
  const item = { AlarmName: name, HistoryItemType: "StateUpdate", Timestamp: at / 1_000, HistorySummary, HistoryData };
  rows.setOption(historyOption, [...items(rows), item]);
}

/** Some of a list, and where the rest begins: as CloudWatch gives it, 50 at once where nobody says otherwise. */
export function paged<T>(parameters: Properties, all: readonly T[]): { page: T[]; NextToken?: string } {
  const most = number(parameters, "MaxRecords") ?? 50;
  if (most < 1 || most > 100)
    throw new AwsError("ValidationError", `1 validation error detected: Value '${most}' at 'maxRecords'`, 400);
  const from = Number(text(parameters, "NextToken") || "0");
  const NextToken = from + most < all.length ? String(from + most) : undefined;
  return { page: all.slice(from, from + most), ...(NextToken !== undefined && { NextToken }) };
}

export function describeAlarmHistory(parameters: Properties, rows: Rows): Properties {
  const [name, type] = [text(parameters, "AlarmName"), text(parameters, "HistoryItemType")];
  const [start, end] = [number(parameters, "StartDate") ?? -Infinity, number(parameters, "EndDate") ?? Infinity];
  const at = (item: Properties): number => number(item, "Timestamp") ?? 0;
  const found = items(rows)
    .filter((item) => (name === "" || item["AlarmName"] === name) && (type === "" || item["HistoryItemType"] === type))
    .filter((item) => at(item) >= start && at(item) <= end)
    .toSorted((a, b) => at(b) - at(a));
  if (parameters["ScanBy"] === "TimestampAscending") found.reverse();
  const { page, ...next } = paged(parameters, found);
  return { AlarmHistoryItems: page, ...next };
}
