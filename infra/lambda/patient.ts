import { setTimeout as wait } from "node:timers/promises";
import { callAws, type Answer, type Call, type Caller } from "./call";

/** Tries of a call that AWS throttles, or can't take just then; between two of them 0.2 s, doubled each time. */
const tries = 6;
const isPassing = ({ status, text }: Answer): boolean => status >= 500 || /Throttl|TooManyRequests/.test(text);

/**
 * Calls AWS until it does what was asked, or says that it won't.
 * @param what as the log says it
 * @throws with what AWS answered
 */
export async function patiently(what: string, call: Call, caller: Caller): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    const answer = await callAws(call, caller);
    if (answer.ok) return answer;
    if (!isPassing(answer) || tried === tries)
      throw new Error(`${what} was refused: ${answer.status} ${answer.text.slice(0, 500)}`);
    await wait(100 * 2 ** tried);
  }
}
