import { z } from "zod";
import { formatPending, formatProblem, readFolder } from "../../schema";
import type { PerColour, Release } from "../../rollout/types";
import { withConnection } from "../../providers/connection";
import { countLoss, type Loss } from "../../providers/schema/loss";
import { columns, plain, say, sayJson } from "../say";
import { migrationsFolder } from "./folder";
import { readOnly } from "./history";
import { knownRecords, type Known } from "./known";
import { addressOf, findSource, type Source, type SourceOptions, type Stack } from "./source";
import { standingOf, type Entry, type Report, type Wanted } from "./standing";

export interface StatusOptions extends SourceOptions {
  readonly json?: true;
}

/** Exit codes, the same for people and programs. */
export const STATUS_CODES = { current: 0, error: 1, pending: 3 } as const;

/**
 * Shows every migration, what is pending with its locks, and what to run next.
 * @returns 0 where nothing is pending, 3 where something is, 1 where an `up` would be refused or the database can't be
 *   asked: then what state knows is shown
 */
export async function status(options: StatusOptions): Promise<number> {
  const { migrations, problems } = readFolder(migrationsFolder);
  const source = await findSource(options, process.env);
  const known = await knownRecords(source);
  if (known.records === undefined) return nothingKnown(source, known, options);
  const report = standingOf(migrations, known.records, wantedOf(source.stack));
  const refused = [...problems, ...report.problems];
  const losses = await countLosses(source, known, report);
  const pending = report.pending.map((entry) => ({
    ...entry,
    takes: losses.get(`${entry.version} ${entry.direction}`) ?? [],
  }));
  const half = report.entries.some(({ standing }) => standing === "half");
  const open = pending.length > 0 || half ? STATUS_CODES.pending : STATUS_CODES.current;
  const code = known.silence !== undefined || refused.length > 0 ? STATUS_CODES.error : open;
  const next = nextCommand(source, report, { code, silence: known.silence, half });
  if (options.json === true) {
    sayJson({
      stack: source.stack?.name ?? null,
      database: databaseOf(source, known),
      migrateTo: source.stack?.config.migrateTo ?? "latest",
      migrations: report.entries,
      pending: pending,
      problems: refused.map(({ rule, file, line, column, message, safeWay }) => {
        return { rule, file, line, column, message, safeWay };
      }),
      next,
      exitCode: code,
    });
    return code;
  }
  say(headOf(source, known));
  if (report.entries.length > 0) say(`\n${tableOf(report.entries)}`);
  const said = report.entries.filter(({ why }) => why !== undefined);
  if (said.length > 0) say(`\n${said.map(({ version, why }) => plain(`${version}: ${why ?? ""}`)).join("\n")}`);
  if (pending.length > 0) say(`\nTo run, in this order:\n${formatPending(pending)}`);
  const taken = pending.filter(({ takes }) => takes.length > 0);
  if (taken.length > 0) say(`\nData that goes, and that nothing brings back:\n${taken.map(lossOf).join("\n")}`);
  if (refused.length > 0) say(`\nRefused:\n${refused.map(formatProblem).join("\n\n")}`);
  say(`\n${next}`);
  return code;
}

/** What a step takes; or why that could not be counted, as by a user who may not read the table. */
type Takes = readonly Loss[] | string;

const lossOf = ({ version, direction, takes }: { version: string; direction: string; takes: Takes }): string =>
  typeof takes === "string"
    ? `${version} ${direction}: not counted (${plain(takes)})`
    : `${version} ${direction}: ${takes.map(({ of, count }) => `${of} (${count})`).join(", ")}`;

/** How much the steps that take data would take now: rows of tables, values of columns that are not NULL. */
async function countLosses({ login }: Source, { silence }: Known, { lossy }: Report): Promise<Map<string, Takes>> {
  const found = new Map<string, Takes>();
  if (login === undefined || silence !== undefined || lossy.size === 0) return found;
  await withConnection(login.connection, login.password, "switchyard-status", async (client) => {
    await readOnly(client);
    for (const [name, section] of lossy)
      found.set(name, await countLoss(client, section).catch((error: unknown) => (error as Error).message));
  });
  return found;
}

