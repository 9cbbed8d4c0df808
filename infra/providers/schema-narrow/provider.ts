import { stageProvider } from "../schema/stage-provider";
import type { SchemaNarrowInputs } from "./resource";

export const provider = stageProvider<SchemaNarrowInputs>("narrow");
