// Faults at a chosen query of the session that works. Used by the child that is killed, and by tests that stop the server.

import { Client } from "pg";

/** When, around the n-th query of the working session, counted from 1. */
export interface Fault {
  readonly at: number;
  readonly when: "before" | "inside" | "after";
}

/** `inside`: how long after it was sent. */
const insideMs = 4;

type Query = (this: Client, ...given: unknown[]) => Promise<unknown>;

/**
 * Has `strike` run once, at the fault's moment; what the client does after it is the product's own.
 * @returns the texts of the queries so far, and how to take the fault away
 */
export function intercept(strike: () => void, fault?: Fault): { texts: string[]; restore: () => void } {
  const real = Reflect.get(Client.prototype, "query") as Query;
  const texts: string[] = [];
  const replacement: Query = function (...given) {
    const { application_name: name } = (this as unknown as { connectionParameters: { application_name?: string } })
      .connectionParameters;
    if (name !== "switchyard-migrate") return real.apply(this, given);
    const [first] = given;
    texts.push(typeof first === "string" ? first : (first as { text: string }).text);
    if (fault === undefined || texts.length !== fault.at) return real.apply(this, given);
    if (fault.when === "before") strike();
    const result = real.apply(this, given);
    if (fault.when === "inside") setTimeout(strike, insideMs);
    if (fault.when === "after")
      return result.finally(() => {
        strike();
      });
    return result;
  };
  Client.prototype.query = replacement as unknown as typeof Client.prototype.query;
  return { texts, restore: () => (Client.prototype.query = real as unknown as typeof Client.prototype.query) };
}