/** A database that was named by hand and can't be asked: files alone don't say what is applied. */
function nothingKnown(source: Source, known: Known, { json }: StatusOptions): number {
  const next = "Next: mend that, then ask again.";
  const nothing = { stack: null, migrateTo: "latest", migrations: [], pending: [], problems: [] };
  if (json === true) sayJson({ ...nothing, database: databaseOf(source, known), next, exitCode: STATUS_CODES.error });
  else say(`${headOf(source, known)}\n\n${next}`);
  return STATUS_CODES.error;
}

function headOf({ label, login }: Source, { records, silence }: Known): string {
  if (login === undefined) return `${label}: no database yet; npx pulumi up makes it`;
  const where = `${label}: ${addressOf(login.connection)}`;
  if (silence === undefined) return where;
  const instead = "This is what the state of the last npx pulumi up says; it may be out of date.";
  const lines = [where, `The database can't be asked: ${plain(silence.why)}.`];
  return [...lines, ...(records === undefined ? [] : [instead])].join("\n");
}

function databaseOf({ login }: Source, { silence }: Known) {
  if (login === undefined) return null;
  const { host, port, database, user } = login.connection;
  return { host, port, database, user, answered: silence === undefined, error: silence?.why ?? null };
}

const stackOutputs = z.record(
  z.enum(["blue", "green"]),
  z.object({ version: z.string(), schema: z.string(), count: z.number() }).nullish(),
);

function wantedOf(stack: Stack | undefined): Wanted {
  if (stack === undefined) return { migrateTo: "latest", acceptEdited: [], running: { blue: null, green: null } };
  const { config, resources } = stack;
  const outputs = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs["releases"];
  const ran = stackOutputs.safeParse(outputs).data;
  const { greenWeight: weight, bake, overrides } = config;
  return {
    migrateTo: config.migrateTo,
    acceptEdited: overrides.acceptEdited,
    rollout: {
      weight,
      releases: { blue: asRelease(config.blue), green: asRelease(config.green) },
      bake: { ...bake, bake: Number(bake.bake), maxBake: Number(bake.maxBake) },
      overrides,
    },
    running: { blue: asRelease(ran?.blue), green: asRelease(ran?.green) },
  } satisfies Wanted & { running: PerColour<Release | null> };
}

/** Only what bears on the schema is asked of a release here. */
function asRelease(given: { version: string; schema: string; count: number } | null | undefined): Release | null {
  if (given === null || given === undefined) return null;
  const { version, schema, count } = given;
  return { version, schema, count, fingerprint: "", database: "" };
}

function tableOf(entries: readonly Entry[]): string {
  const head = ["version", "name", "phase", "state", "when (UTC)", "took", "by"];
  const rows = entries.map(({ version, name, phase, standing, at = "", durationMs, by = "" }) => {
    return [version, name, phase, standing, at.slice(0, 19).replace("T", " "), took(durationMs), by];
  });
  return columns([head, ...rows]);
}

function took(ms: number | undefined): string {
  if (ms === undefined) return "";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

interface Found {
  readonly code: number;
  readonly silence: Known["silence"];
  readonly half: boolean;
}

/** One sentence with the command that leads on. */
function nextCommand({ stack }: Source, { pending }: Report, { code, silence, half }: Found): string {
  const named = stack === undefined ? "" : ` --stack ${stack.name}`;
  if (silence !== undefined)
    return silence.isDown
      ? `Next: start the database (npx pulumi up${named} does, where it is the stack's own), then ask again.`
      : "Next: mend that, then ask again.";
  if (code === STATUS_CODES.error) return "Next: mend what is refused, then ask again.";
  if (code === STATUS_CODES.current) return "Nothing is pending.";
  if (half) return `Next: npx pulumi up${named}, which goes on with what broke off.`;
  return pending.every(({ waits }) => waits)
    ? "Next: nothing runs until what they wait for is done; see above."
    : `Next: npx pulumi preview --diff${named}, then npx pulumi up${named}.`;
}
