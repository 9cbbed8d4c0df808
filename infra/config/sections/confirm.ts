import { flag } from "../kinds";

export const confirmKeys = {
  requireConfirm: flag({
    meaning:
      "Must whoever runs `pulumi up` name the digest that its preview shows, in SWITCHYARD_CONFIRM? A return goes without.",
    example: "true",
  }).default(false),
};
