import { loginKinds } from "./database/names";
import { Passwords } from "./providers/passwords/resource";
import { readSettled, type SettledOutput } from "./providers/rollout-plan/before";

export interface First {
  /** What the last `up` that finished left; undefined before there was one. */
  before: SettledOutput | undefined;
  /** Of the roles in the database. */
  passwords: Passwords;
}

/**
 * What can be done before config is even read. The state of this stack is read before anything else is declared: the engine
 * writes it with each change, and a reader in between finds half a file. The passwords come next, because they follow
 * from nothing: declaring them starts the process of the dynamic providers, which takes longer than all else that a return
 * of traffic waits for.
 */
export async function declareFirst(): Promise<First> {
  const before = await readSettled();
  const passwords = new Passwords("passwords", { names: [...loginKinds] });
  // Lets what was declared reach the engine before loading what comes next keeps this process busy.
  await new Promise((resolve) => setTimeout(resolve, 10));
  return { before, passwords };
}
