import type { Provider } from "./contract";
import { inEnginesForm, type EngineProvider } from "./engine-form";

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

/** What `shell` calls: the provider of that name. */
export function provider(name: string): EngineProvider {
  const load = providers[name];
  if (load === undefined)
    throw new Error(
      `no dynamic provider named ${name} in infra/providers/by-name.ts; names that are in state must stay`,
    );
  return inEnginesForm(load());
}
