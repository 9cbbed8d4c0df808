import type { IncomingMessage } from "node:http";
import { colours, previewHeader, type Colour } from "./api";
import { chooseColour, settledAccount } from "./choose";
import type { Target, TargetGroup } from "./groups";
import type { ColourLabel } from "./metrics";
import type { Reply } from "./replies";

/** Where a request goes: to a target, or to a reply that the balancer gives itself. */
export type Decision = { colour: ColourLabel } & ({ target: Target } | { reply: Reply });

/** Decides on each new request, in the order of arrival. */
export class Router {
  /**
   * Percent of new production requests for green, 0..100. It is here and not read off the listener, because requests
   * also arrive while the listener is being created, and on connections that outlive it.
   */
  greenWeight = 0;
  #owed = settledAccount;

  constructor(private readonly groups: Readonly<Record<Colour, TargetGroup>>) {}

  /** The production listener's rule; a preview header means nothing here. */
  byWeight(): Decision {
    const { colour, owed } = chooseColour(this.#owed, this.greenWeight, Math.random());
    this.#owed = owed;
    return this.#toColour(colour);
  }

  /** The preview listener's rules: one a colour, and a fixed 404 for the rest. */
  byHeader(request: IncomingMessage): Decision {
    const named = request.headers[previewHeader];
    const colour = colours.find((each) => each === named);
    if (colour) return this.#toColour(colour);
    const found = named === undefined ? "none" : JSON.stringify(named);
    const text = `the preview listener needs the header ${previewHeader}: ${colours.join(" or ")}; found ${found}`;
    return { colour: "none", reply: { status: 404, text } };
  }

  /** No failover: a request for a colour that has no target is not given to the other. */
  #toColour(colour: Colour): Decision {
    const target = this.groups[colour].choose();
    if (target) return { colour, target };
    return { colour, reply: { status: 503, text: `no ${colour} target is registered` } };
  }
}
