import { connectionReserve, type DatabaseSettings } from "../config";
import type { LoginKind } from "./names";

/** Each role's CONNECTION LIMIT: a colour's from config, the others' from what config keeps back for them. */
export function connectionLimits({ colourConnectionLimit }: DatabaseSettings): Record<LoginKind, number> {
  return {
    blue: colourConnectionLimit,
    green: colourConnectionLimit,
    migrator: connectionReserve.migrator,
    readonly: connectionReserve.readOnly,
    monitoring: connectionReserve.monitoring,
  };
}
