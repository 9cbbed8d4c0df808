import { ApiError } from "../errors";
import type { ListedPage, Place } from "../queries/pages";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A place in a list as callers get it: opaque, so that what it holds may change. */
export const toCursor = ({ createdAt, id }: Pick<ListedPage, "createdAt" | "id">): string =>
  Buffer.from(`${createdAt.toISOString()} ${id}`).toString("base64url");

/** @throws ApiError 400 for what `toCursor` never gave */
export function fromCursor(cursor: string): Place {
  const [time = "", id = ""] = Buffer.from(cursor, "base64url").toString().split(" ");
  const createdAt = new Date(time);
  if (Number.isNaN(createdAt.getTime()) || createdAt.toISOString() !== time || !uuid.test(id))
    throw new ApiError(400, "invalid_cursor", "the cursor is none that a list gave; leave it out to begin anew");
  return { createdAt: time, id };
}
