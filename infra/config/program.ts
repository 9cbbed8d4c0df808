import { posix } from "node:path";
import type { KeyInfo } from "./key";
import { understood, type About } from "./kinds";

declare const kind: unique symbol;

/** Path of a Node.js file, relative to the project, normalised, with "/" between folders. */
export type EntryFile = string & { readonly [kind]: "entry file" };
/** An OCI image reference with a tag or a digest. */
export type ImageReference = string & { readonly [kind]: "image" };

const runnable = new Set([".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"]);

type Described = About & Pick<KeyInfo, "example">;

/**
 * A Node.js file inside the project. Only the text is judged: whether the file is there, and no link leads out, can be
 * seen on the machine that starts it alone.
 */
export function entryFile(about: Described) {
  return understood(readEntry, {
    ...about,
    type: "path",
    allowed: `a path relative to the project, inside it, with / between folders, ending in ${[...runnable].join(", ")}`,
  });
}

function readEntry(found: unknown): EntryFile | undefined {
  // eslint-disable-next-line no-control-regex -- a path with control characters is a mistake at best
  if (typeof found !== "string" || found.length > 1024 || /[\u0000-\u001f\\]/.test(found)) return undefined;
  const path = posix.normalize(found);
  const outside = posix.isAbsolute(path) || /^[A-Za-z]:/.test(path) || path === ".." || path.startsWith("../");
  return outside || path.startsWith("-") || !runnable.has(posix.extname(path)) ? undefined : (path as EntryFile);
}

/**
 * host[:port]/path[:tag][@digest], as in the reference grammar of the OCI distribution specification. One of tag and digest must be there,
 * and the tag may not be latest: what it names changes under a stack that did not.
 */
export function imageReference(about: Described) {
  return understood(readImage, {
    ...about,
    type: "image",
    allowed: "an image pinned by a digest (@sha256:…) or by a tag other than latest",
  });
}

const host =
  "(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?/)?";
const name = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const image = new RegExp(
  `^${host}${name}(?:/${name})*(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?<digest>@sha256:[0-9a-f]{64})?$`,
);

function readImage(found: unknown): ImageReference | undefined {
  if (typeof found !== "string" || found.length > 512) return undefined;
  const { tag, digest } = image.exec(found)?.groups ?? {};
  const pinned = digest !== undefined || (tag !== undefined && tag !== "latest");
  return pinned ? (found as ImageReference) : undefined;
}
