import type { Failure } from "../protocol/plugin";
import type { Properties } from "../protocol/values";
import type { Row, Rows } from "./account";

/** Where a resource is made. */
export interface Here {
  region: string;
  /** Of the provider's configuration. */
  defaultTags: Readonly<Record<string, string>>;
  /** Of the provider's configuration: tags that it neither shows nor takes away. */
  ignoredTags: { readonly keys: readonly string[]; readonly prefixes: readonly string[] };
}

/** What a definition makes outputs of. */
export interface Making {
  /** Inputs, with defaults. */
  inputs: Properties;
  /** The resource's name in the program. */
  name: string;
  here: Here;
  rows: Rows;
}

/** One type of resource, beside what the SDK's declarations and facts.json say of it. */
export interface Definition {
  /** The service as error messages name it, such as "Elastic Load Balancing v2". */
  service: string;
  /** The API's operations: create, update and delete. */
  operations: readonly [string, string, string];
  /** The property that is made up of the resource's name when it is left out, and its greatest length. */
  autoName?: { property: string; maximum: number };
  /** The output that is the id, or what makes it of the outputs. */
  id: string | ((outs: Properties) => string);
  /** The output that tells it from others where the id does not. */
  key?: string;
  /** Outputs that are no inputs, and inputs that AWS chooses. */
  make(making: Making): Properties;
  /** Outputs that an update changes, computed anew. */
  remake?(olds: Properties, making: Making): Properties;
  /** Names of what `remake` gives: not known at preview. */
  moving?: readonly string[];
  /** Outputs that follow from other things in the account, at each read. */
  derive?(outs: Properties, id: string, rows: Rows): Properties;
  /** Defaults deeper than the first level. */
  fill?(inputs: Properties): Properties;
  /** Rules that the official plugin checks before it asks AWS. */
  check?(inputs: Properties): Failure[];
  /** What the official plugin takes for no change, though it differs ("DiffSuppressFunc"). */
  suppresses?(key: string, olds: Properties, wanted: Properties): boolean;
  /** A replacement that depends on values. */
  replaces?(key: string, olds: Properties, wanted: Properties): boolean;
  /** What AWS does besides. */
  created?(row: Row, rows: Rows): void;
  updated?(row: Row, rows: Rows): void;
  deleted?(row: Row, rows: Rows): void;
}

/** Something that is about to happen to a resource. */
export interface Situation {
  rows: Rows;
  here: Here;
  on: "create" | "update" | "delete";
  /** What it is to be; at a delete, what it is. */
  outs: Properties;
  /** Undefined at a create. */
  id?: string;
  /** What is there before; undefined at a create. */
  before?: Properties;
}
