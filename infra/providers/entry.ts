import type * as pulumi from "@pulumi/pulumi";
import { PartialFailure, type Provider } from "./contract";

/* eslint-disable @typescript-eslint/no-require-imports -- each provider loads what it needs when it is used, not before:
   a weight change must not wait for the SDKs of a database. */
type AnyProvider = Provider<object, object>;

/**
 * From the name in state to its code. A name is for ever: state of old deployments holds it, and delete and refresh ask
 * for it. Files may move; then only the path here changes.
 */
const providers: Record<string, () => AnyProvider> = {
  RolloutPlan: () => (require("./rollout-plan/provider") as { provider: AnyProvider }).provider,
  TrafficReturn: () => (require("./traffic-return/provider") as { provider: AnyProvider }).provider,
  TrafficAdvance: () => (require("./traffic-advance/provider") as { provider: AnyProvider }).provider,
  SmokeTest: () => (require("./smoke-test/provider") as { provider: AnyProvider }).provider,
  Passwords: () => (require("./passwords/provider") as { provider: AnyProvider }).provider,
  SchemaRehearsal: () => (require("./schema-rehearsal/provider") as { provider: AnyProvider }).provider,
  Backup: () => (require("./backup/provider") as { provider: AnyProvider }).provider,
  Restore: () => (require("./restore/provider") as { provider: AnyProvider }).provider,
  SchemaWiden: () => (require("./schema-widen/provider") as { provider: AnyProvider }).provider,
  SchemaNarrow: () => (require("./schema-narrow/provider") as { provider: AnyProvider }).provider,
  AccessCheck: () => (require("./access-check/provider") as { provider: AnyProvider }).provider,
  LocalDatabase: () => (require("../platform/local/database/provider") as { provider: AnyProvider }).provider,
  LocalTakeOver: () => (require("../platform/local/take-over/provider") as { provider: AnyProvider }).provider,
  LocalBalancer: () => (require("../platform/local/balancer/provider") as { provider: AnyProvider }).provider,
  LocalCollector: () => (require("../platform/local/collector/provider") as { provider: AnyProvider }).provider,
  LocalColour: () => (require("../platform/local/colour/provider") as { provider: AnyProvider }).provider,
  RdsAdministrator: () => (require("../platform/aws/administrator/provider") as { provider: AnyProvider }).provider,
  RdsMoment: () => (require("../platform/aws/point-in-time/moment-provider") as { provider: AnyProvider }).provider,
  RdsMomentBackup: () =>
    (require("../platform/aws/point-in-time/backup-provider") as { provider: AnyProvider }).provider,
  RdsSeedAside: () => (require("../platform/aws/seed/aside-provider") as { provider: AnyProvider }).provider,
  RdsSeedTakeOver: () => (require("../platform/aws/seed/take-over-provider") as { provider: AnyProvider }).provider,
  EcsSteady: () => (require("../platform/aws/ecs-steady/provider") as { provider: AnyProvider }).provider,
  LocalListener: () => (require("../platform/local/listener/provider") as { provider: AnyProvider }).provider,
};
/* eslint-enable @typescript-eslint/no-require-imports */

/**
 * What a return of traffic asks for is loaded while the program, in a process of its own, still reads config. What can't
 * be loaded is told to whoever asks for it.
 */
setImmediate(() => {
  for (const name of ["RolloutPlan", "TrafficReturn"])
    try {
      providers[name]?.();
    } catch {
      return;
    }
});

type EngineProvider = Required<Omit<pulumi.dynamic.ResourceProvider, "configure">>;

/** What `shell` calls: the provider of that name. */
export function provider(name: string): EngineProvider {
  const load = providers[name];
  if (load === undefined)
    throw new Error(`no dynamic provider named ${name} in infra/providers/entry.ts; names that are in state must stay`);
  return inEnginesForm(load());
}

/** A provider of ours in the form that the engine speaks. */
export function inEnginesForm(real: AnyProvider): EngineProvider {
  return {
    check: (olds: object | undefined, news: object) =>
      plainly(async () => {
        const known = olds !== undefined && Object.keys(olds).length > 0 ? olds : undefined;
        const problems = (await real.check?.(news, known)) ?? [];
        const inputs = problems.length > 0 ? undefined : real.complete?.(news, known);
        return {
          inputs: inputs === undefined ? news : stateful(inputs),
          // With a property named, the engine would print its whole value before the sentence.
          failures: problems.map((reason) => ({ property: "", reason })),
        };
      }),
    diff: (id, olds: object, news: object) => plainly(async () => real.diff(olds, news, id)),
    create: (inputs: object) =>
      plainly(async () => {
        const { id, outs } = await real.create(inputs);
        return { id, outs: stateful(outs) };
      }),
    update: (id, olds: object, news: object) =>
      plainly(async () => ({ outs: stateful(await real.update(olds, news, id)) })),
    read: (id, props: object) =>
      plainly(async () => {
        const found = real.read === undefined ? props : await real.read(props, id);
        // Without an id the engine takes the resource as gone, and drops it from state.
        return found === undefined ? ({} as pulumi.dynamic.ReadResult) : { id, props: stateful(found) };
      }),
    delete: (id, props: object) => plainly(async () => real.delete(props, id)),
  };
}

/**
 * Undefined, bigint or Date in outputs breaks them after create has run, which would leave an orphan: JSON has none of
 * them. (A bigint throws here, still before the engine has lost track.)
 */
function stateful(outs: object): object {
  return JSON.parse(JSON.stringify(outs)) as object;
}

/** A thrown subclass of Error loses its message on its way to the engine; a plain one with these fields keeps it. */
async function plainly<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const plain = new Error(message);
    // Nobody is helped by our stack trace in the operator's terminal.
    plain.stack = "";
    if (error instanceof PartialFailure)
      Object.assign(plain, { id: error.id, properties: stateful(error.outs), reasons: [message] });
    throw plain;
  }
}
