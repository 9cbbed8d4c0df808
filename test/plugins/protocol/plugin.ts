import { isDeepStrictEqual } from "node:util";
import type { Properties } from "./values";

export interface Failure {
  property: string;
  reason: string;
}

/** What changes between state and inputs, by property. */
export interface Difference {
  changed: string[];
  /** Those of `changed` that can't be changed in place. */
  replaces: string[];
  deleteBeforeReplace: boolean;
}

/** Every property of two sets that is not alike. */
export function compare(olds: Properties, news: Properties, replacing: readonly string[] = []): Difference {
  const keys = new Set([...Object.keys(olds), ...Object.keys(news)]);
  const changed = [...keys].filter((key) => !isDeepStrictEqual(olds[key], news[key]));
  return { changed, replaces: changed.filter((key) => replacing.includes(key)), deleteBeforeReplace: false };
}

/** What an operation is given beside its properties. */
export interface Context {
  urn: string;
  /** The name of the resource in the program. */
  name: string;
  /** Aborted when the engine cancels, or is gone. */
  signal: AbortSignal;
  /** Properties that the program leaves to others (`ignoreChanges`): an update keeps what is there. */
  ignored: readonly string[];
  /** A line in the engine's output, beside the resource. */
  log(line: string): Promise<void>;
}

/** One type of resource. All properties are plain: secrets are unwrapped, and marked again, by the server. */
export interface Kind {
  /** What is wrong with the inputs; they may hold unknowns. */
  check(news: Properties): Failure[];
  /** Inputs that the plugin adds to those of the program, such as a name; `olds` are the inputs before. */
  complete?(news: Properties, olds: Properties | undefined, name: string, seed: Uint8Array): Properties;
  diff(olds: Properties, news: Properties): Difference;
  /** What create and update are expected to yield, unknowns included; asked at preview. */
  plan(news: Properties, olds: Properties | undefined): Properties;
  create(news: Properties, context: Context): Promise<{ id: string; outs: Properties }>;
  /** What is there now; undefined when it is gone. Without `olds` it is an import, of `id`. */
  read(
    id: string,
    olds: Properties | undefined,
    context: Context,
  ): Promise<{ id: string; outs: Properties; inputs?: Properties } | undefined>;
  update(olds: Properties, news: Properties, context: Context): Promise<Properties>;
  delete(olds: Properties, context: Context): Promise<void>;
}

export interface Plugin {
  /** Such as "postgresql". */
  name: string;
  version: string;
  /**
   * Whether outputs keep the secrecy of what they were made from: computed outputs are secret as soon as an input is.
   * Else the engine itself marks the outputs that bear the name of a secret input, as it does for the bridged plugins.
   */
  acceptsSecrets: boolean;
  /** Judges the provider's own configuration; it may hold unknowns. */
  checkConfig(args: Properties): Failure[];
  /** Takes the configuration; called once, with everything known. Connects to nothing. */
  configure(args: Properties): void;
  kinds: Record<string, Kind>;
  /** Its functions, by token. */
  functions?: Record<string, (args: Properties) => Properties | Promise<Properties>>;
}

/** Thrown by create or update when part of the work is done: the engine keeps `outs` as the state to go on from. */
export class PartialFailure extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly outs: Properties,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
