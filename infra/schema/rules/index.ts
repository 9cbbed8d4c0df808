import { ACCESS_RULES } from "./access";
import { BLOCKING_RULES } from "./blocking";
import { BREAKING_RULES } from "./breaking";
import { DATA_RULES } from "./data";
import { DEFINITION_RULES } from "./definitions";
import { LOSS_RULES } from "./loss";
import type { Rule } from "./rule";
import { SCANNING_RULES } from "./scanning";
import { STRICTER_RULES } from "./stricter";
import type { Tag } from "../tree";
import { TRANSACTION_RULES } from "./transactions";

export type { Hit, Rule, Subject } from "./rule";

/** Every rule over statements, in the order in which the documentation lists them. */
export const RULES: readonly Rule[] = [
  ...BREAKING_RULES,
  ...STRICTER_RULES,
  ...SCANNING_RULES,
  ...BLOCKING_RULES,
  ...TRANSACTION_RULES,
  ...DATA_RULES,
  ...DEFINITION_RULES,
  ...ACCESS_RULES,
  ...LOSS_RULES,
];

const byTag = new Map<Tag, readonly Rule[]>();

/** The rules that look at statements of that type. */
export function rulesOn(tag: Tag): readonly Rule[] {
  const known = byTag.get(tag);
  if (known !== undefined) return known;
  const rules = RULES.filter(({ on }) => on === undefined || on.includes(tag));
  byTag.set(tag, rules);
  return rules;
}

/** Rules over files; they stop a file from being understood, so no waiver is taken, except for `empty-down`. */
export const FILE_RULES = [
  "file-name",
  "duplicate-version",
  "version-order",
  "encoding",
  "unreadable",
  "section-marker",
  "missing-up",
  "missing-down",
  "repeated-section",
  "statement-outside-section",
  "empty-up",
  "empty-down",
  "missing-phase",
  "directive",
  "psql-meta-command",
  "syntax",
  "update-limit",
] as const;
