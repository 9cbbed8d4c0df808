import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  hasUnknown,
  PartialFailure,
  sameInputs,
  type Difference,
  type Failure,
  type Provider,
} from "../../../providers/contract";
import { inProject } from "../../../providers/project";
import { makeAdministrator } from "../postgres/administrator";
import { findBinaries } from "../postgres/binaries";
import * as cluster from "../postgres/cluster";
import { findHome, prepareHome, type PostgresHome } from "../postgres/home";
import { scramVerifier } from "../postgres/scram";
import { choosePort, takenPort } from "../process/configured-port";
import { isRunning, type ProcessRef } from "../process/identity";
import { whyNoDump } from "./pg-dump";
import type { LocalDatabaseInputs as Inputs, LocalDatabaseState as State } from "./resource";

/** The first port to try when config names none: near PostgreSQL's own, which may be taken by a server of the machine. */
const firstPort = 55432;

const portKey = { key: "local.databasePort", property: "port" };

/** Inputs that a running server takes up only when it is started anew. */
const settingsOfServer = ["port", "maxConnections", "account"] as const;

async function check(news: Inputs, olds: Inputs | undefined): Promise<Failure[]> {
  if (hasUnknown([news.majorVersion, news.port, news.folder])) return [];
  const failures: Failure[] = [];
  const noDump = await whyNoDump(news.majorVersion);
  if (noDump !== undefined) failures.push({ property: "majorVersion", reason: noDump });
  if (olds !== undefined && olds.majorVersion !== news.majorVersion)
    failures.push({
      property: "majorVersion",
      reason:
        `the data in ${news.folder} is of PostgreSQL ${olds.majorVersion} and can't be opened by ${news.majorVersion}: ` +
        `put it back (pulumi config set --path switchyard:database.majorVersion ${olds.majorVersion}), ` +
        `or start over with pulumi destroy`,
    });
  if (cluster.runningServer(findHome(inProject(news.folder), news.majorVersion, news.account)) === undefined)
    failures.push(...(await takenPort(portKey, news.port, undefined)));
  return failures;
}

function diff(olds: State, news: Inputs): Difference {
  if (!isRunning(olds.server)) return { changes: true };
  return { changes: !sameInputs(olds, news, ["host", "chosenPort", "version", "server"]) };
}

async function bringUp(news: Inputs, olds?: State): Promise<State> {
  const folder = inProject(news.folder);
  const home = findHome(folder, news.majorVersion, news.account);
  prepareHome(home, news.majorVersion);
  let server = cluster.runningServer(home, olds?.server);
  const restart = olds === undefined || settingsOfServer.some((key) => olds[key] !== news[key]);
  if (server !== undefined && restart) {
    await cluster.shutDown(server);
    server = undefined;
  }
  const port =
    server !== undefined && olds !== undefined
      ? olds.chosenPort
      : await choosePort(portKey, news.port, olds?.chosenPort ?? firstPort);
  // The cluster opens with the password it was made with; a new one is set once it runs.
  const options: cluster.ClusterOptions = {
    home,
    port,
    maxConnections: news.maxConnections,
    log: join(folder, "logs", "postgres.log"),
    superuserPassword: olds?.superuserPassword ?? news.superuserPassword,
  };
  if (olds === undefined) await initialiseOnce(options);
  server ??= await cluster.start(options);
  const state: State = {
    ...news,
    superuserPassword: options.superuserPassword,
    host: "127.0.0.1",
    chosenPort: port,
    version: findBinaries(news.majorVersion).version,
    server,
  };
  try {
    await setPasswords(options, news);
    return { ...state, superuserPassword: news.superuserPassword };
  } catch (error) {
    throw new PartialFailure((error as Error).message, idOf(news), state, { cause: error });
  }
}

/**
 * A cluster that state doesn't know is the work of a create that was killed: made with other passwords, and holding
 * nothing yet, as everything else is declared after it. It is made again.
 */
async function initialiseOnce(options: cluster.ClusterOptions): Promise<void> {
  if (cluster.isInitialised(options.home)) setAside(options.home);
  await cluster.initialise(options);
}

/** Moves data out of the way; nothing here ever deletes data that it was not told to delete. */
function setAside(home: PostgresHome): string {
  const aside = `${home.data}.kept-${new Date().toISOString().replace(/[:.]/g, "-")}`;
  renameSync(home.data, aside);
  return aside;
}

async function setPasswords(options: cluster.ClusterOptions, news: Inputs): Promise<void> {
  await cluster.withSuperuser(options, async (client) => {
    const administrator = scramVerifier(news.administratorPassword);
    await cluster.withSuperuser(
      options,
      (template) => makeAdministrator(client, template, news.administrator, administrator),
      "template1",
    );
    if (options.superuserPassword === news.superuserPassword) return;
    const verifier = client.escapeLiteral(scramVerifier(news.superuserPassword));
    await client.query(`ALTER ROLE ${cluster.superuser} PASSWORD ${verifier}`);
  });
}

const idOf = ({ folder }: Inputs): string => `${folder}/postgres`;

async function remove(state: State): Promise<void> {
  const folder = inProject(state.folder);
  const home = findHome(folder, state.majorVersion, state.account);
  const server: ProcessRef | undefined = cluster.runningServer(home, state.server);
  await cluster.shutDown(server);
  if (!existsSync(home.data)) return;
  if (!state.deleteDataOnDestroy) {
    console.error(`PostgreSQL's data is kept in ${setAside(home)} (switchyard:local.deleteDataOnDestroy is false)`);
    return;
  }
  rmSync(home.data, { recursive: true, force: true });
  if (home.outside !== undefined) rmSync(home.outside, { recursive: true, force: true });
}

export const provider: Provider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({ id: idOf(inputs), outs: await bringUp(inputs) }),
  update: (olds, news) => bringUp(news, olds),
  delete: remove,
};
