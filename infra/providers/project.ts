import { resolve } from "node:path";

/** The project's folder. The program and its dynamic providers both run in the folder of `main`, one below it. */
export const projectFolder = (): string => resolve(process.cwd(), "..");

/** A path as inputs hold it: relative to the project, so that state means the same after the clone has moved. */
export const inProject = (path: string): string => resolve(projectFolder(), path);
