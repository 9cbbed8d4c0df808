// What can happen to a database, and to the way to it, for tests of the example service.

import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import type { EmbeddedMajor } from "../../infra/platform/local/postgres/binaries";
import { shutDown, start } from "../../infra/platform/local/postgres/cluster";
import { findHome } from "../../infra/platform/local/postgres/home";
import { identify } from "../../infra/platform/local/process/identity";
import type { TestPostgres } from "./postgres";

/** A TCP way to the database that a test can block, as a network does that loses every packet. */
export interface Gate {
  port: number;
  /** From now on nothing passes; connections stay open, and new ones are accepted and left alone. */
  freeze(): void;
  thaw(): void;
  /** Ends every connection without a word of PostgreSQL's. */
  cut(): void;
  close(): Promise<void>;
}

export async function startGate(target: number): Promise<Gate> {
  const pairs = new Set<Socket>();
  let frozen = false;
  const server = createServer({ pauseOnConnect: true }, (near) => {
    const far = connect(target, "127.0.0.1");
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      pairs.add(socket);
      socket.on("data", (data) => other.write(data));
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        pairs.delete(socket);
        other.destroy();
      });
      if (frozen) socket.pause();
      else socket.resume();
    }
  });
  const cut = () => pairs.forEach((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      frozen = true;
      for (const socket of pairs) socket.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of pairs) socket.resume();
    },
    cut,
    async close() {
      server.close();
      cut();
      await once(server, "close");
    },
  };
}

/** Stops the server as its administrator does: sessions are ended. `startServer` brings it back, on the same port. */
export async function stopServer({ folder }: TestPostgres, major: EmbeddedMajor = 15): Promise<void> {
  const file = join(findHome(folder, major).data, "postmaster.pid");
  if (existsSync(file)) await shutDown(identify(Number(readFileSync(file, "utf8").split("\n")[0])));
}

export async function startServer(postgres: TestPostgres, major: EmbeddedMajor = 15): Promise<void> {
  const { folder, port, maxConnections, superuserPassword } = postgres;
  const log = join(folder, "postgres.log");
  await start({ home: findHome(folder, major), port, maxConnections, log, superuserPassword });
}
