import { isBackupId } from "../../backup/manifest";
import type { Facts } from "../draft";
import { nothing, remove, set, shown, type Problem } from "../problem";

const at = {
  from: ["restore", "from"],
  pointInTime: ["restore", "pointInTime"],
  into: ["restore", "into"],
  via: ["restore", "via"],
  acceptLossSince: ["restore", "acceptLossSince"],
} as const;

/** What is gone back to is one thing, which the platform can give; and what goes with it, goes with it. */
export const restoreRules = (facts: Facts): Problem[] => [
  ...onlySource(facts),
  ...onlyOnAws(facts),
  ...newName(facts),
  ...lossSinceThat(facts),
  ...ownTunnel(facts),
];

function onlySource({ has, found }: Facts): Problem[] {
  if (!has(at.from) || !has(at.pointInTime)) return [];
  const allowed = "nothing beside restore.from: the database goes back to a backup, or to a moment";
  return [
    {
      path: at.pointInTime,
      found: found(at.pointInTime),
      allowed,
      ways: [[remove(at.pointInTime)], [remove(at.from)]],
    },
  ];
}

function onlyOnAws({ draft: { platform }, has, found }: Facts): Problem[] {
  if (platform !== "local" || !has(at.pointInTime)) return [];
  const allowed = shown(
    "nothing on platform local: its PostgreSQL archives no log of what is written, so it knows no moment between two backups. " +
      "Go back to a backup (restore.from, npm run backups -- list), and have them more often (backup.every)",
    "platform",
  );
  return [{ path: at.pointInTime, found: found(at.pointInTime), allowed, ways: [[remove(at.pointInTime)]] }];
}

/** What names the new database goes with what it is made from, and is not the one that serves. */
function newName({ draft: { restore, database }, has, found }: Facts): Problem[] {
  if (restore?.into === undefined) return [];
  const path = at.into;
  if (!has(at.from) && !has(at.pointInTime))
    return [
      {
        path,
        found: found(path),
        allowed: "nothing without restore.from or restore.pointInTime: there is no new database then",
        ways: [[remove(path)]],
      },
    ];
  if (restore.into !== database?.name) return [];
  return [
    {
      path,
      found: shown(`"${restore.into}", the database that serves (database.name)`, "restore", "database"),
      allowed: "another name: a backup is never restored over a database",
      ways: [[remove(path)]],
    },
  ];
}

/** Whoever accepts a loss has seen since when: what is accepted for one moment is not for the next. */
function lossSinceThat({ draft: { restore }, found }: Facts): Problem[] {
  const { acceptLossSince: accepted, pointInTime } = restore ?? {};
  if (accepted === undefined) return [];
  const path = at.acceptLossSince;
  const problem = { path, found: found(path) };
  if (pointInTime !== undefined && accepted !== pointInTime)
    return [
      {
        ...problem,
        allowed: shown(`${pointInTime}, as restore.pointInTime is written, or nothing`, "restore"),
        ways: [[set(path, pointInTime, "restore")], [remove(path)]],
      },
    ];
  if (pointInTime === undefined && !isBackupId(accepted))
    return [{ ...problem, allowed: "the id of a backup: restore.pointInTime is not set", ways: [[remove(path)]] }];
  return [];
}

/** The instance of a moment is another one than the database's, so the tunnel to that doesn't lead there. */
function ownTunnel({ draft: { platform }, has, found }: Facts): Problem[] {
  if (platform !== "aws") return [];
  const needed = has(["database", "via"]) && has(at.pointInTime);
  if (needed === has(at.via)) return [];
  if (needed)
    return [
      {
        path: at.via,
        found: nothing,
        allowed:
          "the near end of a tunnel to the instance of restore.pointInTime, which database.via does not lead to (docs/restore.md)",
        ways: [[set([...at.via, "port"], 15433)]],
      },
    ];
  const allowed = "nothing without both restore.pointInTime and database.via: no tunnel is used then";
  return [{ path: at.via, found: found(at.via), allowed, ways: [[remove(at.via)]] }];
}
