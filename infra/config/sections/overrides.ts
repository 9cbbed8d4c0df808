import { flag, text, type MigrationVersion } from "../kinds";
import { migrationVersions } from "../lists";

/** Explicit exceptions from the rules of a rollout (docs/rules.md), each named for what it risks. */
export interface OverrideSettings {
  /** Replace a release while it has traffic: users meet the new one without a walk. Default: false. */
  readonly rolling: boolean;
  /** Migrations whose loss of data is accepted. Default: none. */
  readonly acceptLoss: readonly MigrationVersion[];
  /** Applied migrations whose edited or deleted file is accepted. Default: none. */
  readonly acceptEdited: readonly MigrationVersion[];
  /** Contracts that may run although an idle release can't serve after them. Default: none. */
  readonly breakIdle: readonly MigrationVersion[];
  /** Move all traffic to another database at once, with writes frozen and caught up first. Default: false. */
  readonly cutOver: boolean;
  /** The plan whose result an `up --target` changed, and that is to be taken as it is. Default: none. */
  readonly acceptTargeted?: AttemptId;
}

declare const kind: unique symbol;
/** The id of an attempt, as RolloutPlan gives it out. */
export type AttemptId = string & { readonly [kind]: "attempt" };

export const overrideKeys = {
  rolling: flag({
    meaning: "May a release be replaced while it has traffic? Its users meet the new one without a walk.",
    example: "true",
  }).default(false),
  acceptLoss: migrationVersions({
    meaning: "Migrations whose loss is accepted: of what their down drops, or of what the contract dropped.",
  }).default([]),
  acceptEdited: migrationVersions({
    meaning: "Applied migrations whose edited or deleted file is accepted.",
  }).default([]),
  breakIdle: migrationVersions({
    meaning: "Contracts that may run although traffic could go back to an idle release, and then can't.",
  }).default([]),
  cutOver: flag({
    meaning: "Does all traffic change its database at once, with writes frozen and caught up first?",
    example: "true",
  }).default(false),
  acceptTargeted: text<AttemptId>(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
    "id of an attempt",
    "the id that the refusal names: 1 to 128 of A-Z, a-z, 0-9 and . _ : -, starting with a letter or digit",
    {
      meaning: "What `pulumi up --target` did after this attempt is taken as it is, once.",
      example: "12-3f9a0b1c",
    },
  ).optional(),
};
