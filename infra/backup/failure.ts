/** Where a backup failed, in the order in which it is made and tried. */
export type BackupStep =
  | "pg_dump"
  | "space"
  | "mode"
  | "snapshot"
  | "dump"
  | "store"
  | "manifest"
  | "read back"
  | "decode"
  | "drill"
  | "restore"
  | "drop"
  | "switch"
  | "retention"
  | "archive";

/** A backup that can't be made, or can't be trusted. Its message is for the operator: what was found, what mends it. */
export class BackupFailure extends Error {
  override readonly name = "BackupFailure";
  constructor(
    readonly step: BackupStep,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
