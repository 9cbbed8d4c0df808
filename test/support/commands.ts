import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Clone, type Ended } from "./stack";

/** A file of migrations/ that is in nobody's way: its up makes a table of its own. */
export const migrationText = (up: string, down: string, phase = "expand"): string =>
  `-- switchyard: phase=${phase}\n-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`;

/** A clone whose commands are run as a person runs them. */
export class Checkout extends Clone {
  /** `npm run schema -- …`; a code other than 0 is the caller's to judge. */
  schema(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.run(["--import", "tsx", "infra/commands/schema/main.ts", ...args], env);
  }

  /** What `--json` prints, which must be JSON and nothing else. */
  async json(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; value: unknown }> {
    const { code, output } = await this.schema([...args, "--json"], env);
    return { code, value: JSON.parse(output) };
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  unlink(file: string): void {
    rmSync(join(this.folder, file));
  }

  /** Removes the folder of a clone that has no stack running. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
