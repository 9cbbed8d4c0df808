import type { AdministeredInputs } from "../providers/administered";
import type { InputsOf } from "../providers/inputs";
import type { StoreAddress } from "../providers/store/store";

/** What the backup of a moment needs of the rest of the program, and of the database that serves. */
export type MomentWork = InputsOf<
  AdministeredInputs & {
    /** Which releases are declared, for the record. */
    release: string;
    store: StoreAddress;
    /** Why nothing may begin; empty where it may. */
    hold: string[];
  }
>;
