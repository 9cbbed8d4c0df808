import type { DatabaseError, QueryConfig } from "pg";
import type { Section, Statement } from "../../schema";
import { treeOf } from "../../schema/statement";
import { tagOf } from "../../schema/tree";
import { asLost } from "./lock";
import type { Run } from "./run";
import type { Recorder } from "./run-log";
import { watched } from "./watch";

/** Who is told which statement of a flight is at work. */
export interface Place {
  /** For the message of a failure; undefined while it is none of the migration's own. */
  at: Statement | undefined;
  /** Names what is at work in progress lines. */
  where(): string;
}

/**
 * Whether the statements of a section may be sent before those in front of them have ended well. Not where one ends the
 * transaction, since what follows a failure would run then; and not where one asks for rows.
 */
export const mayFly = ({ statements }: Section): boolean =>
  !statements.some((statement) => ["TransactionStmt", "CopyStmt"].includes(tagOf(treeOf(statement).node)));

/** As text: a value that can't be read must not look like a statement that failed. */
const asText: QueryConfig["types"] = { getTypeParser: () => (value: string) => value };

/** Records are the same few texts each time; the server keeps them parsed, under these names. */
const names = new Map<string, string>();

function nameOf(text: string): string {
  const name = names.get(text) ?? `switchyard_${names.size + 1}`;
  names.set(text, name);
  return name;
}

/**
 * A transaction whose queries are sent without waiting for the answers in between: round trips are most of what a small
 * migration costs. That is safe, because PostgreSQL runs them in order and refuses all that follows a failure, and the COMMIT
 * stands behind a proof of the schema lock in one message, of which nothing runs once the first part was refused. So the
 * promise of each statement is kept by the server: it begins only where the one before ended well and the lock was held.
 */
export class Flight implements Recorder {
  private readonly home: Statement | undefined;
  /** Nothing was sent, and nothing took time, since the lock was proven held. */
  private proven = true;
  /** Queries wait in the socket until all of them leave. */
  private gathers = false;
  private sent: { at: Statement | undefined; answer: Promise<unknown> }[] = [];

  private constructor(
    private readonly run: Run,
    private readonly place: Place,
    private readonly prepared: boolean,
  ) {
    this.home = place.at;
  }

  /**
   * Runs `work` in a transaction, and commits it.
   * @param first what the session is set to before
   * @throws what the server said of the first query that failed, with `place.at` telling of which statement; nothing is left of
   *   the transaction then
   */
  static async inTransaction(
    run: Run,
    place: Place,
    first: string,
    work: (flight: Flight) => Promise<void>,
  ): Promise<void> {
    const home = place.at;
    const once = async (prepared: boolean): Promise<void> => {
      const flight = new Flight(run, place, prepared);
      try {
        flight.send(`${first}BEGIN; ${run.proof}`);
        await work(flight);
        flight.send(`${run.proof}; COMMIT`);
        await flight.land();
      } catch (error) {
        flight.leave();
        // It is answered after all that is still under way. Where the session is gone, so is the transaction; what was found
        // is thrown either way.
        await run.client.query("ROLLBACK").catch(() => undefined);
        throw error;
      }
    };
    try {
      await once(true);
    } catch (error) {
      // 26000: a migration has thrown away what the session had prepared (DEALLOCATE, DISCARD).
      if ((error as DatabaseError).code !== "26000") throw error;
      place.at = home;
      await once(false);
    }
  }

  /** Sends a statement of the migration, behind a proof that the lock is held. */
  statement(statement: Statement): void {
    if (!this.proven) this.send(this.run.proof, statement);
    this.proven = false;
    this.send({ text: statement.text, types: asText }, statement);
  }

  /** Sends a record; that it was written is known when the flight has landed. */
  query(text: string, values: unknown[]): Promise<void> {
    this.send(this.prepared ? { name: nameOf(text), text, values } : { text, values });
    return Promise.resolve();
  }

  send(query: string | QueryConfig, at = this.home): void {
    // They leave together, when somebody waits for them: a packet each would cost both sides more than reading it does.
    if (!this.gathers) this.run.client.connection.stream.cork();
    this.gathers = true;
    const answer = this.run.client.query(query);
    // Whoever waits for it hears of its failure; nobody may wait where one before it failed.
    answer.catch(() => undefined);
    this.sent.push({ at, answer });
  }

  private leave(): void {
    if (this.gathers) this.run.client.connection.stream.uncork();
    this.gathers = false;
  }

  /** Waits for all that is under way. @throws what the first of them that failed was told */
  async land(): Promise<void> {
    const sent = this.sent.splice(0);
    this.proven = false;
    if (sent.length === 0) return;
    this.leave();
    await watched(
      this.run,
      () => this.place.where(),
      async () => {
        for (const { at, answer } of sent) {
          this.place.at = at;
          try {
            await answer;
          } catch (error) {
            throw asLost(error);
          }
        }
      },
    );
    this.place.at = this.home;
  }
}
