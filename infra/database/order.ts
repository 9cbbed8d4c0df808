import type * as pulumi from "@pulumi/pulumi";

/**
 * Declares resources that the engine creates one after the other.
 *
 * It would create them side by side, and PostgreSQL keeps the grants of a database, a schema or an owner's default
 * privileges in one row each: two changes of it at a time fail with "tuple concurrently updated". The provider's locks
 * are by grantee, so they don't prevent it, and its `maxConnections: 1` doesn't either: with it the provider hangs, since
 * it creates a database on one connection while another holds a lock.
 */
export class InOrder {
  #last: pulumi.Resource[];

  constructor(after: pulumi.Resource[]) {
    this.#last = after;
  }

  /** Declares one more, with `dependsOn` as its only own option. */
  then<T extends pulumi.Resource>(declare: (dependsOn: pulumi.Resource[]) => T): T {
    const resource = declare(this.#last);
    this.#last = [resource];
    return resource;
  }

  get last(): pulumi.Resource[] {
    return this.#last;
  }
}
