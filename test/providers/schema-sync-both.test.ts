import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Pool } from "undici";
import { prepareHistory } from "../../infra/providers/schema/history";
import { runStep, stepFromFile } from "../../infra/providers/schema/run-step";
import { withRun } from "../../infra/providers/schema/session";
import { parseMigration, type Direction, type Migration } from "../../infra/schema";
import { startBalancer, stateFolder, until, untilHealthy, type RunningBalancer } from "../support/balancer";
import type { Person } from "../support/people-service";
import { createPeopleDatabase, type PeopleDatabase } from "../support/people-steps";
import { startPostgres, type TestPostgres } from "../support/postgres";

const files: Record<string, Migration> = Object.fromEntries(
  Object.entries({
    "0001_people": `-- switchyard: phase=expand
-- migrate:up
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, mail text NOT NULL, CHECK (name LIKE '% %'));
-- migrate:down
DROP TABLE people;
`,
    "0002_parts": `-- switchyard: phase=expand
-- switchyard: sync=split table=people old=name new=first_name,last_name
--   forward="split_part(name, ' ', 1), split_part(name, ' ', 2)"
--   backward="first_name || ' ' || last_name"
-- switchyard: sync=rename table=people old=mail new=contact
-- migrate:up transaction:false
ALTER TABLE people ADD COLUMN first_name text, ADD COLUMN last_name text, ADD COLUMN contact text;
-- switchyard: backfill=id batch=200
UPDATE people SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2), contact = mail
 WHERE first_name IS NULL;
-- migrate:down
ALTER TABLE people DROP COLUMN first_name, DROP COLUMN last_name, DROP COLUMN contact;
`,
    "0003_no_name": `-- switchyard: phase=contract
-- migrate:up
ALTER TABLE people DROP COLUMN name, DROP COLUMN mail;
-- migrate:down transaction:false
ALTER TABLE people ADD COLUMN name text, ADD COLUMN mail text;
`,
  }).map(([name, text]) => [name.slice(0, 4), parseMigration(`${name}.sql`, text)]),
);

