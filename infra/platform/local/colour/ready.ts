/**
 * How long a copy may take until it is ready, in ms: `smoke.healthWait`, and at most 60 s. A process of this machine that
 * isn't ready by then won't be, however long a container may take elsewhere.
 */
export const readyWithin = (healthWait: number): number => Math.min(healthWait, 60_000);
