import { stageProvider } from "../schema/stage-provider";
import type { SchemaWidenInputs } from "./resource";

export const provider = stageProvider<SchemaWidenInputs>("widen");
