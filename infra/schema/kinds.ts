import type { AlterTableCmd, AlterTableType, ObjectType } from "libpg-query";
import { as } from "./tree";

/** "OBJECT_MATVIEW" as SQL writes it. */
export function word(type: ObjectType | undefined): string {
  const words: Partial<Record<ObjectType, string>> = {
    OBJECT_MATVIEW: "MATERIALIZED VIEW",
    OBJECT_TABCONSTRAINT: "CONSTRAINT",
    OBJECT_STATISTIC_EXT: "STATISTICS",
    OBJECT_FOREIGN_TABLE: "FOREIGN TABLE",
    OBJECT_FOREIGN_SERVER: "SERVER",
    OBJECT_EVENT_TRIGGER: "EVENT TRIGGER",
  };
  return words[type ?? "OBJECT_TABLE"] ?? (type ?? "OBJECT_TABLE").replace("OBJECT_", "").replaceAll("_", " ");
}

const SUBCOMMANDS: Partial<Record<AlterTableType, string>> = {
  AT_ColumnDefault: "ALTER COLUMN DEFAULT",
  AT_AlterColumnType: "ALTER COLUMN TYPE",
  AT_SetNotNull: "ALTER COLUMN SET NOT NULL",
  AT_DropNotNull: "ALTER COLUMN DROP NOT NULL",
  AT_ChangeOwner: "OWNER TO",
  AT_SetRelOptions: "SET",
  AT_ResetRelOptions: "RESET",
  AT_AddIdentity: "ALTER COLUMN ADD IDENTITY",
  AT_EnableTrig: "ENABLE TRIGGER",
  AT_EnableTrigAll: "ENABLE TRIGGER ALL",
  AT_EnableTrigUser: "ENABLE TRIGGER USER",
  AT_DisableTrig: "DISABLE TRIGGER",
  AT_DisableTrigAll: "DISABLE TRIGGER ALL",
  AT_DisableTrigUser: "DISABLE TRIGGER USER",
};

/** "ALTER TABLE ADD COLUMN, DROP COLUMN": each kind of subcommand once. */
export function alterKind(type: ObjectType | undefined, commands: readonly AlterTableCmd[]): string {
  const parts = commands.map(({ subtype = "AT_AddColumn", def }) => {
    const foreign = as(def, "Constraint")?.contype === "CONSTR_FOREIGN" ? "ADD FOREIGN KEY" : undefined;
    // "AT_DropColumn" reads "DROP COLUMN".
    return (
      foreign ??
      SUBCOMMANDS[subtype] ??
      subtype
        .slice(3)
        .replace(/(?!^)([A-Z])/g, " $1")
        .toUpperCase()
    );
  });
  return `ALTER ${word(type)} ${[...new Set(parts)].join(", ")}`;
}

/** The keywords that name a statement: "CREATE SEQUENCE", "ALTER DEFAULT PRIVILEGES", "UPDATE". */
export function kindFromText(text: string): string {
  const words = (/^[A-Za-z]+(?:\s+[A-Za-z]+){0,4}/.exec(text)?.[0] ?? "SQL").toUpperCase().split(/\s+/);
  if (!TWO_WORDS.has(words[0] ?? "")) return words[0] ?? "SQL";
  return words
    .filter((word) => !BETWEEN.has(word))
    .slice(0, 2)
    .join(" ");
}

const TWO_WORDS = new Set(["CREATE", "ALTER", "DROP", "COMMENT", "LOCK", "REASSIGN", "SECURITY", "IMPORT", "PREPARE"]);
/** Words that say how, not what. */
const BETWEEN = new Set(["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "TRUSTED", "RECURSIVE", "CONSTRAINT"]);
