import { CloudWatchClient, DescribeAlarmsCommand, type AlarmType } from "@aws-sdk/client-cloudwatch";
import { COLOURS } from "../../rollout/names";
import type { PerColour } from "../../rollout/types";
import { TelemetryUnreachable, type AwsTelemetryAddress, type Look, type Telemetry, type Watch } from "../telemetry";
import { asked, clientOf } from "./sdk";
import { DEFAULT_EDGES, periodMs, sampleOf } from "./telemetry-figures";
import { askFigures } from "./telemetry-query";

/**
 * CloudWatch lags by one to three periods (shared baseline): a sample never ends later than two periods ago. The machine's clock
 * has to be right to some seconds, as NTP keeps it.
 */
const lag = 2 * periodMs;
/** One user needed so long until a load balancer followed a change of its weights (argoproj/argo-rollouts#4595). */
const settling = 120_000;
/** Between two questions for alarms, in ms: an account may ask nine times a second in all. */
const alarmsMs = 5_000;

/** The figures of an Application Load Balancer in CloudWatch, and the composite alarms of its colours. */
export function awsTelemetry(address: AwsTelemetryAddress, now: () => number, say: (line: string) => void): Telemetry {
  return { settling, lag, watch: () => new AwsWatch(address, now, say) };
}

class AwsWatch implements Watch {
  /** Up to here figures were given out; always the beginning of a minute. */
  #until: number | undefined;
  #alarms: { readonly at: number; readonly firing: Look["firing"] } | undefined;
  #undecided = "";

  constructor(
    private readonly address: AwsTelemetryAddress,
    private readonly now: () => number,
    private readonly say: (line: string) => void,
  ) {}

  async look(): Promise<Look> {
    const now = this.now();
    const firing = await this.#firing(now);
    // A minute that had begun before this look may hold requests from before the weights were changed.
    this.#until ??= Math.ceil(now / periodMs) * periodMs;
    const from = this.#until;
    const complete = Math.floor((now - lag) / periodMs) * periodMs;
    if (complete <= from) return { samples: [], until: from, reset: false, firing };
    const edges = this.address.edges ?? DEFAULT_EDGES;
    const figures = await inWordsOfTelemetry(() => askFigures(this.address, edges, from, complete));
    const count = (complete - from) / periodMs;
    const samples = Array.from({ length: count }, (_, i) => sampleOf(figures, edges, from + i * periodMs));
    this.#until = complete;
    return { samples, until: complete, reset: false, firing };
  }

  async #firing(now: number): Promise<Look["firing"]> {
    if (this.#alarms !== undefined && now - this.#alarms.at < alarmsMs) return this.#alarms.firing;
    const states = await inWordsOfTelemetry(() => alarmStates(this.address));
    const missing = COLOURS.filter((colour) => states[colour] === undefined);
    if (missing.length > 0)
      throw new TelemetryUnreachable(
        `there is no alarm ${missing.map((colour) => `${this.address.alarms[colour]} (${colour})`).join(", ")}, and nothing ` +
          "passes without its alarm: npx pulumi up --refresh makes it anew",
      );
    this.#sayUndecided(states);
    const firing = (colour: keyof typeof states) => (states[colour] === "ALARM" ? [this.address.alarms[colour]] : []);
    this.#alarms = { at: now, firing: { blue: firing("blue"), green: firing("green") } };
    return this.#alarms.firing;
  }

  /** An alarm without data doesn't fire, and says nothing good either. */
  #sayUndecided(states: PerColour<string | undefined>): void {
    const names = COLOURS.filter((colour) => states[colour] === "INSUFFICIENT_DATA").map(
      (colour) => `${this.address.alarms[colour]} (${colour})`,
    );
    const undecided = names.join(", ");
    if (undecided !== this.#undecided && undecided !== "")
      this.say(`not enough data for alarm ${undecided}: it doesn't fire`);
    this.#undecided = undecided;
  }
}

/** Both kinds: without a word on types CloudWatch leaves composite alarms out. */
const alarmTypes: AlarmType[] = ["CompositeAlarm", "MetricAlarm"];

async function alarmStates({ connection, alarms }: AwsTelemetryAddress): Promise<PerColour<string | undefined>> {
  const states = new Map<string, string>();
  const on = `${alarms.blue}, ${alarms.green}`;
  let NextToken: string | undefined;
  do {
    const page = await asked(connection, { action: "cloudwatch:DescribeAlarms", on }, () =>
      clientOf(connection, ["cloudwatch"], (settings) => new CloudWatchClient(settings)).send(
        new DescribeAlarmsCommand({
          AlarmNames: [...new Set([alarms.blue, alarms.green])],
          AlarmTypes: alarmTypes,
          NextToken,
        }),
      ),
    );
    for (const { AlarmName, StateValue } of [...(page.CompositeAlarms ?? []), ...(page.MetricAlarms ?? [])])
      if (AlarmName !== undefined && StateValue !== undefined) states.set(AlarmName, StateValue);
    NextToken = page.NextToken;
  } while (NextToken !== undefined && NextToken !== "");
  return { blue: states.get(alarms.blue), green: states.get(alarms.green) };
}

async function inWordsOfTelemetry<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TelemetryUnreachable) throw error;
    throw new TelemetryUnreachable((error as Error).message, { cause: error });
  }
}
