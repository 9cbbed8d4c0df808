import { analyseTables, changedTables } from "./analyse-tables";
import { runBackfill } from "./backfill";
import { explain, noteFailure } from "./failure";
import { Flight, mayFly, type Place } from "./flight";
import { enterDown, enterUp, finish, finishDown, noteProgress, readRow, type HistoryRow } from "./history";
import { countLoss } from "./loss";
import { isNothingToDo, isSetting, runOutside, runPlain, type LeftNothing } from "./one-statement";
import { beginningOf, type Beginning } from "./resume";
import type { Run, RunStep } from "./run";
import { addFigures, logRun, type Figures, type Recorder } from "./run-log";
import { applySettings, idleTimeoutMs, sessionSettings } from "./session";
import { completeSyncs, countDiffering, prepareSyncs } from "./sync";
import { anySync } from "./sync-record";
import { withTries } from "./tries";
import { runVerifies } from "./verify";
import type { Statement } from "../../schema";

export { stepFromFile, stepFromRecord } from "./step";

export interface StepOptions {
  /** Which releases are declared, for the record. */
  readonly release?: string;
  /** The backup taken before, for the record. */
  readonly backup?: string;
  /** Its loss of data was accepted: what goes is counted first, said, and kept on record. @default false */
  readonly acceptedLoss?: boolean;
  /** How long locks are tried for, in ms. @default 120,000 */
  readonly lockBudgetMs?: number;
  /** Kept on record with the run. */
  readonly figures?: Figures;
  /** The migration's row as it is since the schema lock is held; null for none. @default read from the history */
  readonly row?: HistoryRow | null;
}

/**
 * Runs a migration in one direction, and records it: in one transaction, or statement by statement where the section says
 * `transaction:false`, going on where a run before it broke off. What is done already is not done again.
 * The history's tables are there (`prepareHistory`).
 * @throws with file and line, the statement, PostgreSQL's code, detail and hint, and what the next up does; the failure is
 *   on record too.
 */
export async function runStep(run: Run, step: RunStep, options: StepOptions = {}): Promise<void> {
  const row = options.row === undefined ? await readRow(run.client, step.version) : (options.row ?? undefined);
  const done = step.direction === "up" ? row?.state === "applied" : row === undefined || row.state === "taken back";
  if (done) return;
  await new StepRun(run, step, options, row).run();
  if (changedTables(step.section).length === 0) return;
  await run.assertHeld();
  await analyseTables(run, step.section);
}

class StepRun implements Place {
  /** The statement at work, for the message of a failure. */
  at: Statement | undefined;
  private readonly startedAt = new Date();
  private figures: Figures = {};
  private readonly begin: Beginning;
  /** Whether statements of a transaction are sent without waiting for what becomes of those before. */
  private readonly flies: boolean;
  /** Statements that are on record as done. */
  private applied: number;
  private reason: LeftNothing | undefined;

  constructor(
    private readonly runs: Run,
    private readonly step: RunStep,
    private readonly options: StepOptions,
    private readonly row: HistoryRow | undefined,
  ) {
    this.begin = beginningOf(step, row);
    this.flies = !this.begin.reversing && options.acceptedLoss !== true && mayFly(step.section);
    this.applied = this.begin.from;
  }

  async run(): Promise<void> {
    const { client } = this.runs;
    try {
      if (this.step.section.transaction) {
        const again = await withTries(this.runs, this.label(), () => this.whole(), this.options.lockBudgetMs);
        if (again > 0) await addFigures(client, this.step.version, { tries: again });
      } else {
        await this.runs.assertHeld();
        await applySettings(client);
        await this.oneByOne();
      }
    } catch (error) {
      this.reason = error as LeftNothing;
      const message = explain(this.reason, this.step, this.at);
      await noteFailure(this.runs, this.step, this.row, {
        message,
        statement: this.at?.text,
        applied: this.applied,
        nothingLeft: this.leftNothing(),
        startedAt: this.startedAt,
        figures: this.figures,
        ...this.forTheRecord(),
      });
      throw new Error(message, { cause: error });
    }
  }

  /** Everything and its record, or nothing. */
  private async whole(): Promise<void> {
    const { client } = this.runs;
    const { section, syncs, verify } = this.step;
    const withSyncs = syncs.length > 0 || (await anySync(client));
    this.at = undefined;
    await Flight.inTransaction(this.runs, this, `${sessionSettings}; `, async (flight) => {
      this.figures = { ...this.options.figures };
      if (withSyncs || this.options.acceptedLoss === true) await this.prepare(flight);
      for (const statement of section.statements) await this.inside(flight, statement);
      if (withSyncs) {
        await flight.land();
        await completeSyncs(this.runs, this.step);
      }
      if (verify.length > 0) {
        await flight.land();
        await runVerifies(client, verify, true);
      }
      await this.enter(flight);
      await this.finish(flight);
    });
  }

  /** What must not be lost is counted, and syncs brought in step by another session, while this one waits. */
  private async prepare(flight: Flight): Promise<void> {
    flight.send("SET LOCAL idle_in_transaction_session_timeout = 0");
    await flight.land();
    await prepareSyncs(this.runs, this.step);
    await this.countLoss();
    flight.send(`SET LOCAL idle_in_transaction_session_timeout = ${idleTimeoutMs}`);
  }

  /** A statement in a transaction: sent with what is around it, unless what becomes of it decides how to go on. */
  private async inside(flight: Flight, statement: Statement): Promise<void> {
    if (this.flies) {
      flight.statement(statement);
      return;
    }
    await flight.land();
    const before = this.at;
    this.at = statement;
    await this.tolerant(statement, true, () => runPlain(this.runs, this.label(statement), statement));
    this.at = before;
  }

