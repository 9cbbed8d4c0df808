import type { Client } from "pg";
import type { Connection } from "../../infra/providers/connection";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";

/** A PostgreSQL of the benchmark's own, with an owner who is no superuser. Embedded: as the local platform's, on this machine's disk. */
export class Bench {
  private constructor(
    private readonly postgres: TestPostgres,
    readonly password: string,
  ) {}

  static async open(major: 15 | 18): Promise<Bench> {
    const postgres = await startPostgres(major);
    const password = "bench";
    await postgres.asSuperuser((admin) => admin.query(`CREATE ROLE bench LOGIN PASSWORD '${password}'`));
    return new Bench(postgres, password);
  }

  /** A new, empty database. */
  async database(name: string): Promise<Connection> {
    await this.postgres.asSuperuser((admin) => admin.query(`CREATE DATABASE ${name} OWNER bench`));
    return { host: "127.0.0.1", port: this.postgres.port, database: name, user: "bench", sslmode: "disable" };
  }

  connect({ user, database }: Connection): Promise<Client> {
    return this.postgres.connect({ user, password: this.password, database });
  }

  close(): Promise<void> {
    return this.postgres.stop();
  }
}
