import { buildApp } from "./app";
import { ConfigError, readConfig, type ServiceConfig } from "./config";
import { Database } from "./database";
import { createLogger } from "./logging";

/** How long the pool may take to close once all requests are answered or cut off, in ms. */
const poolCloseMs = 2_000;

/** Starts the service and arranges its end. Exit code 0: drained; 1: could not start, or requests were cut off. */
async function main(config: ServiceConfig): Promise<void> {
  const log = createLogger(config);
  process.on("uncaughtException", (err) => {
    log.fatal({ err }, "the service failed and ends");
    process.exit(1);
  });
  const database = new Database(config.database, log);
  const { app, drain } = buildApp(config, database, log);

  const end = async (signal: NodeJS.Signals) => {
    if (drain.begun) return;
    log.info({ signal, drainMs: config.drainMs }, "draining");
    const cut = await drain.run(() => app.close(), config.drainMs);
    const closed = await Promise.race([
      database.close().then(() => true),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), poolCloseMs)),
    ]);
    if (cut > 0) log.error({ cut }, "requests were cut off: they took longer than DRAIN_MS");
    log.info({ poolClosed: closed }, "stopped");
    process.exit(cut > 0 ? 1 : 0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void end(signal));

  // A database that can't be reached does not stop the start: live says so, ready doesn't.
  await database.open();
  try {
    await app.listen({ host: config.host, port: config.port, listenTextResolver: (at) => `listening at ${at}` });
  } catch (err) {
    log.fatal({ err, host: config.host, port: config.port }, "can't listen; free the port, or set HOST and PORT");
    process.exit(1);
  }
}

try {
  void main(readConfig(process.env));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  createLogger().fatal({ problems: error.problems }, "the environment can't be used");
  process.exitCode = 1;
}
