import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { BalancerError, codeOf, messageOf } from "./errors";
import { savedState, type SavedState } from "./requests";

const empty: SavedState = { format: 1, production: null, preview: null, targets: { blue: [], green: [] } };

/** `balancer.json` in the balancer's folder: what must come back after a crash. */
export class StateFile {
  readonly path: string;

  constructor(private readonly folder: string) {
    this.path = join(folder, "balancer.json");
  }

  /**
   * The last state written, or an empty one when there is none yet.
   * @throws Error when the file can't be read or understood: starting empty would forget a listener that has traffic
   */
  async read(): Promise<SavedState> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return empty;
      throw new Error(`The balancer's state ${this.path} can't be read: ${messageOf(cause)}.`, { cause });
    }
    const parsed = savedState.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
    throw new Error(
      `The balancer's state ${this.path} is not what the balancer writes (${problems.join("; ")}). ` +
        `Put a good copy back, or delete the file: the next \`pulumi up\` then creates listeners and targets anew.`,
    );
  }

  /**
   * Replaces the state as a whole: a crash at any moment leaves the old one or the new one.
   * @throws BalancerError StateNotWritten, with the old state in place
   */
  async write(state: SavedState): Promise<void> {
    const aside = `${this.path}.new`;
    try {
      const file = await open(aside, "w", 0o600);
      try {
        await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, this.path);
      // The rename itself is only durable once the folder is.
      const folder = await open(this.folder, "r");
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (cause) {
      throw new BalancerError(
        "StateNotWritten",
        `The change was not made: ${this.path} could not be written (${messageOf(cause)}). ` +
          "Free disk space or mend the folder's permissions, then try again.",
        undefined,
        { cause },
      );
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON at all: the shape's check says so, with the file's name.
    return undefined;
  }
}
