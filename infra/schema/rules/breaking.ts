import type { ObjectType } from "libpg-query";
import { word } from "../kinds";
import { as, objectName, strings, tableOf } from "../tree";
import { treeOf } from "../statement";
import { allNew, altering, dropped, typeName } from "./rule";
import type { Hit, Rule, Subject } from "./rule";

/** Things that code names in its queries, so that it fails once they are gone or called otherwise. */
const NAMED_BY_CODE: readonly ObjectType[] = [
  "OBJECT_TABLE",
  "OBJECT_VIEW",
  "OBJECT_MATVIEW",
  "OBJECT_FOREIGN_TABLE",
  "OBJECT_SEQUENCE",
  "OBJECT_FUNCTION",
  "OBJECT_PROCEDURE",
  "OBJECT_ROUTINE",
  "OBJECT_AGGREGATE",
  "OBJECT_OPERATOR",
  "OBJECT_TYPE",
  "OBJECT_DOMAIN",
  "OBJECT_SCHEMA",
  "OBJECT_COLUMN",
  "OBJECT_ATTRIBUTE",
  "OBJECT_COLLATION",
  "OBJECT_CAST",
  "OBJECT_TSCONFIGURATION",
];
const named = (type: ObjectType | undefined): boolean => NAMED_BY_CODE.includes(type ?? "OBJECT_TABLE");
const relation = (type: ObjectType | undefined): boolean =>
  ["OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE"].includes(type ?? "");

function since(subject: Subject, type: ObjectType | undefined, name: string): string | undefined {
  return relation(type)
    ? subject.facts.table(name)?.since
    : subject.facts.object(`${word(type).toLowerCase()} ${name}`);
}

/** A trigger, policy or rule that the same transaction makes anew is never missing for anybody else. */
function madeAnew(subject: Subject, type: "trigger" | "policy", table: string, name: string): boolean {
  return (
    subject.section.transaction &&
    subject.later.some((later) => {
      const { node } = treeOf(later);
      const trigger = as(node, "CreateTrigStmt");
      const policy = as(node, "CreatePolicyStmt");
      return type === "trigger"
        ? trigger?.trigname === name && tableOf(trigger.relation) === table
        : policy?.policy_name === name && tableOf(policy.table) === table;
    })
  );
}

