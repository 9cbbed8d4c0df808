import { join } from "node:path";
import { root } from "../../../tools/project.cjs";

/** Where migrations are, as messages name it. */
export const folderName = "migrations";

export const migrationsFolder = join(root, folderName);
