import { readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { environment, root } from "../../tools/project.cjs";
import { CommandError } from "./say";

/** Who holds a stack, as the engine of a file backend has written it down. */
export interface Lock {
  readonly file: string;
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly since: Date;
}

const content = z.object({
  pid: z.number().int().positive(),
  username: z.string(),
  hostname: z.string().min(1),
  timestamp: z.iso.datetime({ offset: true }),
});

/**
 * The folder in which the engine keeps the locks of a stack.
 * @param stack `local` or `organization/switchyard/local`
 * @throws CommandError where state is kept elsewhere than in files
 */
export function lockFolder(stack: string, env: NodeJS.ProcessEnv = process.env): string {
  const url = environment(env).PULUMI_BACKEND_URL ?? "";
  const cancel = `npx pulumi cancel --stack ${stack}`;
  if (/^https?:/.test(url))
    throw new CommandError(
      `state is kept at ${shown(url)}, which guards it itself: no lock of it can be cleared here. ${cancel} ends the update ` +
        "that it knows of; make sure that nobody runs it any more, and end its walk first (npm run abort)",
    );
  if (!url.startsWith("file://"))
    throw new CommandError(
      `state is kept at ${shown(url)}: only locks of a file backend (file://…) can be looked at here. Make sure that whoever ` +
        `has the lock runs no more, and end its walk (npm run abort); then ${cancel} clears it`,
    );
  const [name = "", project = projectName()] = stack.split("/").reverse();
  return join(folderOf(url), ".pulumi", "locks", "organization", project, name);
}

/** Every lock in the folder; two engines that begin at once may each leave one. @throws CommandError for one that can't be read */
export function locksIn(folder: string): Lock[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const file = join(folder, name);
      const text = unlessGone(() => readFileSync(file, "utf8"));
      return text === undefined ? [] : [parse(file, text)];
    });
}

/** Removes one lock, and what the engine keeps beside it. */
export function remove({ file }: Lock): void {
  for (const each of [file, `${file}.attrs`]) rmSync(each, { force: true });
}

function parse(file: string, text: string): Lock {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    // Said below, with the file.
  }
  const lock = content.safeParse(read);
  if (!lock.success)
    throw new CommandError(
      `the lock ${file} doesn't say whose it is (expected pid, username, hostname and timestamp); when nobody works on the ` +
        "stack, npx pulumi cancel clears it",
    );
  const { timestamp, ...rest } = lock.data;
  return { file, ...rest, since: new Date(timestamp) };
}

const namesIn = (folder: string): string[] => unlessGone(() => readdirSync(folder)) ?? [];

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** As the engine reads it: relative to where it runs, `~` is the home folder, and options stand behind a `?`. */
function folderOf(url: string): string {
  const path = decodeURIComponent(url.slice("file://".length).replace(/\?.*$/, ""));
  return resolve(root, path.replace(/^~(?=\/|$)/, homedir()));
}

/** A backend's URL may hold a name and a password. */
const shown = (url: string): string =>
  url.replace(/\/\/[^/@]*@/, "//").replace(/\?.*$/, "") || "no place that is known";

function projectName(): string {
  const name = /^name:\s*["']?([\w.-]+)/m.exec(readFileSync(join(root, "Pulumi.yaml"), "utf8"))?.[1];
  if (name === undefined) throw new CommandError("Pulumi.yaml has no name: of the project");
  return name;
}
