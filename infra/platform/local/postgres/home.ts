import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { findBinaries, type EmbeddedMajor } from "./binaries";

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** Where a cluster lives, and as whom it runs. */
export interface PostgresHome {
  /** Holds bin/, lib/ and share/. */
  binaries: string;
  /** The data directory. */
  data: string;
  /** Set when we are root: PostgreSQL refuses to run as root, so it gets an account of its own. */
  account?: Account;
  /** A folder outside the project that only this cluster uses, when the account can't reach the project. */
  outside?: string;
}

/**
 * Decides where the cluster of `folder` (the stack's own, in the project) lives. As a user: right there. As root (a
 * container, a CI job) PostgreSQL runs as another account; when that one can't reach the project (a clone in /root or in
 * a `mktemp -d`), binaries and data go to a folder of their own under /var/lib/switchyard.
 */
export function findHome(folder: string, major: EmbeddedMajor, accountName?: string): PostgresHome {
  const { root } = findBinaries(major);
  if (process.getuid?.() !== 0) return { binaries: root, data: join(folder, "postgres") };
  const account = findAccount(accountName);
  if (isReachable(folder, account) && isReachable(root, account))
    return { binaries: root, data: join(folder, "postgres"), account };
  const id = createHash("sha256").update(resolve(folder)).digest("hex").slice(0, 16);
  const outside = join("/var/lib/switchyard", id);
  return { binaries: join(outside, `binaries-${major}`), data: join(outside, "postgres"), account, outside };
}

/** Makes the folders of `home`, and its copy of the binaries where it needs one. Safe to run again. */
export function prepareHome(home: PostgresHome, major: EmbeddedMajor): void {
  mkdirSync(dirname(home.data), { recursive: true, mode: 0o755 });
  if (home.outside === undefined || existsSync(home.binaries)) return;
  // Aside, then renamed: a copy that was cut short must not pass for a whole one.
  const aside = `${home.binaries}.${process.pid}`;
  cpSync(findBinaries(major).root, aside, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(aside, home.binaries);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

function findAccount(name: string | undefined): Account {
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .map(([account, , uid, gid]) => ({ name: account ?? "", uid: Number(uid), gid: Number(gid) }));
  const wanted = name === undefined ? ["postgres", "nobody"] : [name];
  for (const candidate of wanted) {
    const account = accounts.find((each) => each.name === candidate && each.uid !== 0);
    if (account !== undefined) return account;
  }
  throw new Error(
    `PostgreSQL can't run as root, and this machine has no unprivileged account named ${wanted.join(" or ")}; ` +
      `name one: pulumi config set --path 'switchyard:local.postgresUser' NAME`,
  );
}

/** Whether `account` may pass through every folder above `path`, by the plain permission bits. */
function isReachable(path: string, account: Account): boolean {
  for (let at = resolve(path); ; at = dirname(at)) {
    if (existsSync(at)) {
      const { mode, uid, gid } = statSync(at);
      const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
      if (((mode >> shift) & 0o1) === 0) return false;
    }
    if (at === dirname(at)) return true;
  }
}
