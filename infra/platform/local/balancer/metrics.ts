import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Alarm } from "./alarms";
import { colours, type Colour, type DatabaseReport, type ListenerName, type Weights } from "./api";

const prefix = "switchyard_balancer_";

/** "none": a request that the preview listener answered itself, because it named no colour; an alarm of neither. */
export type ColourLabel = Colour | "none";

/** Who made an error, as in an ALB's HTTPCode_Target_5XX_Count and HTTPCode_ELB_5XX_Count. */
export type Origin = "target" | "balancer";

/**
 * Upper bounds in seconds. Close enough together that a p95 between 50 ms and 10 s is off by at most half of
 * itself, with edges on the alarms' limits (0.5 s and 1 s).
 */
export const latencyBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 30, 60,
];

/** What the gauges read when they are scraped. */
export interface Gauged {
  /** Weights of the production listener; undefined while there is none. */
  weights(): Weights | undefined;
  targets(colour: Colour): { registered: number; healthy: number };
  /** A colour's own, or those of the balancer and of the database. */
  alarms(colour: ColourLabel): readonly Alarm[];
  /** What is known of the database. */
  database(): DatabaseReport["figures"];
}

/** The balancer's metrics. Health checks and calls of the admin port are not in them. */
export class Metrics {
  readonly registry = new Registry();

  readonly #requests = new Counter({
    name: `${prefix}requests_total`,
    help: "Requests that ended, by the class of the status that the client got (4xx also when the client left first).",
    labelNames: ["listener", "colour", "class"],
    registers: [this.registry],
  });

  readonly #errors = new Counter({
    name: `${prefix}errors_total`,
    help:
      "Requests that failed with a 5xx, by who made it: the target, or the balancer for want of an answer. " +
      "Code `truncated`: the target broke off an answer that it had begun.",
    labelNames: ["listener", "colour", "origin", "code"],
    registers: [this.registry],
  });

  readonly #latency = new Histogram({
    name: `${prefix}target_response_seconds`,
    help: "From a request's arrival until its target began to answer; requests that no target answered are left out.",
    labelNames: ["listener", "colour"],
    buckets: latencyBuckets,
    registers: [this.registry],
  });

  readonly #inFlight = new Gauge({
    name: `${prefix}in_flight`,
    help: "Requests and upgraded connections under way.",
    labelNames: ["listener", "colour"],
    registers: [this.registry],
  });

  constructor(gauged: Gauged, startedAt: number) {
    const registers = [this.registry];
    new Gauge({
      name: `${prefix}start_time_seconds`,
      help: "When this process started, in seconds since the epoch; counters began at 0 then.",
      registers,
    }).set(startedAt / 1000);
    new Gauge({
      name: `${prefix}weight`,
      help: "Percent of new production requests that the colour gets; absent while there is no production listener.",
      labelNames: ["colour"],
      registers,
      collect() {
        this.reset();
        const weights = gauged.weights();
        if (weights) for (const colour of colours) this.set({ colour }, weights[colour]);
      },
    });
    for (const which of ["registered", "healthy"] as const) {
      new Gauge({
        name: `${prefix}${which}_targets`,
        help: `Targets of the colour that are ${which}; draining ones are neither.`,
        labelNames: ["colour"],
        registers,
        collect() {
          for (const colour of colours) this.set({ colour }, gauged.targets(colour)[which]);
        },
      });
    }
    new Gauge({
      name: `${prefix}alarm`,
      help: "1 while an alarm fires, else 0: of the colour, or (colour `none`) of the balancer and the database.",
      labelNames: ["colour", "alarm", "severity"],
      registers,
      collect() {
        this.reset();
        for (const colour of [...colours, "none"] as const)
          for (const { name, severity, fires } of gauged.alarms(colour))
            this.set({ colour, alarm: name, severity }, fires ? 1 : 0);
      },
    });
    new Gauge({
      name: "switchyard_database_figure",
      help: "Figures of the database, as the collector read them last; `role` where each role has its own.",
      labelNames: ["figure", "role"],
      registers,
      collect() {
        this.reset();
        for (const { name, role = "", value } of gauged.database()) this.set({ figure: name, role }, value);
      },
    });
    this.#startAtZero();
  }

  // A rate over a series that appears with its first error would miss that error.
  #startAtZero(): void {
    for (const listener of ["production", "preview"] as const) {
      for (const colour of colours) {
        this.#latency.zero({ listener, colour });
        this.#inFlight.set({ listener, colour }, 0);
        for (const status of ["2xx", "3xx", "4xx", "5xx"]) this.#requests.inc({ listener, colour, class: status }, 0);
        for (const code of ["500", "502", "503", "504", "truncated"]) {
          this.#errors.inc({ listener, colour, origin: "target", code }, 0);
        }
        for (const code of ["502", "503", "504"]) {
          this.#errors.inc({ listener, colour, origin: "balancer", code }, 0);
        }
      }
    }
  }

  began(listener: ListenerName, colour: ColourLabel): void {
    this.#inFlight.inc({ listener, colour });
  }

  /** A target began to answer, `seconds` after the request's arrival. */
  answered(listener: ListenerName, colour: ColourLabel, seconds: number): void {
    this.#latency.observe({ listener, colour }, seconds);
  }

  /** A request is over. `error` is given when it failed with a 5xx or was broken off by its target. */
  ended(listener: ListenerName, colour: ColourLabel, status: number, error?: { origin: Origin; code: string }): void {
    this.#inFlight.dec({ listener, colour });
    this.#requests.inc({ listener, colour, class: `${Math.floor(status / 100)}xx` });
    if (error) this.#errors.inc({ listener, colour, ...error });
  }
}