  private async oneByOne(): Promise<void> {
    const { client } = this.runs;
    const { statements } = this.step.section;
    this.figures = { ...this.options.figures };
    await this.enter(client);
    await prepareSyncs(this.runs, this.step);
    await this.countLoss();
    let synced = false;
    const sync = async (): Promise<void> => {
      if (!synced) await completeSyncs(this.runs, this.step);
      synced = true;
    };
    for (const [index, statement] of statements.entries()) {
      if (index < this.begin.from) {
        if (isSetting(statement)) await client.query(statement.text);
        continue;
      }
      this.at = statement;
      if (statement.backfill !== undefined) await sync();
      await this.alone(statement, index);
      this.applied = index + 1;
    }
    this.at = undefined;
    await sync();
    for (const left of await countDiffering(this.runs, this.step)) this.note("differing", left);
    await runVerifies(client, this.step.verify, false);
    await Flight.inTransaction(this.runs, this, "", (flight) => this.finish(flight));
  }

  /** One statement and the note that it is done: together where PostgreSQL lets them be, else so that a kill between them shows. */
  private async alone(statement: Statement, index: number): Promise<void> {
    const { client } = this.runs;
    const { version, direction } = this.step;
    const { from, begun, reversing } = this.begin;
    const label = this.label(statement);
    if (statement.backfill !== undefined) {
      await this.tolerant(statement, false, async () => {
        const figures = await runBackfill(this.runs, statement, { version, direction, index });
        this.note("backfills", { line: statement.line, ...figures });
        return figures.rows;
      });
      await noteProgress(client, version, index + 1);
    } else if (statement.transaction === "outside") {
      const maybeDone = reversing || (index === from && begun === index + 1);
      await this.tolerant(statement, false, async () => {
        await runOutside(this.runs, label, statement, { version, at: index + 1, maybeDone });
        return 0;
      });
      await noteProgress(client, version, index + 1);
    } else {
      const again = await withTries(
        this.runs,
        label,
        () => this.transaction(statement, index),
        this.options.lockBudgetMs,
      );
      if (again > 0) this.note("tries", { line: statement.line, again });
    }
  }

  private async transaction(statement: Statement, index: number): Promise<void> {
    this.at = statement;
    await Flight.inTransaction(this.runs, this, "", async (flight) => {
      await this.inside(flight, statement);
      await noteProgress(flight, this.step.version, index + 1);
    });
  }

  /** While a half-done migration is run in its other direction, what it never did needs no undoing. */
  private async tolerant(statement: Statement, inside: boolean, work: () => Promise<number>): Promise<void> {
    const { client, say } = this.runs;
    if (!this.begin.reversing) {
      this.countRows(statement, await work());
      return;
    }
    if (inside) await client.query("SAVEPOINT reversing");
    try {
      this.countRows(statement, await work());
    } catch (error) {
      if (!isNothingToDo(statement, error)) throw error;
      if (inside) await client.query("ROLLBACK TO SAVEPOINT reversing");
      say(`${this.label(statement)}: nothing to do, since its other direction broke off (${(error as Error).message})`);
      this.note("skipped", { line: statement.line, because: (error as Error).message });
    }
  }

  private async countLoss(): Promise<void> {
    if (this.options.acceptedLoss !== true) return;
    const losses = await countLoss(this.runs.client, this.step.section);
    for (const { of, count } of losses)
      this.runs.say(
        `${this.label()} takes ${count} ${of.startsWith("column") ? "values" : "rows"} of ${of}, as accepted`,
      );
    this.figures["acceptedLoss"] = losses;
  }

  private countRows(statement: Statement, rows: number): void {
    if (this.options.acceptedLoss === true && /^(DELETE|UPDATE)/.test(statement.kind))
      this.note("acceptedLossRows", { line: statement.line, kind: statement.kind, rows });
  }

  private async enter(recorder: Recorder): Promise<void> {
    const { step, options } = this;
    if (step.direction === "down") return enterDown(recorder, step.version);
    if (step.file === undefined) throw new Error(`${this.label()} has no file to put on record`);
    await enterUp(recorder, step, step.file, { release: options.release, backup: options.backup });
  }

  private async finish(recorder: Recorder): Promise<void> {
    const { version, direction, section } = this.step;
    if (direction === "up") await finish(recorder, version, section.statements.length);
    else await finishDown(recorder, version);
    const { name } = this.step;
    const statementsApplied = section.statements.length;
    const { startedAt, figures } = this;
    await logRun(recorder, {
      ...{ version, name, direction, statementsApplied, startedAt, figures },
      ...this.forTheRecord(),
    });
  }

  private forTheRecord() {
    const { release, backup } = this.options;
    return { release, backup, checksum: this.step.file?.checksum ?? this.row?.checksum ?? "" };
  }

  /** Whether the failure left everything as it was before this direction began. */
  private leftNothing(): boolean {
    const { section, syncs } = this.step;
    if (section.transaction) return !this.begin.resumes;
    const { at } = this;
    if (this.begin.resumes || this.begin.reversing || at === undefined || this.applied > 0) return false;
    if (syncs.length > 0 || at.backfill !== undefined) return false;
    return at.transaction === "any" || this.reason?.nothingLeft === true;
  }

  private note(key: string, what: object): void {
    this.figures[key] = [...((this.figures[key] as object[] | undefined) ?? []), what];
  }

  where(): string {
    return this.label(this.at);
  }

  private label(statement?: Statement): string {
    const { version, name, direction } = this.step;
    return `${version}_${name} ${direction}${statement === undefined ? "" : `, line ${statement.line}`}`;
  }
}
