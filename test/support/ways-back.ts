/** What of a resource in an exported state says what it depends on. */
export interface Depending {
  readonly urn: string;
  readonly provider?: string;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
  readonly deletedWith?: string;
}

/**
 * How many ways lead back from each resource to what it depends on. When a deletion is refused, the engine goes all of them,
 * those that it has gone already too (`markAsDependency` in pkg/resource/graph/dependency_graph.go of Pulumi 3.259.0), at some
 * hundred thousand a second; each output of a resource that another one is given is one more way, and ways multiply.
 */
export function waysBack(resources: readonly Depending[]): Map<string, number> {
  const ways = new Map<string, number>();
  // Whatever a resource depends on stands before it in a state.
  for (const { urn, provider, dependencies = [], propertyDependencies = {}, deletedWith } of resources) {
    const own = provider?.slice(0, provider.lastIndexOf("::"));
    const all = [
      own,
      ...dependencies,
      ...Object.values(propertyDependencies).flatMap((each) => each ?? []),
      deletedWith,
    ];
    const back = all.reduce((sum, each) => sum + ((each === undefined ? 0 : ways.get(each)) ?? 0), 1);
    ways.set(urn, back);
  }
  return ways;
}
