/** What the engine puts in the place of a value that is not known yet; a provider's `check` and `diff` may be given it. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Whether `value` is, or holds anywhere, something that is not known yet: nothing may be judged from it. */
export function hasUnknown(value: unknown): boolean {
  if (value === unknownValue) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUnknown);
}

export interface Difference {
  changes: boolean;
  /** Inputs whose change can't be made in place. */
  replaces?: string[];
  deleteBeforeReplace?: boolean;
}

/**
 * A dynamic provider as it is written here. `I`: the inputs as the program gives them, resolved. `O`: what is kept in
 * state, the inputs included. Every method may run again after a kill in its middle: it reads what is real first.
 */
export interface Provider<I extends object, O extends I> {
  /**
   * Judges inputs, at preview already; `news` may hold unknowns. @default nothing is wrong
   * @returns one sentence for each problem: the config key, what was found, what mends it.
   */
  check?(news: I, olds: O | undefined): Promise<string[]> | string[];
  /**
   * The inputs with what follows from them and from those before, asked once `check` found nothing wrong. What is added
   * here is known at preview already, where outputs of a change are not; so it must be pure. @default the inputs as given
   */
  complete?(news: I, olds: O | undefined): I;
  /** Compares state and reality with the inputs. Asked on every preview and up, changed inputs or not. */
  diff(olds: O, news: I, id: string): Promise<Difference> | Difference;
  create(inputs: I): Promise<{ id: string; outs: O }>;
  update(olds: O, news: I, id: string): Promise<O>;
  /** What is there now; undefined when it is gone. @default what state says */
  read?(props: O, id: string): Promise<O | undefined>;
  delete(props: O, id: string): Promise<void>;
}

/** Thrown by create or update when part of the work is done: the engine keeps `outs` as the state to go on from. */
export class PartialFailure extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly outs: object,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Whether the inputs that `olds` was made from and `news` are alike, whatever the order of their keys; one that was
 * removed is a difference too. `outputs`: the keys of `olds` that are no inputs.
 */
export function sameInputs<O extends object>(
  olds: O,
  news: object,
  outputs: readonly (keyof O & string)[] = [],
): boolean {
  const inputs = Object.entries(olds).filter(([key]) => !outputs.some((output) => output === key));
  return canonical(Object.fromEntries(inputs)) === canonical(news);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (key, each: unknown) => {
    // The engine adds the provider's own code to what it passes.
    if (key === "__provider") return undefined;
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
