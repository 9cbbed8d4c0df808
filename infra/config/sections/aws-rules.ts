import type { Facts } from "../draft";
import { remove, set, shown, type Problem } from "../problem";
import { onlyOnAws } from "./alarms";
import { colours, type Colour } from "./traffic";

/** What only a stack on AWS has. */
const sections = ["network", "domain", "rds", "service", "notify", "ci"] as const;

/** What AWS alone has is refused elsewhere, and images name the release that they are. */
export function awsRules(facts: Facts): Problem[] {
  return [...onlyHere(facts), ...colours.flatMap((colour) => pinned(colour, facts))];
}

function onlyHere({ draft: { platform }, has, found }: Facts): Problem[] {
  if (platform !== "local") return [];
  const alarms = onlyOnAws.map((name) => ["alarms", name]);
  const paths = [...sections.map((name) => [name]), ...alarms, ["database", "via"], ["restore", "via"]];
  return paths
    .filter((path) => has(path))
    .map((path) => ({
      path,
      found: found(path),
      allowed: shown("nothing: these are settings of platform aws, and this stack's is local", "platform"),
      ways: [[remove(path)]],
    }));
}

/**
 * A tag can be moved to another image, which the stack would never notice. So it is a digest that says what runs, or the tag
 * of the very version that config names.
 */
function pinned(colour: Colour, { draft: { platform, ...draft } }: Facts): Problem[] {
  const { image, version } = draft[colour] ?? {};
  if (platform !== "aws" || image === undefined || version === undefined || image.includes("@sha256:")) return [];
  const at = image.lastIndexOf(":");
  const tag = image.slice(at + 1);
  if (/[0-9]/.test(tag) && (tag === version || tag === `v${version}`)) return [];
  const numbered = /[0-9]/.test(version);
  return [
    {
      path: [colour, "image"],
      found: shown(`the tag ${tag}, for version ${version}`, colour),
      allowed: shown(
        numbered
          ? `a digest (@sha256:…), or the version as its tag: ${version} or v${version}`
          : `a digest (@sha256:…): a version without a digit, such as ${version}, is no tag that stays what it is`,
        colour,
      ),
      ways: numbered ? [[set([colour, "image"], `${image.slice(0, at)}:${version}`, colour)]] : [],
    },
  ];
}