for (const major of [15, 18] as const) {
  describe(`Two releases that write two shapes on PostgreSQL ${major}`, function () {
    this.timeout(300_000);
    let postgres: TestPostgres;
    let db: PeopleDatabase;
    let balancer: RunningBalancer;
    let folder: Awaited<ReturnType<typeof stateFolder>>;
    const processes = new Map<string, { child: ChildProcess; port: number }>();

    before(async () => {
      postgres = await startPostgres(major);
      db = await createPeopleDatabase(postgres);
      folder = await stateFolder();
      balancer = await startBalancer(folder.path);
    });
    after(async () => {
      for (const { child } of processes.values()) await end(child);
      await balancer.end("SIGKILL");
      await folder.clear();
      await postgres.stop();
    });

    async function end(child: ChildProcess): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "close");
    }

    async function migrate(version: string, direction: Direction): Promise<void> {
      const { connection, password, owner } = db.run;
      await withRun({ connection, password, owner }, { say: (line) => db.lines.push(line) }, async (run) => {
        await prepareHistory(run.client);
        await runStep(run, stepFromFile(files[version] ?? assert.fail(version), direction), { release: "test" });
      });
    }

    async function start(colour: "blue" | "green", shape: "old" | "new"): Promise<void> {
      const child = spawn(process.execPath, ["--import", "tsx", join(__dirname, "../support/people-service.ts")], {
        env: { PATH: process.env["PATH"], ...db.env, SHAPE: shape, COLOUR: colour },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      processes.set(colour, { child, port: Number(line) });
      await balancer.client.registerTarget(colour, { id: `${colour}-1`, host: "127.0.0.1", port: Number(line) });
      await untilHealthy(balancer.client);
    }

    async function retire(colour: "blue" | "green"): Promise<void> {
      await balancer.client.deregisterTarget(colour, `${colour}-1`, 5);
      await end(processes.get(colour)?.child ?? assert.fail(`${colour} does not run`));
      processes.delete(colour);
    }

    const shift = (green: number) => balancer.client.setWeights({ blue: 100 - green, green });

    /** Writers that keep what was acknowledged, each with people of its own, so that the last word on each is known. */
    class Writers {
      readonly acknowledged = new Map<number, Person>();
      readonly byColour: Record<string, number> = {};
      readonly failed: string[] = [];
      private readonly pool: Pool;
      private readonly work: Promise<void>[];
      private ended = false;

      constructor(port: number, from: number) {
        this.pool = new Pool(`http://127.0.0.1:${port}`, { connections: 6 });
        this.work = [0, 1, 2, 3, 4, 5].map((which) => this.write(from + which * 10_000));
      }

      private async write(from: number): Promise<void> {
        for (let round = 0; !this.ended; round += 1) {
          const known = [...Array(Math.ceil(round / 3)).keys()].length;
          const words = { first: `F${round}`, last: `L${round}` };
          const id = from + (round % 3 === 0 || known === 0 ? known : (round * 7) % known);
          const person = this.acknowledged.get(id);
          if (person === undefined)
            await this.send("POST", id, { ...words, contact: `c${round}` }, { ...words, contact: `c${round}` });
          else if (round % 3 === 1) await this.send("PATCH", id, words, { ...person, ...words });
          else await this.send("PATCH", id, { contact: `d${round}` }, { ...person, contact: `d${round}` });
        }
      }

      private async send(method: "POST" | "PATCH", id: number, body: object, result: Person): Promise<void> {
        const answer = await this.pool.request({ path: `/people/${id}`, method, body: JSON.stringify(body) });
        const text = await answer.body.text();
        if (answer.statusCode !== 200) this.failed.push(`${answer.statusCode} ${text}`);
        else this.acknowledged.set(id, result);
        const colour = String(answer.headers["x-colour"]);
        this.byColour[colour] = (this.byColour[colour] ?? 0) + 1;
      }

      /** Waits until that colour has answered so many more writes. */
      async answeredBy(colour: string, more: number): Promise<void> {
        const goal = (this.byColour[colour] ?? 0) + more;
        await until(`${colour} has answered ${goal} writes`, () => (this.byColour[colour] ?? 0) >= goal);
      }

      async end(): Promise<void> {
        this.ended = true;
        await Promise.all(this.work);
        await this.pool.close();
      }
    }

    /** Every acknowledged write, as each release reads it. */
    async function readAlike(acknowledged: ReadonlyMap<number, Person>, colours: ("blue" | "green")[]): Promise<void> {
      for (const colour of colours) {
        const pool = new Pool(`http://127.0.0.1:${processes.get(colour)?.port ?? 0}`, { connections: 8 });
        const ids = [...acknowledged.keys()];
        const reader = async (): Promise<void> => {
          for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
            const { body } = await pool.request({ path: `/people/${id}`, method: "GET" });
            assert.deepEqual(await body.json(), acknowledged.get(id), `person ${id} through ${colour}`);
          }
        };
        await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(reader));
        await pool.close();
      }
    }

    it("every acknowledged write reads alike through both after 50 %, after the return, after the contract, and back", async () => {
      await migrate("0001", "up");
      const { port } = await balancer.client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
      await start("blue", "old");
      const writers = new Writers(port, 0);
      await writers.answeredBy("blue", 300);
      await migrate("0002", "up");
      await start("green", "new");
      await shift(50);
      await Promise.all([writers.answeredBy("blue", 500), writers.answeredBy("green", 500)]);
      await shift(0);
      await writers.answeredBy("blue", 100);
      await writers.end();
      assert.deepEqual(writers.failed, []);
      await readAlike(writers.acknowledged, ["blue", "green"]);

      // Forward all the way: the old shape goes while the new release writes, and comes back with what it wrote.
      const later = new Writers(port, 100_000);
      await shift(100);
      await retire("blue");
      await later.answeredBy("green", 100);
      await migrate("0003", "up");
      await later.answeredBy("green", 100);
      await migrate("0003", "down");
      await start("blue", "old");
      await shift(50);
      await Promise.all([later.answeredBy("blue", 200), later.answeredBy("green", 200)]);
      await shift(0);
      await later.end();
      assert.deepEqual(later.failed, []);
      await readAlike(later.acknowledged, ["blue", "green"]);
      await readAlike(writers.acknowledged, ["blue", "green"]);

      // And without the new shape, as before all this.
      await retire("green");
      await migrate("0002", "down");
      await readAlike(later.acknowledged, ["blue"]);
      await readAlike(writers.acknowledged, ["blue"]);
      assert.ok(writers.acknowledged.size + later.acknowledged.size > 500);
    });
  });
}
