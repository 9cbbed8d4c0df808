import { all, as, strings, tableOf, tagOf } from "../tree";
import { altering } from "./rule";
import type { Hit, Rule } from "./rule";

const ACCESS = new Set(
  `GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt AlterOwnerStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt
   DropRoleStmt ReassignOwnedStmt DropOwnedStmt SecLabelStmt`.split(/\s+/),
);

/** Statements on the server rather than on this database, or that only a superuser may run. */
const SERVER = new Set(
  `CreatedbStmt DropdbStmt AlterDatabaseStmt AlterDatabaseSetStmt AlterDatabaseRefreshCollStmt AlterSystemStmt
   CreateTableSpaceStmt DropTableSpaceStmt AlterTableSpaceOptionsStmt LoadStmt CheckPointStmt CreateSubscriptionStmt
   AlterSubscriptionStmt DropSubscriptionStmt CreateEventTrigStmt AlterEventTrigStmt CreatePLangStmt CreateFdwStmt
   AlterFdwStmt CreateForeignServerStmt CreateUserMappingStmt AlterUserMappingStmt`.split(/\s+/),
);

const DISABLING = ["AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser", "AT_DisableRule"] as const;

export const ACCESS_RULES: readonly Rule[] = [
  {
    id: "access-in-migration",
    concerns: "both",
    waivable: true,
    safeWay: "declare roles, owners and grants in stack config; the Access step sets them, default privileges included",
    check: (subject) => {
      const { node, statement } = subject;
      const schema = as(node, "CreateSchemaStmt");
      const hits: Hit[] = ACCESS.has(tagOf(node))
        ? [{ message: `${statement.kind} belongs to the Access step, which would set it back` }]
        : [];
      if (schema?.authrole !== undefined)
        hits.push({
          message: "CREATE SCHEMA … AUTHORIZATION sets an owner, which belongs to the Access step",
          at: schema.authrole.location,
        });
      return [
        ...hits,
        ...altering(subject, "AT_ChangeOwner").map(({ table, command }) => ({
          message: `the owner of ${table} belongs to the Access step`,
          at: command.newowner?.location,
        })),
      ];
    },
  },
  {
    id: "extension-in-migration",
    concerns: "both",
    waivable: "the migrator role may not make extensions, and the Access step would not know of it",
    safeWay: "name the extension in stack config; the Access step makes it before any migration runs",
    check: ({ node, statement }) => {
      const extension = ["CreateExtensionStmt", "AlterExtensionStmt", "AlterExtensionContentsStmt"].includes(
        tagOf(node),
      );
      const dropped = as(node, "DropStmt")?.removeType === "OBJECT_EXTENSION";
      return extension || dropped ? [{ message: `${statement.kind} belongs to the Access step` }] : [];
    },
  },
  {
    id: "server-wide",
    concerns: "both",
    waivable: "the migrator role may not do it, and taking a migration back would not undo it",
    safeWay: "do it where the server is declared (stack config), not in a migration",
    check: ({ node, statement }) =>
      SERVER.has(tagOf(node)) ? [{ message: `${statement.kind} reaches beyond the schema of this database` }] : [],
  },
  {
    id: "security-definer",
    concerns: "both",
    on: ["CreateFunctionStmt", "AlterFunctionStmt"],
    waivable: "whoever may make objects in a schema on the caller's search_path could run code as the owner",
    safeWay:
      "add SET search_path = pg_catalog, pg_temp (and name other schemas in the body), or leave SECURITY DEFINER out",
    check: ({ node }) => {
      const made = as(node, "CreateFunctionStmt");
      const altered = as(node, "AlterFunctionStmt");
      const options = made?.options ?? altered?.actions;
      const definer = all(options, "DefElem").find(
        ({ defname, arg }) => defname === "security" && as(arg, "Boolean")?.boolval === true,
      );
      if (definer === undefined) return [];
      const pinned = all(options, "DefElem").some(
        ({ defname, arg }) => defname === "set" && as(arg, "VariableSetStmt")?.name === "search_path",
      );
      if (pinned) return [];
      const name = strings(made?.funcname ?? altered?.func?.objname).join(".");
      return [
        {
          message: `${name} runs with its owner's rights on whatever search_path its caller has set`,
          at: definer.location,
        },
      ];
    },
  },
  {
    id: "disable-trigger",
    concerns: "both",
    on: ["AlterTableStmt"],
    waivable: true,
    safeWay: "leave triggers on: sync between releases and foreign keys depend on them",
    check: (subject) =>
      altering(subject, ...DISABLING).map(({ table, newTable, command }) => ({
        message: `triggers of ${table} are switched off while releases write`,
        at: command.name,
        exempt: newTable,
      })),
  },
  {
    id: "unlogged-table",
    concerns: "both",
    on: ["CreateStmt", "CreateTableAsStmt"],
    waivable: true,
    safeWay: "leave UNLOGGED out: a crash empties such a table, and no replica or backup stream has its rows",
    check: ({ node }) => {
      const relation = as(node, "CreateStmt")?.relation ?? as(node, "CreateTableAsStmt")?.into?.rel;
      return relation?.relpersistence === "u"
        ? [{ message: `${tableOf(relation)} is unlogged: a crash empties it`, at: relation.location }]
        : [];
    },
  },
];
