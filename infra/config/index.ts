/** The config of a stack: its types, and how it is read. `./stack` reads it from the engine. */
export type { AwsConfig, Config, LocalConfig } from "./config";
export { formatDuration, milliseconds, parseDuration, type Milliseconds } from "./duration";
export { isMigrationVersion, type Identifier, type MigrationVersion, type ReleaseVersion } from "./kinds";
export { loadConfig } from "./load";
export { ConfigError, type Source } from "./message";
export type { EntryFile, ImageReference } from "./program";
export { bytes, formatSize, parseSize, type Bytes } from "./size";
export type { AlarmSettings, Limits, LocalAlarmSettings } from "./sections/alarms";
export type { BakeSettings, LimitSettings } from "./sections/bake";
export type { CiSettings } from "./sections/ci";
export {
  connectionReserve,
  connectionsFor,
  highestColourLimitOf,
  reservedConnections,
  type DatabaseSettings,
  type MajorVersion,
  type PoolSettings,
  type TunnelSettings,
} from "./sections/database";
export type { DomainSettings } from "./sections/domain";
export type { NetworkSettings } from "./sections/network";
export type { RdsSettings } from "./sections/rds";
export { maximumPercent, type ServiceSettings } from "./sections/service";
export type { LocalSettings, UnixUser } from "./sections/local";
export { compareMigrations } from "./sections/migrations";
export {
  namesAnybody,
  severities,
  type Channels,
  type NotifySettings,
  type Severity,
  type TimeOfDay,
} from "./sections/notify";
export type { OverrideSettings } from "./sections/overrides";
export type { RestoreSettings } from "./sections/restore";
export type { Platform } from "./sections/platform";
export type { AwsRelease, LocalRelease, ReleaseBase } from "./sections/release";
export type { ShellCommand, SmokeSettings } from "./sections/smoke";
export type { Json, SmokeRequest } from "./smoke-requests";
export { colours, otherColour, weightOf, type Colour } from "./sections/traffic";