/** What code names in its queries, taken away or called otherwise. */
export const BREAKING_RULES: readonly Rule[] = [
  {
    id: "drop-object",
    concerns: "expand",
    on: ["DropStmt"],
    waivable: true,
    safeWay: "drop it in a contract migration, once no release uses it",
    check: ({ node, ...rest }) => {
      const drop = as(node, "DropStmt");
      if (drop === undefined || !named(drop.removeType)) return [];
      return (drop.objects ?? []).map(objectName).map((name) => ({
        message: `DROP ${word(drop.removeType)} ${name}: a release that runs may still use it`,
        at: name,
        exempt: rest.isNew(since({ node, ...rest }, drop.removeType, name)),
      }));
    },
  },
  {
    id: "drop-column",
    concerns: "expand",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay: "stop using it in a release, then drop it in a contract migration",
    check: (subject) =>
      altering(subject, "AT_DropColumn").map(({ table, command, newTable }) => ({
        message: `DROP COLUMN ${command.name ?? ""} on ${table}: a release that runs may still read or write it`,
        at: command.name,
        exempt: newTable || subject.isNew(subject.facts.column(table, command.name ?? "")?.since),
      })),
  },
  {
    id: "rename",
    concerns: "expand",
    on: ["RenameStmt", "AlterEnumStmt", "AlterObjectSchemaStmt"],
    waivable: true,
    safeWay:
      "add the new name beside the old one with a sync (sync=rename), move the code over, drop the old name in a contract " +
      "migration; for a table, make a view of the old name in the same transaction",
    check: (subject) => {
      const { node, facts, isNew } = subject;
      const rename = as(node, "RenameStmt");
      if (rename !== undefined && named(rename.renameType)) {
        const table = tableOf(rename.relation);
        const part = rename.subname !== undefined && table !== "";
        const old = rename.subname ?? (table === "" ? objectName(rename.object) : table);
        const viewed =
          subject.section.transaction &&
          !part &&
          subject.later.some((later) => tableOf(as(treeOf(later).node, "ViewStmt")?.view) === old);
        const what = `${word(rename.renameType)} ${old}${part ? ` of ${table}` : ""}`;
        const known = part ? facts.column(table, old)?.since : since(subject, rename.renameType, old);
        const exempt = viewed || isNew(known) || isNew(facts.table(table)?.since);
        return [
          {
            message: `${what} is renamed to ${rename.newname ?? ""}: a release that runs knows the old name only`,
            at: old,
            exempt,
          },
        ];
      }
      const value = as(node, "AlterEnumStmt");
      if (value?.oldVal !== undefined) {
        const exempt = isNew(facts.object(`type ${strings(value.typeName).join(".")}`));
        return [
          {
            message: `the value '${value.oldVal}' is renamed: a release that runs writes the old one`,
            at: value.oldVal,
            exempt,
          },
        ];
      }
      const moved = as(node, "AlterObjectSchemaStmt");
      if (moved === undefined) return [];
      const name = moved.relation === undefined ? objectName(moved.object) : tableOf(moved.relation);
      return [
        {
          message: `${name} moves to schema ${moved.newschema ?? ""}: a release that runs does not find it`,
          at: name,
          exempt: isNew(facts.table(name)?.since),
        },
      ];
    },
  },
  {
    id: "change-type",
    concerns: "expand",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay:
      "add a column of the new type with a sync (sync=type) and a backfill, drop the old column in a contract migration",
    check: (subject) =>
      altering(subject, "AT_AlterColumnType").map(({ table, command }) => {
        const column = as(command.def, "ColumnDef");
        return {
          message: `${table}.${command.name ?? ""} becomes ${typeName(column?.typeName?.names)}: a release that runs was built for the old type`,
          at: column?.typeName?.location,
          exempt: allNew(subject, table, [command.name ?? ""]),
        };
      }),
  },
  {
    id: "detach-partition",
    concerns: "expand",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay: "detach it in a contract migration, once no release reads its rows through the parent",
    check: (subject) =>
      altering(subject, "AT_DetachPartition", "AT_DropInherit").map(({ table, newTable }) => ({
        message: `rows leave ${table}: a release that runs may still read them through it`,
        exempt: newTable,
      })),
  },
  {
    id: "drop-trigger",
    concerns: "expand",
    on: ["DropStmt"],
    waivable: true,
    safeWay: "drop it in a contract migration; or use CREATE OR REPLACE TRIGGER (PostgreSQL 14 and later)",
    check: (subject) =>
      (["OBJECT_TRIGGER", "OBJECT_RULE"] as const)
        .flatMap((type) => dropped(subject, type))
        .filter(({ table, name }) => !madeAnew(subject, "trigger", table, name))
        .map(({ table, name }) => ({
          message: `DROP TRIGGER ${name} on ${table}: what a release that runs writes is no longer completed by it`,
          at: name,
          exempt: subject.isNew(subject.facts.object(`trigger ${table}.${name}`)),
        })),
  },
  {
    id: "row-security",
    concerns: "expand",
    on: ["AlterTableStmt", "CreatePolicyStmt", "DropStmt"],
    waivable: true,
    safeWay: "have every release work under the policies first, then switch them on in a contract migration",
    check: (subject) => {
      const { node, facts, isNew } = subject;
      const hits: Hit[] = altering(subject, "AT_EnableRowSecurity", "AT_ForceRowSecurity").map(
        ({ table, newTable }) => ({
          message: `row security comes into force on ${table}: a release that runs may no longer see its rows`,
          exempt: newTable,
        }),
      );
      const policy = as(node, "CreatePolicyStmt");
      if (policy !== undefined && policy.permissive !== true) {
        const exempt = isNew(facts.table(tableOf(policy.table))?.since);
        hits.push({
          message: `a restrictive policy on ${tableOf(policy.table)} hides rows from a release that runs`,
          exempt,
        });
      }
      for (const { table, name } of dropped(subject, "OBJECT_POLICY")) {
        if (madeAnew(subject, "policy", table, name)) continue;
        const exempt = isNew(facts.object(`policy ${table}.${name}`));
        hits.push({
          message: `DROP POLICY ${name} on ${table}: a release that runs may no longer see its rows`,
          at: name,
          exempt,
        });
      }
      return hits;
    },
  },
  {
    id: "rewrite-rule",
    concerns: "expand",
    on: ["RuleStmt"],
    waivable: true,
    safeWay: "use a trigger, or a view beside the table",
    check: ({ node, facts, isNew }) => {
      const rule = as(node, "RuleStmt");
      if (rule === undefined) return [];
      const table = tableOf(rule.relation);
      return [
        {
          message: `CREATE RULE changes what queries of a release that runs do to ${table}`,
          exempt: isNew(facts.table(table)?.since),
        },
      ];
    },
  },
];
