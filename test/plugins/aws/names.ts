import type { Properties } from "../protocol/values";
import type { Definition } from "./definition";

/** How many random characters are behind the resource's name, as in the official plugin. */
const randomLength = 7;

/** The name of a resource that the program gives none, kept once it is made up; and the bridge's note that it is. */
export function autoNamed(
  { autoName }: Definition,
  news: Properties,
  olds: Properties | undefined,
  name: string,
  seed: Uint8Array,
): Properties {
  if (autoName === undefined) return {};
  const { property, maximum } = autoName;
  const prefix = `${property}Prefix`;
  const asked = "name" === property ? news["namePrefix"] : news[prefix];
  if (news[property] !== undefined) return {};
  const before =
    Array.isArray(olds?.["__defaults"]) && olds["__defaults"].includes(property) ? olds[property] : undefined;
  const begin = typeof asked === "string" ? asked : `${name}-`;
  const random = Buffer.from(seed).toString("hex").padEnd(randomLength, "0").slice(0, randomLength);
  const made = before ?? (begin + random).slice(0, begin.length + randomLength);
  if (typeof made === "string" && made.length > maximum)
    throw new Error(
      `name '${name}' plus ${randomLength} random chars is longer than maximum length ${maximum}; ` +
        `set ${property}, or give the resource a shorter name`,
    );
  return { [property]: made, __defaults: [property] };
}
