import { section } from "../key";
import { integer, migrationVersion, releaseVersion, type MigrationVersion, type ReleaseVersion } from "../kinds";
import { environment } from "../environment";
import { entryFile, imageReference, type EntryFile, type ImageReference } from "../program";
import type { Platform } from "./platform";
import { colours } from "./traffic";

/** What every release says about itself, on any platform. */
export interface ReleaseBase {
  /** Its version, such as "1.4.0": shown in `x-release`, status and records. */
  readonly version: ReleaseVersion;
  /** The migration that it was built against: the lowest schema that it can run on. */
  readonly schema: MigrationVersion;
  /** Running copies, 0..100; 0 means retired. Default: {@link defaultCount}. */
  readonly count: number;
  /** Environment variables, by name; never one that the platform sets itself. Default: none. */
  readonly env: Readonly<Record<string, string>>;
}

/** A release as the local platform runs it. */
export interface LocalRelease extends ReleaseBase {
  /** The Node.js file that it starts, relative to the project and inside it, with "/" between folders. */
  readonly entry: EntryFile;
}

/** A release as AWS runs it. */
export interface AwsRelease extends ReleaseBase {
  /** The container image, pinned by a digest or a tag other than latest. */
  readonly image: ImageReference;
}

/**
 * Running copies of a release that doesn't say how many: one process on one machine; on AWS two, one for each of two
 * availability zones.
 */
export const defaultCount: Readonly<Record<Platform, number>> = { local: 1, aws: 2 };

/** Values that are accepted, for commands in messages. */
export const releaseExamples = {
  version: "1.0.0",
  schema: "0006",
  entry: "examples/pages/server.ts",
  image: "registry.example.com/pages:1.0.0",
} as const;

const release = section(
  {
    version: releaseVersion({
      meaning: "Version of the release, shown in `x-release` and in records.",
      example: releaseExamples.version,
    }),
    schema: migrationVersion({
      meaning: "The migration that the release was built against.",
      example: releaseExamples.schema,
    }),
    entry: entryFile({
      meaning: "The Node.js file to start, relative to the project.",
      example: releaseExamples.entry,
      unset: "required on local, refused on aws",
    }).optional(),
    image: imageReference({
      meaning: "The container image, pinned by digest or tag.",
      example: releaseExamples.image,
      unset: "required on aws, refused on local",
    }).optional(),
    count: integer(0, 100, "running copies", {
      meaning: "Running copies; 0 means retired, and is refused while the colour has weight.",
      example: "1",
      unset: `${defaultCount.local} on local, ${defaultCount.aws} on aws`,
    }).optional(),
    env: environment.default({}),
  },
  "The release that the colour runs.",
);

export const releaseKeys = {
  [colours[0]]: release.optional(),
  [colours[1]]: release.optional(),
};
