import type { z } from "zod";
import type { Milliseconds } from "./duration";
import type { MigrationVersion } from "./kinds";
import type { schema } from "./schema";
import type { AlarmSettings, LocalAlarmSettings } from "./sections/alarms";
import type { BackupSettings } from "./sections/backup";
import type { BakeSettings } from "./sections/bake";
import type { CiSettings } from "./sections/ci";
import type { DatabaseSettings } from "./sections/database";
import type { DomainSettings } from "./sections/domain";
import type { LocalSettings } from "./sections/local";
import type { NetworkSettings } from "./sections/network";
import type { NotifySettings } from "./sections/notify";
import type { OverrideSettings } from "./sections/overrides";
import type { RdsSettings } from "./sections/rds";
import type { RehearsalSettings } from "./sections/rehearsal";
import { defaultCount, type AwsRelease, type LocalRelease, type ReleaseBase } from "./sections/release";
import type { RestoreSettings } from "./sections/restore";
import type { ServiceSettings } from "./sections/service";
import type { SmokeSettings } from "./sections/smoke";
import { colours, type Colour } from "./sections/traffic";

/** What the config of every stack says, on any platform. */
interface Common<Release> {
  /** Percent of new requests that green gets, 0..100; blue gets the rest. Default: 0. */
  readonly greenWeight: number;
  /** The release of blue. It is there whenever blue has weight. */
  readonly blue?: Release | undefined;
  /** The release of green. It is there whenever green has weight. */
  readonly green?: Release | undefined;
  /** The migration up to which the schema is brought; no release's own is past it. Default: "latest". */
  readonly migrateTo: "latest" | MigrationVersion;
  /** How long the live colour is watched after each widening migration, 0..1h; 0 watches nothing. Default: 1m. */
  readonly watchAfter: Milliseconds;
  readonly bake: BakeSettings;
  readonly smoke: SmokeSettings;
  readonly overrides: OverrideSettings;
  /** Left out where no restore is asked for. */
  readonly restore?: RestoreSettings;
  /** Must the digest of a change be named before it begins? Default: false. */
  readonly requireConfirm: boolean;
  readonly rehearsal: RehearsalSettings;
  readonly backup: BackupSettings;
  readonly database: DatabaseSettings;
  /**
   * The top-level keys that hold a secret somewhere, such as "blue". The engine decrypts them for the program: whoever
   * passes on a value of theirs wraps it in `pulumi.secret`.
   */
  readonly secretKeys: readonly string[];
}

/** The config of a stack on one machine. */
export interface LocalConfig extends Common<LocalRelease> {
  readonly platform: "local";
  readonly local: LocalSettings;
  readonly alarms: LocalAlarmSettings;
}

/** The config of a stack on AWS. */
export interface AwsConfig extends Common<AwsRelease> {
  readonly platform: "aws";
  readonly network: NetworkSettings;
  readonly domain: DomainSettings;
  readonly rds: RdsSettings;
  readonly service: ServiceSettings;
  readonly alarms: AlarmSettings;
  readonly notify: NotifySettings;
  readonly ci: CiSettings;
}

/** A stack's config, parsed and checked: nothing downstream has to doubt it. `platform` tells the kinds apart. */
export type Config = LocalConfig | AwsConfig;

/** What zod makes of a valid tree; the rules have seen to what it leaves open. */
export type Parsed = z.output<typeof schema>;
type ParsedRelease = NonNullable<Parsed[Colour]>;

/** Fills in the defaults that depend on the platform, and gathers what belongs together. */
export function complete(parsed: Parsed, secretKeys: readonly string[]): Config {
  const { platform, blue, green, local, greenWeight, migrateTo, watchAfter, smoke, rehearsal, backup, database } =
    parsed;
  const { requireConfirm } = parsed;
  const gathered = { bake: bakeOf(parsed), overrides: overridesOf(parsed), ...restoreOf(parsed) };
  const common = {
    ...{ greenWeight, migrateTo, watchAfter, ...gathered, requireConfirm },
    ...{ smoke, rehearsal, backup, database, secretKeys },
  };
  const releases = { blue, green };
  if (platform === "local") {
    const start = ({ entry }: ParsedRelease) => ({ entry: given(entry) });
    const settings = local ?? { deleteDataOnDestroy: false };
    const { errorRate, minRequests, p95, connections } = parsed.alarms;
    const alarms = { errorRate, minRequests, p95, connections };
    return { platform, ...common, ...each(releases, defaultCount.local, start), local: settings, alarms };
  }
  const start = ({ image }: ParsedRelease) => ({ image: given(image) });
  const { network, domain, rds, service, alarms, notify, ci } = parsed;
  return {
    platform,
    ...common,
    ...each(releases, defaultCount.aws, start),
    ...{ network, domain: given(domain), rds, service, alarms, notify, ci },
  };
}

/** What is written as a duration is judged in seconds, as metrics are. */
function bakeOf({ bake: { limits, ...bake } }: Parsed): BakeSettings {
  return { ...bake, limits: { ...limits, p95: limits.p95 / 1000 } };
}

function overridesOf({
  rolling,
  acceptLoss,
  acceptEdited,
  breakIdle,
  cutOver,
  acceptTargeted,
}: Parsed): OverrideSettings {
  const all = { rolling, acceptLoss, acceptEdited, breakIdle, cutOver };
  // Left out rather than undefined: what the program hands on ends up in state.
  return acceptTargeted === undefined ? all : { ...all, acceptTargeted };
}

/** As in overrides: a key that is not set is left out. An empty section asks for nothing. */
function restoreOf({ restore }: Parsed): { restore?: RestoreSettings } {
  if (restore === undefined) return {};
  const { from, pointInTime, into, acceptLossSince, retire, via } = restore;
  if (from === undefined && pointInTime === undefined && acceptLossSince === undefined && retire === undefined)
    return {};
  const source = { ...(from && { from }), ...(pointInTime && { pointInTime }), ...(via && { via }) };
  const named = { ...source, ...(into && { into }), ...(acceptLossSince && { acceptLossSince }) };
  return { restore: { ...named, ...(retire && { retire }) } };
}

/** Completes the releases that there are, and adds no key for one that there isn't. */
function each<Start>(
  releases: Readonly<Record<Colour, ParsedRelease | undefined>>,
  usualCount: number,
  start: (release: ParsedRelease) => Start,
): Partial<Record<Colour, ReleaseBase & Start>> {
  const completed: Partial<Record<Colour, ReleaseBase & Start>> = {};
  for (const colour of colours) {
    const release = releases[colour];
    if (release === undefined) continue;
    const { version, schema, count = usualCount, env } = release;
    completed[colour] = { version, schema, count, env, ...start(release) };
  }
  return completed;
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the config rules let something through that its platform can't do without");
  return value;
}
