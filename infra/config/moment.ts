import { z } from "zod";

declare const kind: unique symbol;
/** A moment as somebody has written it, with its zone: "2026-01-31T08:00:00+01:00". */
export type Moment = string & { readonly [kind]: "moment" };

/** To the second, which is as fine as RDS goes; without a zone nobody knows which moment is meant. */
const form = z.iso.datetime({ offset: true, precision: 0 });

export const isMoment = (found: unknown): found is Moment => form.safeParse(found).success;

/** The same moment in UTC, as AWS takes it: "2026-01-31T07:00:00Z". */
export const utcOf = (moment: Moment): string => `${new Date(moment).toISOString().slice(0, 19)}Z`;

/** The same moment in UTC as names can hold it: "20260131070000". */
export const momentDigits = (moment: Moment): string => utcOf(moment).replace(/\D/g, "");
