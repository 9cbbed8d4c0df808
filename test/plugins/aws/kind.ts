import { PartialFailure, type Context, type Kind } from "../protocol/plugin";
import { hasUnknown, type Properties } from "../protocol/values";
import type { Account, Row, Rows } from "./account";
import type { Definition, Here, Making, Situation } from "./definition";
import { complete, difference, factsOf, plan } from "./differences";
import { AwsError, maxRetries, throttling, worded } from "./errors";
import { dueFault, type Call } from "./faults";
import { checkInputs } from "./inputs";
import { autoNamed } from "./names";
import { refusal } from "./refusals";
import { signature } from "./shapes";
import { seenTags, withIgnored } from "./tags";

/** What every resource of the plugin works on, once it is configured. */
export interface Place {
  account: Account;
  here: Here;
}

/** A type of resource for the engine, kept in the account and refused as AWS refuses it. */
export function kind(place: () => Place, token: string, definition: Definition): Kind {
  const { service, operations } = definition;
  const idOf = (outs: Properties) =>
    typeof definition.id === "string" ? String(outs[definition.id]) : definition.id(outs);
  const keyOf = (outs: Properties) => (definition.key === undefined ? idOf(outs) : String(outs[definition.key]));
  const hereOf = (inputs: Properties): Here => {
    const { here } = place();
    return typeof inputs["region"] === "string" ? { ...here, region: inputs["region"] } : here;
  };
  const derived = ({ id, outs }: Row, rows: Rows) => ({
    ...outs,
    ...definition.derive?.(outs, id, rows),
    ...seenTags(outs, hereOf(outs)),
  });
  /** Makes one call, with injected faults, in AWS's words when it is refused. */
  const call = <T>(of: Call, operation: string, work: (rows: Rows) => T): T => {
    try {
      return withFaults(place().account, of, () => place().account.change(work));
    } catch (error) {
      throw error instanceof AwsError ? worded(error, service, operation) : error;
    }
  };
  const asked = (situation: Situation) => {
    const error = refusal(token, situation);
    if (error !== undefined) throw error;
  };

  return {
    complete: (news, olds, name, seed) => autoNamed(definition, news, olds, name, seed),
    check(news) {
      const failures = checkInputs(token, news);
      if (failures.length > 0 || definition.check === undefined) return failures;
      return definition.check(definition.fill?.(news) ?? news).filter(({ property }) => !hasUnknown(news[property]));
    },
    diff: (olds, news) => difference(token, definition, olds, news, hereOf(news)),
    plan: (news, olds) => plan(token, definition, news, olds, hereOf(news)),

    create(news, { name }) {
      const made = call({ of: token, on: "create", name }, operations[0], (rows) => {
        const here = hereOf(news);
        const inputs = complete(token, definition, news, here);
        asked({ rows, here, on: "create", outs: inputs });
        const making: Making = { inputs, name, here, rows };
        const outs = { ...definition.make(making), ...inputs };
        computesAll(token, outs);
        const row = { token, id: keyOf(outs), outs };
        rows.put(row);
        definition.created?.(row, rows);
        return outs;
      });
      return Promise.resolve({ id: idOf(made), outs: made });
    },

    read(id, olds, { name }) {
      const found = call({ of: token, on: "read", name }, operations[1], (rows) => {
        const row = rows.get(token, olds === undefined ? id : keyOf(olds));
        return row === undefined ? undefined : derived(row, rows);
      });
      if (found === undefined) return Promise.resolve(undefined);
      return Promise.resolve({ id, outs: found, ...(olds === undefined ? { inputs: inputsOf(token, found) } : {}) });
    },

    update(olds, news, context) {
      return Promise.resolve(
        call({ of: token, on: "update", name: context.name }, operations[1], (rows) => {
          const row = existing(rows, token, keyOf(olds), olds);
          const here = hereOf(news);
          const outs = changedOuts(token, definition, row.outs, olds, news, here, context);
          asked({ rows, here, on: "update", outs, id: row.id, before: row.outs });
          const inputs = complete(token, definition, news, here);
          const next = {
            ...row,
            outs: { ...outs, ...definition.remake?.(row.outs, { inputs, name: context.name, here, rows }) },
          };
          rows.put(next);
          definition.updated?.(next, rows);
          return derived(next, rows);
        }),
      );
    },

    delete(olds, { name }) {
      call({ of: token, on: "delete", name }, operations[2], (rows) => {
        const id = keyOf(olds);
        const row = rows.get(token, id);
        // Whatever is gone already is deleted.
        if (row === undefined) return;
        asked({ rows, here: hereOf(olds), on: "delete", outs: row.outs, id, before: row.outs });
        rows.remove(token, id);
        definition.deleted?.(row, rows);
      });
      return Promise.resolve();
    },
  };
}

/** Runs `work` unless an injected fault is due; as the official plugin does, it tries again when it is throttled. */
export function withFaults<T>(account: Account, call: Call, work: () => T): T {
  for (let tries = 0; ; tries++) {
    const due = account.change((rows) => dueFault(rows, call));
    if (due === undefined) return work();
    if (throttling.has(due.error.code) && tries < maxRetries) continue;
    // The answer is lost on its way; what was asked for is done.
    if (due.done) work();
    throw due.error;
  }
}

/** What is there after an update: only inputs that differ from state are sent, so that others' changes stay. */
function changedOuts(
  token: string,
  definition: Definition,
  there: Properties,
  olds: Properties,
  news: Properties,
  here: Here,
  { ignored }: Context,
): Properties {
  const wanted = withIgnored(complete(token, definition, news, here), there, here);
  const { changed } = difference(token, definition, olds, news, here);
  const sent = changed.filter((each) => !ignored.includes(each));
  const stays = Object.entries(there).filter(([key]) => !sent.includes(key));
  const comes = sent.map((key) => [key, wanted[key]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...stays, ...comes]);
}

function existing(rows: Rows, token: string, id: string, olds: Properties): Row {
  const row = rows.get(token, id);
  if (row === undefined) throw new PartialFailure(`couldn't find resource: ${token} ${id}`, id, olds);
  return row;
}

/** A stand-in that leaves out an output would let a program pass that reads nothing from it. */
function computesAll(token: string, outs: Properties): void {
  const { inputs, outputs } = signature(token);
  const missing = [...outputs.keys()].filter((key) => !inputs.has(key) && !(key in outs));
  if (missing.length > 0) throw new Error(`the stand-in for aws does not compute ${missing.join(", ")} of ${token}`);
}

/** Inputs for a resource that is imported: what it holds beside defaults and what AWS chose. */
function inputsOf(token: string, outs: Properties): Properties {
  const { defaults, computed } = factsOf(token);
  const { inputs } = signature(token);
  return Object.fromEntries(
    Object.entries(outs).filter(
      ([key, value]) =>
        inputs.has(key) &&
        key !== "region" &&
        !computed.includes(key) &&
        JSON.stringify(defaults[key]) !== JSON.stringify(value),
    ),
  );
}
