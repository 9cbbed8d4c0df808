/** The part of the npm wrapper that is used here; it ships no types. */
declare module "pulumi/lib/download" {
  /** Runs Pulumi's official installer with `root` as its target. */
  export function installCLI(version: string, root: string): Promise<void>;
}
