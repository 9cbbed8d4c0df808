import type { AlterTableCmd, AlterTableType, ColumnDef, Constraint, Node } from "libpg-query";
import { all, as, tableOf } from "./tree";
import { LOCK_MODES } from "./types";
import type { Lock, LockMode } from "./types";

/**
 * Lock of each ALTER TABLE subcommand that takes less than ACCESS EXCLUSIVE, which all others take.
 * Source: https://www.postgresql.org/docs/18/sql-altertable.html and AlterTableGetLockLevel in the server's
 * tablecmds.c (SET (…) of storage parameters other than fillfactor, toast and autovacuum takes more; the figure here
 * is that of the common ones).
 */
const ALTER_TABLE_LOCKS: Partial<Record<AlterTableType, LockMode>> = {
  AT_SetStatistics: "SHARE UPDATE EXCLUSIVE",
  AT_SetOptions: "SHARE UPDATE EXCLUSIVE",
  AT_ResetOptions: "SHARE UPDATE EXCLUSIVE",
  AT_SetRelOptions: "SHARE UPDATE EXCLUSIVE",
  AT_ResetRelOptions: "SHARE UPDATE EXCLUSIVE",
  AT_ValidateConstraint: "SHARE UPDATE EXCLUSIVE",
  AT_ClusterOn: "SHARE UPDATE EXCLUSIVE",
  AT_DropCluster: "SHARE UPDATE EXCLUSIVE",
  AT_AttachPartition: "SHARE UPDATE EXCLUSIVE",
  AT_DetachPartitionFinalize: "SHARE UPDATE EXCLUSIVE",
  AT_EnableTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableAlwaysTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableReplicaTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableTrigAll: "SHARE ROW EXCLUSIVE",
  AT_EnableTrigUser: "SHARE ROW EXCLUSIVE",
  AT_DisableTrig: "SHARE ROW EXCLUSIVE",
  AT_DisableTrigAll: "SHARE ROW EXCLUSIVE",
  AT_DisableTrigUser: "SHARE ROW EXCLUSIVE",
};

/** The locks of an ALTER TABLE on `table`: the strongest of its subcommands, and what they take elsewhere. */
export function alterTableLocks(table: string, commands: readonly AlterTableCmd[]): Lock[] {
  const locks: Lock[] = [];
  for (const command of commands) {
    const constraint = as(command.def, "Constraint");
    const partition = as(command.def, "PartitionCmd");
    if (constraint?.contype === "CONSTR_FOREIGN") {
      locks.push({ table, mode: "SHARE ROW EXCLUSIVE" }, ...referenceLocks([constraint]));
    } else if (command.subtype === "AT_DetachPartition" && partition?.concurrent === true) {
      locks.push({ table, mode: "SHARE UPDATE EXCLUSIVE" });
      locks.push({ table: tableOf(partition.name), mode: "SHARE UPDATE EXCLUSIVE" });
    } else {
      locks.push({ table, mode: ALTER_TABLE_LOCKS[command.subtype ?? "AT_AddColumn"] ?? "ACCESS EXCLUSIVE" });
      const parent = command.subtype === "AT_AddInherit" ? as(command.def, "RangeVar") : undefined;
      if (parent !== undefined) locks.push({ table: tableOf(parent), mode: "SHARE UPDATE EXCLUSIVE" });
      if (partition !== undefined) locks.push({ table: tableOf(partition.name), mode: "ACCESS EXCLUSIVE" });
      const column = as(command.def, "ColumnDef");
      if (column !== undefined && command.subtype === "AT_AddColumn")
        locks.push(...referenceLocks(constraintsOf(column)));
    }
  }
  return strongest(locks);
}

/** Adding a foreign key locks the table it points at too. */
export function referenceLocks(constraints: readonly Constraint[]): Lock[] {
  return constraints
    .filter((constraint) => constraint.contype === "CONSTR_FOREIGN")
    .map((constraint) => ({ table: tableOf(constraint.pktable), mode: "SHARE ROW EXCLUSIVE" }));
}

export function constraintsOf(column: ColumnDef): Constraint[] {
  return all(column.constraints, "Constraint");
}

/** All constraints of a CREATE TABLE, those of its columns included. */
export function tableConstraints(elements: readonly Node[] | undefined): Constraint[] {
  return [...all(elements, "Constraint"), ...all(elements, "ColumnDef").flatMap(constraintsOf)];
}

/** One lock a table: the strongest, in order of first mention. */
export function strongest(locks: readonly Lock[]): Lock[] {
  if (locks.length < 2) return [...locks];
  const modes = new Map<string, LockMode>();
  for (const { table, mode } of locks) {
    const held = modes.get(table);
    if (held === undefined || LOCK_MODES.indexOf(mode) > LOCK_MODES.indexOf(held)) modes.set(table, mode);
  }
  return [...modes].map(([table, mode]) => ({ table, mode }));
}

/** LOCK TABLE's numeric mode, as the grammar gives it: 1 is the weakest. */
export function lockMode(mode: number | undefined): LockMode {
  return LOCK_MODES[(mode ?? LOCK_MODES.length) - 1] ?? "ACCESS EXCLUSIVE";
}
