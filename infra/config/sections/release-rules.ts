import type { Draft, Facts } from "../draft";
import { nothing, remove, set, shown, type Mend, type Problem, type Way } from "../problem";
import { releaseExamples as examples } from "./release";
import { colours, otherColour, weightOf, type Colour } from "./traffic";

/** Which releases must be there, and which keys of one go with which platform. */
export function releaseRules(facts: Facts): Problem[] {
  const { greenWeight } = facts.draft;
  if (greenWeight === undefined && colours.every((colour) => !facts.has([colour]))) return [noRelease(facts.draft)];
  return colours.flatMap((colour) => {
    const weight = greenWeight === undefined ? 0 : weightOf(colour, greenWeight);
    if (!facts.has([colour])) return weight > 0 ? [missingRelease(colour, weight, facts)] : [];
    return [...(weight > 0 ? retiredUnderLoad(colour, weight, facts) : []), ...platformKeys(colour, facts)];
  });
}

/** Only told when greenWeight is wrong too: else the colour that has weight is named, which says more. */
function noRelease(draft: Draft): Problem {
  return {
    path: ["blue"],
    found: nothing,
    allowed: "at least one release, under blue or green",
    ways: [describeRelease("blue", draft)],
  };
}

function missingRelease(colour: Colour, weight: number, { draft, has }: Facts): Problem {
  const other = otherColour(colour);
  const describe = describeRelease(colour, draft);
  const instead = set(["greenWeight"], other === "green" ? 100 : 0);
  return {
    path: [colour],
    remark: "missing release",
    found: shown(`no release for ${colour}, which gets ${weight} % of new requests`, "greenWeight"),
    allowed: `a release for every colour with a weight above 0 (green's is greenWeight, blue's the rest of 100)`,
    ways: has([other]) ? [describe, [instead]] : [describe],
  };
}

/** The commands that describe a release: like the other colour's where that is known, else by example. */
function describeRelease(colour: Colour, { platform, ...draft }: Draft): Way {
  const other = otherColour(colour);
  const model = draft[other];
  const like = (key: keyof typeof examples): Mend =>
    set([colour, key], model?.[key] ?? examples[key], ...(model?.[key] === undefined ? [] : [other]));
  return [like("version"), like("schema"), like(platform === undefined ? "entry" : startedFrom[platform].needs)];
}

function retiredUnderLoad(colour: Colour, weight: number, { draft, has }: Facts): Problem[] {
  if (draft[colour]?.count !== 0) return [];
  const other = otherColour(colour);
  const serving = has([other]) && draft[other]?.count !== 0;
  const away: Way = [set(["greenWeight"], colour === "green" ? 0 : 100)];
  return [
    {
      path: [colour, "count"],
      found: shown(`0 (retired), while ${colour} gets ${weight} % of new requests`, colour, "greenWeight"),
      allowed: "1 or more for a colour with a weight above 0",
      ways: serving ? [[set([colour, "count"], 1)], away] : [[set([colour, "count"], 1)]],
    },
  ];
}

/** What a release is started from: a file on one machine, an image on AWS. */
const startedFrom = { local: { needs: "entry", refuses: "image" }, aws: { needs: "image", refuses: "entry" } } as const;
const nouns = { entry: "a Node.js file", image: "an image" } as const;

function platformKeys(colour: Colour, { draft: { platform }, has, found }: Facts): Problem[] {
  if (platform === undefined) return [];
  const { needs, refuses } = startedFrom[platform];
  const lacking: Problem = {
    path: [colour, needs],
    found: nothing,
    allowed: shown(`${nouns[needs]}: required on platform ${platform}`, "platform"),
    ways: [[set([colour, needs], examples[needs])]],
  };
  const misplaced: Problem = {
    path: [colour, refuses],
    found: found([colour, refuses]),
    allowed: shown(`nothing: platform ${platform} starts a release from its ${needs}`, "platform"),
    ways: [[remove([colour, refuses])]],
  };
  return [...(has([colour, needs]) ? [] : [lacking]), ...(has([colour, refuses]) ? [misplaced] : [])];
}
