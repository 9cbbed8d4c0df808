/** What a release can do beyond the oldest one that this code base runs as. */
export interface Features {
  /** A page's summary, since migration 0007. */
  summary: boolean;
}

/**
 * What a release built against migration `schema` does. The release decides, not what is applied: one that runs on a newer
 * schema behaves exactly as it did on its own, so that two releases can serve side by side.
 */
export const featuresOf = (schema: string): Features => ({ summary: BigInt(schema) >= 7n });
