import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { roleNames } from "../../../database/names";
import { hasUnknown, PartialFailure, sameInputs, type Difference, type Provider } from "../../../providers/contract";
import { inProject } from "../../../providers/project";
import { makeAdministrator } from "../postgres/administrator";
import { findBinaries } from "../postgres/binaries";
import * as cluster from "../postgres/cluster";
import { findHome, prepareHome } from "../postgres/home";
import { isKept, noteKept, resetSuperuser, stepAside, templateFor } from "../postgres/kept";
import { scramVerifier } from "../postgres/scram";
import { choosePort, takenPort } from "../process/configured-port";
import { isRunning, type ProcessRef } from "../process/identity";
import { findFree, isFree } from "../process/ports";
import { whyNoDump } from "../../../providers/backup/programs";
import type { LocalDatabaseInputs as Inputs, LocalDatabaseState as State } from "./resource";

/** The first port to try when config names none: near PostgreSQL's own, which may be taken by a server of the machine. */
const firstPort = 55432;

const portKey = "local.databasePort";

const outputs = ["host", "chosenPort", "version", "server", "template"] as const;

/** Inputs that a running server takes up only when it is started anew. */
const settingsOfServer = ["port", "maxConnections", "account"] as const;

async function check(news: Inputs, olds: Inputs | undefined): Promise<string[]> {
  if (hasUnknown([news.majorVersion, news.port, news.folder])) return [];
  const problems: string[] = [];
  const noDump = await whyNoDump(news.majorVersion);
  if (noDump !== undefined) problems.push(noDump);
  if (olds !== undefined && olds.name !== news.name)
    problems.push(
      `switchyard:database.name is ${news.name}, and the database is ${olds.name}: its roles and privileges can't follow ` +
        `a new name. Put it back: pulumi config set --path switchyard:database.name ${olds.name}`,
    );
  if (olds !== undefined && olds.majorVersion !== news.majorVersion)
    problems.push(
      `the data in ${news.folder} is of PostgreSQL ${olds.majorVersion} and can't be opened by ${news.majorVersion}: ` +
        `put it back (pulumi config set --path switchyard:database.majorVersion ${olds.majorVersion}), ` +
        `or start over with pulumi destroy`,
    );
  if (cluster.runningServer(findHome(inProject(news.folder), news.majorVersion, news.account)) === undefined)
    problems.push(...(await takenPort(portKey, news.port, undefined)));
  return problems;
}

function diff(olds: State, news: Inputs): Difference {
  if (!isRunning(olds.server)) return { changes: true };
  return { changes: !sameInputs(olds, news, outputs) };
}

async function bringUp(news: Inputs, olds?: State): Promise<State> {
  const { home, options, version } = clusterOf(news, olds);
  prepareHome(home, news.majorVersion);
  let server = cluster.runningServer(home, olds?.server);
  const restart = olds === undefined || settingsOfServer.some((key) => olds[key] !== news[key]);
  if (server !== undefined && restart) {
    await cluster.shutDown(server);
    server = undefined;
  }
  if (server === undefined) options.port = await choosePort(portKey, news.port, options.port);
  if (olds === undefined) await openData(options, news.majorVersion);
  server ??= await start(options, news.port);
  const running = { ...news, host: "127.0.0.1", chosenPort: options.port, version, server, template: "template1" };
  try {
    await setPasswords(options, news);
    if (olds !== undefined) return { ...running, template: olds.template };
    const made = { database: news.name, roles: Object.values(roleNames(news.name)) };
    if (isKept(home)) await stepAside(options, news.administrator, made);
    return { ...running, template: await templateFor(options, news.name) };
  } catch (error) {
    // The server runs and is kept track of; the password that it opens with is still the one before.
    const partial = {
      ...(olds ?? running),
      server,
      chosenPort: options.port,
      superuserPassword: options.superuserPassword,
    };
    throw new PartialFailure((error as Error).message, idOf(news), partial, { cause: error });
  }
}

/** Starts the server; on the next free port where another program has taken the one that was found free before. */
async function start(options: cluster.ClusterOptions, configured: number | undefined): Promise<ProcessRef> {
  for (let left = 3; ; left -= 1) {
    try {
      return await cluster.start(options);
    } catch (error) {
      if (configured !== undefined || left === 0 || (await isFree(options.port))) throw error;
      options.port = await findFree(options.port);
    }
  }
}

/** The cluster of these inputs. It opens with the password that it has; a new one is set once it runs. */
function clusterOf(news: Inputs, olds: State | undefined) {
  const folder = inProject(news.folder);
  const home = findHome(folder, news.majorVersion, news.account);
  const options: cluster.ClusterOptions = {
    home,
    port: olds?.chosenPort ?? firstPort,
    maxConnections: news.maxConnections,
    log: join(folder, "logs", "postgres.log"),
    superuserPassword: olds?.superuserPassword ?? news.superuserPassword,
  };
  return { home, options, version: findBinaries(news.majorVersion).version };
}

/**
 * Data for a stack that has none: what a destroy has kept, else a new cluster. A cluster that is neither in state nor
 * kept is the work of a create that was killed; it holds nothing yet, as everything else is declared after it, but
 * nothing here deletes data that it was not told to delete.
 */
async function openData(options: cluster.ClusterOptions, major: number): Promise<void> {
  const { home } = options;
  if (cluster.isInitialised(home) && isKept(home)) {
    await resetSuperuser(options, major);
    return;
  }
  if (cluster.isInitialised(home))
    renameSync(home.data, `${home.data}.${new Date().toISOString().replace(/[:.]/g, "-")}`);
  await cluster.initialise(options);
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
    noteKept(home);
    console.error(
      `PostgreSQL's data stays in ${home.data}, and the next pulumi up of this stack takes it up again ` +
        "(switchyard:local.deleteDataOnDestroy is false)",
    );
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
