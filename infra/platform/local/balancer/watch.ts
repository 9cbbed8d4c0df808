import { usualAlarms } from "../../../config/sections/alarms";
import { colourAlarms, ownAlarms, windows, type Alarm } from "./alarms";
import type { AlarmLimits, Tags, Weights } from "./api";
import type { TargetGroup } from "./groups";
import { Recent, type Measure } from "./recent";
import { Reported } from "./reported";

/** What alarms ask of the production listener. */
export interface WatchedListener {
  readonly weights: Weights;
  readonly tags: Tags;
  /** When its tags were last written, by the clock of `Measure`. */
  readonly taggedAt: number;
}

/** What the balancer sees of itself, and is told of the database; and the alarms on all that. Kept in memory alone. */
export class Watch implements Measure {
  readonly reported: Reported;
  /** Of both listeners; failed are the requests that the balancer had to refuse itself. */
  readonly own: Recent;
  #limits: AlarmLimits = usualAlarms;

  /** @param now milliseconds that never go back */
  constructor(readonly now: () => number = () => performance.now()) {
    this.reported = new Reported(now);
    this.own = new Recent(this, windows["balancer-errors"]);
  }

  limits(): AlarmLimits {
    return this.#limits;
  }

  /** From now on alarms go by these. Whoever starts the balancer says them. */
  goBy(limits: AlarmLimits): void {
    this.#limits = limits;
  }

  /** Every alarm of a colour. */
  ofColour({ colour, registered, withoutHealthy }: TargetGroup, production: WatchedListener | undefined): Alarm[] {
    const targets = registered.map(({ recent }) => recent);
    const live = (production?.weights[colour] ?? 0) > 0;
    return colourAlarms({ colour, targets, live, withoutHealthy }, this.#limits);
  }

  /** Those of no colour: of the balancer and of the database. */
  ofNone(production: WatchedListener | undefined): Alarm[] {
    const { tags = {}, taggedAt = 0 } = production ?? {};
    const own = ownAlarms({ recent: this.own, tags, sinceTagged: this.now() - taggedAt }, this.#limits);
    return [...own, ...this.reported.alarms];
  }
}
