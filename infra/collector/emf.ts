import { units, type Figure } from "./figures";

/** The dimension of figures that each role has. */
export const roleDimension = "Role";

/**
 * Figures as CloudWatch Logs takes metrics out of lines ("Embedded metric format"): a line for those of the database, and one
 * a role. Whoever may write to the log needs no other permission.
 * @param at milliseconds since the epoch
 */
export function metricLines(namespace: string, at: number, figures: readonly Figure[]): string[] {
  const roles = [...new Set(figures.map(({ role }) => role))];
  return roles.map((role) => {
    const own = figures.filter((figure) => figure.role === role);
    return JSON.stringify({
      _aws: {
        Timestamp: Math.round(at),
        CloudWatchMetrics: [
          {
            Namespace: namespace,
            Dimensions: [role === undefined ? [] : [roleDimension]],
            Metrics: own.map(({ name }) => ({ Name: name, Unit: units[name] })),
          },
        ],
      },
      ...(role !== undefined && { [roleDimension]: role }),
      ...Object.fromEntries(own.map(({ name, value }) => [name, value])),
    });
  });
}
