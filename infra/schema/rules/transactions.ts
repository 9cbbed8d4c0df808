import type { VariableSetStmt } from "libpg-query";
import { treeOf } from "../statement";
import { as, calls, find, strings, tagOf } from "../tree";
import type { Statement } from "../types";
import type { Hit, Rule, Subject } from "./rule";

/** Settings by which the runner keeps its promises; a migration may narrow none of them even for itself. */
const RUNNERS_OWN = ["role", "session_authorization", "session_replication_role"];

/** Statements that concern the session only: their effect is gone when it ends. */
const SESSION_ONLY = new Set(
  `PrepareStmt ExecuteStmt DeallocateStmt DeclareCursorStmt FetchStmt ClosePortalStmt ListenStmt UnlistenStmt NotifyStmt
   ExplainStmt VariableShowStmt`.split(/\s+/),
);

export const TRANSACTION_RULES: readonly Rule[] = [
  {
    id: "transaction-control",
    concerns: "both",
    on: ["TransactionStmt", "VariableSetStmt"],
    waivable: "the runner puts a migration and its record into one transaction, and could prove neither any more",
    safeWay: "leave it out; for statements that commit one by one write -- migrate:up transaction:false",
    check: ({ node, statement }) => {
      const set = as(node, "VariableSetStmt");
      const characteristics =
        set?.kind === "VAR_SET_MULTI" && /^(?:TRANSACTION|SESSION CHARACTERISTICS)$/.test(set.name ?? "");
      if (tagOf(node) !== "TransactionStmt" && !characteristics) return [];
      return [{ message: `${statement.kind}: the runner begins and ends transactions itself` }];
    },
  },
  {
    id: "outside-transaction",
    concerns: "both",
    waivable: "PostgreSQL refuses it (25001)",
    safeWay: "put it into a migration of its own that begins with -- migrate:up transaction:false",
    check: ({ section, statement }) =>
      section.transaction && statement.transaction === "outside"
        ? [{ message: `${statement.kind} can't run in a transaction, and -- migrate:${section.direction} opens one` }]
        : [],
  },
  {
    id: "not-resumable",
    concerns: "both",
    waivable: "after a kill the runner could not tell whether it was done, and would skip it or do it twice",
    safeWay:
      "move it into a migration that runs in a transaction; give it a backfill directive; name the index or constraint",
    check: ({ section, statement, node }) => {
      if (section.transaction || statement.backfill !== undefined || statement.completion !== "unseen") return [];
      // What a transaction is refused for anyway needs no second reason.
      if (tagOf(node) === "TransactionStmt") return [];
      const unnamed = statement.kind.includes("INDEX") || statement.kind.startsWith("ALTER TABLE");
      const why = unnamed ? "has no name to look for" : "leaves nothing in the catalogue to look for";
      return [{ message: `with transaction:false, ${statement.kind} ${why} after a kill` }];
    },
  },
  {
    id: "enum-value-used",
    concerns: "both",
    on: ["AlterEnumStmt"],
    waivable: "PostgreSQL refuses it (55P04)",
    safeWay: "add the value in a migration of its own; a later one may use it",
    check: (subject) => {
      const { node, section, facts, isNew } = subject;
      const added = as(node, "AlterEnumStmt");
      const value = added?.oldVal === undefined ? added?.newVal : undefined;
      if (value === undefined || !section.transaction) return [];
      if (
        isNew(facts.object(`type ${strings(added?.typeName).join(".")}`)) &&
        madeHere(subject, strings(added?.typeName).join("."))
      )
        return [];
      const user = subject.later.find((later) => uses(later, value));
      if (user === undefined) return [];
      return [
        {
          message: `the new value '${value}' is used in line ${user.line}, before the transaction that adds it has ended`,
          at: value,
        },
      ];
    },
  },
  {
    id: "set-leaks",
    concerns: "both",
    on: ["VariableSetStmt", "DiscardStmt", "SelectStmt"],
    waivable: true,
    safeWay: "write SET LOCAL; with transaction:false, RESET it at the end of the section",
    check: (subject) => {
      const { node, section } = subject;
      const set = as(node, "VariableSetStmt");
      if (set !== undefined) return setHits(set, subject);
      if (as(node, "DiscardStmt") !== undefined)
        return [{ message: "DISCARD takes away what the runner has set for its session" }];
      if (as(node, "SelectStmt") === undefined) return [];
      const config = calls(node).find(({ name }) => name === "set_config")?.call;
      if (config === undefined) return [];
      const local = as(config.args?.[2], "A_Const")?.boolval?.boolval === true;
      return local && section.transaction
        ? []
        : [{ message: "set_config(…, false) stays in force for the migrations after this one", at: config.location }];
    },
  },
  {
    id: "session-statement",
    concerns: "both",
    waivable: true,
    safeWay: "leave it out; what a migration does must be left in the database",
    check: ({ node, statement }) =>
      SESSION_ONLY.has(tagOf(node))
        ? [{ message: `${statement.kind} leaves nothing behind once the runner's session has ended` }]
        : [],
  },
];

function setHits(set: VariableSetStmt, { section, later }: Subject): Hit[] {
  const name = (set.name ?? "").toLowerCase();
  if (set.kind === "VAR_SET_MULTI") return [];
  if (RUNNERS_OWN.includes(name)) {
    const safeWay = "leave it out: the runner works as the owner role, with triggers and foreign keys in force";
    return [{ message: `${name} decides as whom and how the runner works`, safeWay }];
  }
  if (set.kind === "VAR_RESET_ALL")
    return [{ message: "RESET ALL takes away what the runner has set for its session" }];
  if (set.kind === "VAR_RESET" || set.is_local === true) return [];
  const resets = later.some((statement) => {
    const reset = as(treeOf(statement).node, "VariableSetStmt");
    return reset?.kind === "VAR_RESET" && reset.name?.toLowerCase() === name;
  });
  return resets && !section.transaction
    ? []
    : [{ message: `SET ${name} stays in force for the migrations after this one` }];
}

/** Whether the section itself makes the type; only then its new values can be used at once. */
function madeHere(subject: Subject, type: string): boolean {
  return subject.earlier.some(
    (earlier) => earlier.kind === "CREATE TYPE AS ENUM" && earlier.objects.includes(`type ${type}`),
  );
}

/** Whether a statement writes or compares that string; bodies of functions run later and don't count. */
function uses(statement: Statement, value: string): boolean {
  return find(treeOf(statement).node, "A_Const").some((constant) => constant.sval?.sval === value);
}
