import { z } from "zod";
import { keyInfo } from "../key";

/** Where a stack runs: `local` (one machine, no account) or `aws`. */
export type Platform = "local" | "aws";

export const platforms = ["local", "aws"] as const satisfies readonly Platform[];

export const platformKeys = {
  platform: z.enum(platforms).register(keyInfo, {
    meaning: "Where the stack runs: one machine without an account, or AWS.",
    type: "`local` or `aws`",
    allowed: "local or aws",
    example: "local",
  }),
};
