import type { Properties } from "../protocol/values";
import type { Here } from "./definition";

type Tags = Record<string, string>;

/** Live tags of a row; the ones that a walk or a person set beside the program are among them. */
export const liveTags = (outs: Properties): Tags => (outs["tagsAll"] ?? {}) as Tags;

const isIgnored = ({ ignoredTags }: Here, key: string): boolean =>
  ignoredTags.keys.includes(key) || ignoredTags.prefixes.some((prefix) => key.startsWith(prefix));

const those = (tags: Tags, counts: (key: string, value: string) => boolean): Tags =>
  Object.fromEntries(Object.entries(tags).filter(([key, value]) => counts(key, value)));

/** What a read says of tags: nothing of those that the provider is told to ignore, and its own only in `tagsAll`. */
export function seenTags(outs: Properties, here: Here): Properties {
  if (!("tagsAll" in outs)) return {};
  const tagsAll = those(liveTags(outs), (key) => !isIgnored(here, key));
  const own = (outs["tags"] ?? {}) as Tags;
  const tags = those(tagsAll, (key, value) => key in own || here.defaultTags[key] !== value);
  return { tagsAll, ...(Object.keys(tags).length > 0 || outs["tags"] !== undefined ? { tags } : {}) };
}

/** What an update writes: the tags that the provider ignores stay as they are. */
export const withIgnored = (wanted: Properties, there: Properties, here: Here): Properties =>
  "tagsAll" in wanted
    ? { ...wanted, tagsAll: { ...those(liveTags(there), (key) => isIgnored(here, key)), ...liveTags(wanted) } }
    : wanted;
