import type { Connection } from "../providers/connection";
import type { InputsOf } from "../providers/inputs";
import type { StoreAddress } from "../providers/store/store";

/** What the backup of a moment needs of the rest of the program. */
export type MomentWork = InputsOf<{
  /** The database that serves, as the administrator of its server. */
  connection: Connection;
  /** Secret. */
  password: string;
  owner: string;
  migrator: string;
  /** Secret. */
  migratorPassword: string;
  /** Which releases are declared, for the record. */
  release: string;
  store: StoreAddress;
  /** Why nothing may begin; empty where it may. */
  hold: string[];
}>;
