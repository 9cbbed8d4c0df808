import packageJson from "../../package.json";

/** The engine's version, pinned once, as the version of the npm wrapper. */
export const engineVersion = packageJson.devDependencies.pulumi;

/** The resource plugins that the local platform needs, at the versions of their npm packages. */
export const localPlugins = {
  postgresql: packageJson.dependencies["@pulumi/postgresql"],
  command: packageJson.dependencies["@pulumi/command"],
} as const;
