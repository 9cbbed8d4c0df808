import { compareVersions, isAmong, versionKey } from "../names";
import type { Passage } from "../passage";
import { targetOf } from "../schema-steps";
import type { Declared, Migration, SchemaStep, Step } from "../types";
import { eachPassage, type Context, type Finding, type Rule } from "./rule";

const titled = ({ version, name }: Migration): string => `${version} (${name})`;

/** The downs that would run, each with the step that it runs in. */
function downsOf({ stages }: Passage): { migration: Migration; guards: Step }[] {
  const downs = (steps: readonly SchemaStep[], guards: Step): { migration: Migration; guards: Step }[] =>
    steps.filter(({ direction }) => direction === "down").map(({ migration }) => ({ migration, guards }));
  return [...downs(stages.widen, "widen"), ...downs(stages.narrow, "narrow")];
}

const declaredAs = (version: string, { migrations }: Declared): Migration | undefined =>
  migrations.find((migration) => compareVersions(migration.version, version) === 0);

export const targetExists: Rule = {
  id: "target-exists",
  statement: "`migrateTo` names a migration that exists.",
  guards: "widen",
  remedy: "name the version of a file in migrations/, or latest",
  check: ({ declared, states }) => {
    const { migrateTo, migrations } = declared;
    if (migrateTo === "latest" || Number(migrateTo) === 0 || declaredAs(migrateTo, declared) !== undefined) return [];
    const isApplied = ({ applied, half }: (typeof states)[number]): boolean =>
      [...applied, ...(half === null ? [] : [half])].some(({ version }) => compareVersions(version, migrateTo) === 0);
    if (states.every(isApplied)) return [];
    const versions = migrations.map(({ version }) => version).sort(compareVersions);
    return [
      {
        key: "migrateTo",
        found: `"${migrateTo}", and no such file in migrations/`,
        expected: `latest, or one of ${versions.join(", ") || "(there is no migration)"}`,
        remedy: 'set migrateTo to "latest" or to one of these',
      },
    ];
  },
};

export const appliedStays: Rule = {
  id: "applied-stays",
  statement: "An applied migration keeps its file, and the file its checksum.",
  guards: "widen",
  remedy: "put the file back as it was, and write the change as a new migration",
  override: "acceptEdited",
  check: ({ declared, states }) => {
    const files = new Map(declared.migrations.map((migration) => [versionKey(migration.version), migration]));
    const target = targetOf(declared);
    const known = new Set(states.flatMap(({ applied, half }) => (half === null ? applied : [...applied, half])));
    return [...known].flatMap((migration): Finding[] => {
      const file = files.get(versionKey(migration.version));
      const wanted = compareVersions(migration.version, target) <= 0;
      if (file === undefined ? !wanted : file.checksum === migration.checksum) return [];
      return [
        {
          key: "migrations",
          found: `the file of ${titled(migration)} was ${file === undefined ? "deleted" : "edited"} after it was applied, or may have been`,
          expected: `the file as it was applied, SHA-256 ${migration.checksum.slice(0, 12)}…`,
          remedy: "put it back as it was (git log -- migrations/), and write the change as a new migration",
          override: {
            key: `acceptEdited: ["${migration.version}"]`,
            risk: "this database and one made from the files may differ",
            given: isAmong(declared.overrides.acceptEdited, migration.version),
          },
        },
      ];
    });
  },
};

export const newGoesLast: Rule = {
  id: "new-goes-last",
  statement: "No new migration sorts before an applied one.",
  guards: "widen",
  remedy: "rename the new file, so that it sorts after every applied one",
  check: eachPassage(({ stages, start }) => {
    const { applied, half } = start;
    const newest = (half === null ? [...applied] : [...applied, half])
      .sort((a, b) => compareVersions(a.version, b.version))
      .at(-1);
    if (newest === undefined) return [];
    return [...stages.widen, ...stages.narrow, ...stages.waiting]
      .filter(
        ({ direction, migration }) => direction === "up" && compareVersions(migration.version, newest.version) < 0,
      )
      .filter(({ migration }) => half === null || compareVersions(migration.version, half.version) !== 0)
      .map(({ migration }) => ({
        key: "migrations",
        found: `${titled(migration)} is new, and sorts before ${titled(newest)}, which is applied or may be`,
        expected: `a version above ${newest.version}`,
        remedy: `rename its file to a version above ${newest.version}, or take ${newest.version} back first (migrateTo)`,
      }));
  }),
};

export const downExists: Rule = {
  id: "down-exists",
  statement: "No migration is taken back without a down, unless a restore is asked for.",
  guards: "widen",
  remedy: "go forward with a new migration, or restore a backup",
  override: "restore",
  check: ({ passages, declared }) =>
    passages.flatMap((passage) =>
      downsOf(passage)
        .filter(({ migration }) => !migration.hasDown)
        .map(({ migration, guards }) => ({
          key: "migrateTo",
          guards,
          found: `migrateTo ${declared.migrateTo} takes back ${titled(migration)}, which has no down`,
          expected: `migrateTo ${migration.version} or later`,
          remedy: `set migrateTo to "${migration.version}" or later and mend with a new migration, or restore a backup from before it (restore.from)`,
          override: {
            key: "restore.from",
            risk: "what was written since the backup is lost",
            given: declared.overrides.restore !== undefined,
          },
        })),
    ),
};

export const writesStay: Rule = {
  id: "writes-stay",
  statement: "A down doesn't drop what a newer release wrote, unless that loss is accepted.",
  guards: "widen",
  remedy: "leave the migration in place: an expand harms no older release",
  override: "acceptLoss",
  check: ({ passages, declared, memory, writers }: Context) =>
    passages.flatMap((passage) =>
      downsOf(passage)
        .filter(({ migration: { phase, lossy } }) => phase === "expand" && lossy.down)
        .flatMap(({ migration, guards }) => {
          const { version } = migration;
          const writer = writers.find(({ schema }) => compareVersions(schema, version) >= 0);
          if (writer === undefined && memory.settled?.written.includes(version) !== true) return [];
          return [
            {
              key: "migrateTo",
              guards,
              found: `the down of ${titled(migration)} drops what ${writer === undefined ? "a release built against it" : `release ${writer.version}`} may have written; \`npm run schema -- status\` shows what it drops`,
              expected: `migrateTo ${version} or later: an expand harms no older release`,
              remedy: `set migrateTo to "${version}" or later`,
              override: {
                key: `acceptLoss: ["${version}"]`,
                risk: "what was written to it is lost",
                given: declared.overrides.restore !== undefined || isAmong(declared.overrides.acceptLoss, version),
              },
            },
          ];
        }),
    ),
};
