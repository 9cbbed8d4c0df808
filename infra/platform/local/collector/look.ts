import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CollectedAlarm } from "../../../collector/alarms";
import { figuresOf } from "../../../collector/figures";
import { matches, type CountedLines } from "../../../collector/lines";
import { read, type Reading } from "../../../collector/reading";
import { withSession, type Target } from "../../../collector/session";
import { Windows, type Value } from "../../../collector/windows";
import { colours } from "../../../config";
import { dataFolderOf } from "../../../database/data-folder";
import { loginKinds, roleNames, type RoleNames } from "../../../database/names";
import type { DatabaseReport } from "../balancer/api";
import { alarmsHere, countedHere, type Counted } from "./alarms";
import type { CollectorSettings } from "./settings";
import { Tail } from "./tail";

/** Looks at the database and the logs, and judges. What can't be looked at is said, and missing from the report. */
export class Look {
  readonly #roles: RoleNames;
  readonly #counted: Counted;
  readonly #alarms: readonly CollectedAlarm[];
  readonly #windows: Windows;
  readonly #ofServer = new Tail();
  readonly #ofCopies = new Tail();
  #before: Reading | undefined;
  /** Where PostgreSQL keeps its data, and its log with it, once it has said so. */
  #data: string | undefined;

  constructor(
    private readonly settings: CollectorSettings,
    private readonly say: (problem: unknown) => void,
  ) {
    this.#roles = roleNames(settings.database.name);
    this.#counted = countedHere(this.#roles);
    this.#alarms = alarmsHere(settings.limits, this.#roles);
    this.#windows = new Windows(this.#alarms);
  }

  async once(): Promise<DatabaseReport> {
    const figures = await this.#tried<Value[]>(() => this.#figures(), []);
    const values: Value[] = [
      ...figures,
      ...(await this.#tried(() => this.#ofPostgres(), [])),
      ...(await this.#tried(() => this.#ofColours(), [])),
    ];
    this.#windows.add(values);
    const firing = new Set(this.#windows.firing());
    return {
      everyMs: this.settings.intervalMs,
      alarms: this.#alarms.map((alarm) => ({ name: alarm.name, severity: alarm.severity, fires: firing.has(alarm) })),
      figures: values,
    };
  }

  async #figures(): Promise<Value[]> {
    const { reading, data } = await withSession(this.#target(), async (client) => ({
      data: await dataFolderOf(client),
      reading: await read(client, this.#target()),
    }));
    this.#data = data;
    const before = this.#before;
    this.#before = reading;
    return figuresOf(before, reading);
  }

  #target(): Target {
    const { host, port, name: database, password } = this.settings.database;
    const { blue, green, monitoring: user } = this.#roles;
    const all = loginKinds.map((kind) => this.#roles[kind]);
    return { host, port, database, user, password, ca: undefined, service: [blue, green], all };
  }

  /** Which file it writes to now stands in another: pg_current_logfile() is open to a monitoring role since 16 alone. */
  #ofPostgres(): Value[] {
    const data = this.#data;
    if (data === undefined) return [];
    const named = /^stderr (.+)$/m.exec(readFileSync(join(data, "current_logfiles"), "utf8"))?.[1];
    const files = named === undefined ? [] : [resolve(data, named)];
    return count(this.#counted.postgres, [...this.#ofServer.added(files).values()].flat());
  }

  #ofColours(): Value[] {
    const files = colours.map((colour) => join(this.settings.copiesLogs, `${colour}.log`));
    const added = this.#ofCopies.added(files);
    return this.#counted.copies.flatMap((each, at) => count([each], added.get(files[at] ?? "") ?? []));
  }

  async #tried<T>(work: () => Promise<T> | T, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.say(error);
      return otherwise;
    }
  }
}

/** A line that begins with a tab belongs to the one before it. */
function count(patterns: readonly CountedLines[], lines: readonly string[]): Value[] {
  const whole = lines.filter((line) => !line.startsWith("\t"));
  return patterns.map(({ metric, pattern }) => ({
    name: metric,
    value: whole.filter((line) => matches(pattern, line)).length,
  }));
}
