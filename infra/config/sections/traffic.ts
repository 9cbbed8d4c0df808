import { integer } from "../kinds";

/** The two colours, in the order in which they are named everywhere. */
export const colours = ["blue", "green"] as const;

/** One of the two running releases behind the listener. */
export type Colour = (typeof colours)[number];

/** The other colour. */
export const otherColour = (colour: Colour): Colour => (colour === "blue" ? "green" : "blue");

/** The percent of new requests that a colour gets: green its weight, blue the rest. */
export const weightOf = (colour: Colour, greenWeight: number): number =>
  colour === "green" ? greenWeight : 100 - greenWeight;

export const trafficKeys = {
  greenWeight: integer(0, 100, "percent", {
    meaning: "Percent of new requests that green gets; blue gets the rest.",
    example: "25",
  }).default(0),
};
