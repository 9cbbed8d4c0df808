import { createHash } from "node:crypto";

/** JSON data with a digest of itself: an edit of any part of it is noticed. It proves no author, only that nothing changed. */
export type Sealed<T extends object> = T & {
  /** SHA-256 of everything else, 64 hexadecimal digits. */
  readonly digest: string;
};

/** Adds the digest. Keys whose value is undefined are left out, as JSON leaves them out. */
export function seal<T extends object>(content: T): Sealed<T> {
  return { ...content, digest: digestOf(content) };
}

/** Whether `sealed` is as it was when it was sealed, however its keys are ordered and its text is laid out. */
export function isIntact(sealed: object): boolean {
  const { digest, ...content } = sealed as { digest?: unknown };
  return digest === digestOf(content);
}

function digestOf(content: object): string {
  const canonical = JSON.stringify(content, (_key, each: unknown) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return createHash("sha256").update(canonical).digest("hex");
}
