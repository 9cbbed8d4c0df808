import type { z } from "zod";
import { infoOf } from "./key";
import { set, type Path, type Way } from "./problem";

/** The commands that give a key its example: one, or one for each value of a list; none for a key without an example. */
export function exampleFor(path: Path, key: z.core.$ZodType): Way {
  const { example, items } = infoOf(key);
  if (items !== undefined) return items.examples.map((value, at) => set([...path, String(at)], value));
  return example === undefined ? [] : [set(path, example)];
}
