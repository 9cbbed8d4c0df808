import fc from "fast-check";
import { COLOURS, otherColour, shareOf } from "../../../../infra/rollout/names";
import type { BakePlan, Colour, Declared, Overrides, Release } from "../../../../infra/rollout/types";
import type { Violation } from "../../../../infra/rollout/rules";
import { filesBelow, inOrder, isSound, summaryOf, usesOf, type Build, type File, type Script } from "./files";
import type { Commit, Fault, World } from "./world";

/** What a team may do next. Each changes config or files, and then runs an `up`. */
export const KINDS = [
  "shift",
  "release",
  "expand",
  "contract",
  "ship",
  "finish",
  "migrateTo",
  "retire",
  "revert",
  "files",
  "rewire",
  "move",
  "accept",
  "bake",
  "target",
  "retry",
] as const;
export type Kind = (typeof KINDS)[number];

/** One thing that the team does; `pick` decides between the variants, whatever the state of things is by then. */
export interface Action {
  readonly kind: Kind;
  readonly pick: readonly [number, number, number];
  readonly fault: Fault | undefined;
  /** After a refusal: go on from the refused config instead of the last accepted one. */
  readonly stubborn: boolean;
}

/** Numbers of anything that makes a kind likelier; 1 is the least. */
export type Habits = Partial<Record<Kind, number>>;

const USUAL: Record<Kind, number> = {
  shift: 4,
  release: 4,
  expand: 3,
  contract: 3,
  ship: 4,
  finish: 3,
  migrateTo: 3,
  retire: 3,
  revert: 4,
  files: 2,
  rewire: 1,
  move: 1,
  accept: 2,
  bake: 1,
  target: 1,
  retry: 3,
};

/** What a team does over at least 20 `up`s, one in three of which breaks somewhere. */
export function actions(habits: Habits = {}): fc.Arbitrary<Action[]> {
  const kinds = KINDS.flatMap((kind) => Array<Kind>(habits[kind] ?? USUAL[kind]).fill(kind));
  const number = fc.nat(0xffff);
  const action = fc
    .tuple(number, number, number, number, number, number)
    .map(([kind, a, b, c, breaks, how]): Action => ({
      kind: kinds[kind % kinds.length] ?? "retry",
      pick: [a, b, c],
      fault:
        breaks % 3 === 0
          ? { at: 1 + (Math.floor(breaks / 3) % 18), kind: how % 2 === 0 ? "error" : "kill", done: how % 4 < 2 }
          : undefined,
      stubborn: how % 5 === 0,
    }));
  return fc.array(action, { minLength: 20, maxLength: 26 });
}

export const NO_OVERRIDES: Overrides = {
  rolling: false,
  acceptLoss: [],
  acceptEdited: [],
  breakIdle: [],
  cutOver: false,
};

const BAKE: BakePlan = {
  steps: [10, 25, 50, 100],
  bake: 600_000,
  maxBake: 1_800_000,
  minRequests: 500,
  expectedRequestsPerSecond: 100,
  onInsufficient: "return",
  limits: { errorRate: 0.001, p95: 1, timesWorse: 2, confidence: 0.99 },
};

const at = <T>(items: readonly T[], pick: number): T | undefined => items[pick % items.length];

/** A team and its repository. It knows nothing of rules but what refusals tell it. */
export class Team {
  private readonly history: Commit[] = [];
  private current: Commit;
  private refused: { commit: Commit; violations: readonly Violation[] } | undefined;
  private columns = 0;
  private fields = 0;
  private last = 0;
  private readonly between = new Set<string>();

  /** @param applied the files that the database knows, begun ones included. */
  constructor(
    private readonly builds: Map<string, Build>,
    private readonly applied: () => readonly File[],
  ) {
    const files = [this.added("0002"), this.added("0004")];
    this.current = {
      files,
      declared: {
        weight: 0,
        releases: { blue: this.built(files, "0004", 2), green: null },
        migrateTo: "latest",
        migrations: files.map(summaryOf),
        wiring: { listener: "l", targets: { blue: "b", green: "g" } },
        bake: BAKE,
        overrides: NO_OVERRIDES,
      },
    };
    this.history.push(this.current);
  }

  /** The commit that the team tries next. */
  next({ kind, pick }: Action): Commit {
    return this.rebuilt(this[kind](...pick));
  }

  /** What the team does with the answer. */
  hear(commit: Commit, accepted: boolean, violations: readonly Violation[], { stubborn }: Action): void {
    const usual = this.change({ overrides: NO_OVERRIDES }, commit);
    if (accepted) this.history.push(usual);
    this.refused = accepted ? undefined : { commit, violations };
    if (accepted || stubborn) this.current = usual;
  }

  /** Has it `--target`ed something, instead of running a whole `up`? */
  targets({ kind, pick: [a, b] }: Action, world: World): boolean {
    const { settled } = world;
    if (kind !== "target" || settled === undefined) return false;
    const colour = at(COLOURS, b) ?? "blue";
    const { files } = this.current;
    const version = at(files, a)?.version ?? "0000";
    const pending = inOrder(files).find((file) => !settled.applied.some((other) => other.version === file.version));
    const mode = a % 3;
    if (mode === 0) world.target({ weight: [0, 30, 100][b % 3] });
    else if (mode === 1) world.target({ releases: { [colour]: this.built(files, version, 1) } });
    else if (pending?.script.kind === "drop") world.target({ next: pending });
    else return false;
    return true;
  }

  private get idle(): Colour {
    return this.current.declared.weight > 50 ? "blue" : "green";
  }

  private change(declared: Partial<Declared>, from = this.current, files = from.files): Commit {
    return { files, declared: { ...from.declared, migrations: files.map(summaryOf), ...declared } };
  }

  private give(colour: Colour, release: Release | null, from = this.current): Commit {
    return this.change({ releases: { ...from.declared.releases, [colour]: release } }, from);
  }

  private built(files: readonly File[], schema: string, count: number, database = "main"): Release {
    const version = `r${this.builds.size + 1}`;
    const release = { version, schema, fingerprint: "f", database };
    this.builds.set(version, { release, files: filesBelow(files, schema), uses: usesOf(files, schema) });
    return { ...release, count };
  }

  private newest(files: readonly File[]): string {
    return inOrder(files).at(-1)?.version ?? "0000";
  }

  /** A number that no file ever had: two files of one version, none of them applied, nobody could tell apart. */
  private after(files: readonly File[]): string {
    this.last = Math.max(this.last, Number(this.newest(files))) + 2;
    return String(this.last).padStart(4, "0");
  }

  private added(version: string, reads?: number): File {
    const script: Script = { kind: "add", field: this.fields++, column: this.columns++, reads };
    return { version, script, hasDown: true, edition: 1 };
  }

  /** A new expand, of any kind; undefined when the world has no numbers left for its columns. */
  private newExpand(files: readonly File[], pick: number, version = this.after(files)): File | undefined {
    const uses = [...usesOf(files, this.newest(files))];
    const hasDown = pick % 5 !== 0;
    const used = at(uses, Math.floor(pick / 8));
    if (pick % 8 === 0) return { version, script: { kind: "index" }, hasDown, edition: 1 };
    if (this.columns > 30 || this.fields > 30) return undefined;
    if (pick % 8 < 4 && used !== undefined) {
      const [field, from] = used;
      return { version, script: { kind: "rename", field, from, column: this.columns++ }, hasDown, edition: 1 };
    }
    return { ...this.added(version, pick % 8 < 6 ? used?.[1] : undefined), hasDown };
  }

  /** A contract: of what a rename left behind if there is such, or a lossy one. */
  private newContract(files: readonly File[], pick: number, version: string): File | undefined {
    const dropped = new Set(files.map(({ script }) => (script.kind === "drop" ? script.column : -1)));
    const left = inOrder(files).flatMap(({ script, version: since }): Script[] =>
      script.kind === "rename" && !dropped.has(script.from)
        ? [{ kind: "drop", field: script.field, column: script.from, lossy: false, since }]
        : [],
    );
    const uses = [...usesOf(files, this.newest(files))];
    const inUse = uses.flatMap(([field, column]): Script[] => {
      const only = !left.some((script) => script.kind !== "index" && script.field === field);
      return only ? [{ kind: "drop", field, column, lossy: true, since: version }] : [];
    });
    const script = at(pick % 4 === 0 || left.length === 0 ? inUse : left, Math.floor(pick / 4));
    return script === undefined ? undefined : { version, script, hasDown: pick % 7 !== 0, edition: 1 };
  }

  private plus(file: File | undefined): Commit {
    return file === undefined ? this.current : this.change({}, this.current, [...this.current.files, file]);
  }

  private shift(a: number): Commit {
    return this.change({ weight: at([0, 100, 100, 0, 10, 25, 50, 75], a) });
  }

  private release(a: number, b: number, c: number): Commit {
    const { files } = this.current;
    const schema = a % 3 === 0 ? (at(files, Math.floor(a / 3))?.version ?? "0000") : this.newest(files);
    const colour = b % 4 === 0 ? otherColour(this.idle) : this.idle;
    const given = this.give(colour, this.built(files, schema, 1 + (c % 2)));
    return c % 5 === 0 ? this.change({ weight: shareOf(colour, 100) }, given) : given;
  }

  private expand(a: number): Commit {
    return this.plus(this.newExpand(this.current.files, a));
  }

  private contract(a: number): Commit {
    return this.plus(this.newContract(this.current.files, a, this.after(this.current.files)));
  }

  /** One commit with everything: migrations, a release built against them, and the shift to it. */
  private ship(a: number, b: number): Commit {
    let { files } = this.current;
    const expand = this.newExpand(files, a);
    if (expand !== undefined) files = [...files, expand];
    const contract = b % 2 === 0 ? this.newContract(files, Math.floor(b / 2), this.after(files)) : undefined;
    if (contract !== undefined) files = [...files, contract];
    const colour = this.idle;
    const released = this.give(colour, this.built(files, this.newest(files), 1 + (a % 2)));
    return this.change({ weight: shareOf(colour, 100), migrateTo: "latest" }, released, files);
  }

  /** Back to one colour, the other retired or brought up to date. */
  private finish(a: number): Commit {
    const { weight, releases } = this.current.declared;
    const live = weight > 50 ? "green" : "blue";
    const other = otherColour(live);
    const settled = this.change({ weight: shareOf(live, 0) === 100 ? 0 : 100 });
    if (weight !== settled.declared.weight) return settled;
    return a % 2 === 0 ? this.give(other, null) : this.give(other, releases[live]);
  }

  private migrateTo(a: number, b: number): Commit {
    const known = inOrder(this.current.files).slice(-4);
    const version = a % 9 === 0 ? "0999" : (at(known, b)?.version ?? "latest");
    return this.change({ migrateTo: a % 3 === 0 && a % 9 !== 0 ? "latest" : version });
  }

  private retire(a: number, b: number): Commit {
    const colour = b % 4 === 0 ? otherColour(this.idle) : this.idle;
    const release = this.current.declared.releases[colour];
    const counts = [0, 0, 1, 3];
    return this.give(colour, release === null || a % 5 === 0 ? null : { ...release, count: at(counts, a) ?? 0 });
  }

  private revert(a: number): Commit {
    const back = a % 3 === 0 ? a : 1 + (a % 3);
    return this.history[Math.max(0, this.history.length - 1 - (back % this.history.length))] ?? this.current;
  }

  private files(a: number, b: number): Commit {
    const { files } = this.current;
    const sorted = inOrder(files);
    if (a % 3 === 0) {
      const before = at(sorted, b)?.version ?? "0002";
      const version = String(Number(before) - 1).padStart(4, "0");
      const taken = this.between.has(version) || Number(version) % 2 === 0;
      this.between.add(version);
      const older = sorted.filter((file) => Number(file.version) < Number(version));
      const inserted = taken ? undefined : this.newExpand(older, b, version);
      return inserted === undefined ? this.current : this.ifSound([...files, inserted]);
    }
    const chosen = at(sorted, b);
    const others = files.filter((file) => file !== chosen);
    if (a % 3 === 1 || chosen === undefined) return this.ifSound(others);
    const { script } = chosen;
    if (script.kind === "index") return this.ifSound([...others, { ...chosen, edition: chosen.edition + 1 }]);
    if (script.kind === "drop" || this.columns > 30) return this.current;
    const edited = { ...chosen, edition: chosen.edition + 1, script: { ...script, column: this.columns++ } };
    return this.ifSound([...others, edited]);
  }

  private ifSound(files: readonly File[]): Commit {
    return isSound(files) ? this.change({}, this.current, files) : this.current;
  }

  /**
   * Releases are built from the files beside them. No rule can tell from a release's `schema` that its files were
   * others, so whoever changes a file below it builds it anew; but not while the files themselves contradict what is
   * applied: then it is the rules' turn.
   */
  private rebuilt(commit: Commit): Commit {
    const anew = (release: Release | null): Release | null => {
      const build = release === null ? undefined : this.builds.get(release.version);
      if (release === null || build === undefined) return release;
      const now = filesBelow(commit.files, release.schema);
      const same = now.length === build.files.length && now.every((file) => build.files.includes(file));
      if (same || this.contradictsApplied(now)) return release;
      return this.built(commit.files, release.schema, release.count, release.database);
    };
    const { blue, green } = commit.declared.releases;
    return this.change({ releases: { blue: anew(blue), green: anew(green) } }, commit);
  }

  /** Was one of these files edited after it was applied, or does one sort before what is applied? */
  private contradictsApplied(files: readonly File[]): boolean {
    const applied = this.applied();
    const newest = Math.max(0, ...applied.map(({ version }) => Number(version)));
    return files.some((file) => {
      const recorded = applied.find(({ version }) => version === file.version);
      return recorded === undefined ? Number(file.version) < newest : recorded !== file;
    });
  }

  private rewire(a: number, b: number): Commit {
    const { wiring } = this.current.declared;
    const name = `${a % 3}`;
    const replaced =
      b % 2 === 0
        ? { ...wiring, listener: `l${name}` }
        : { ...wiring, targets: { blue: `b${name}`, green: `g${name}` } };
    const rewired = this.change({ wiring: replaced });
    if (a % 4 === 0) return rewired;
    if (a % 4 === 1) return this.change({ weight: at([0, 100, 50], b) }, rewired);
    const { files } = this.current;
    const ahead = this.give(this.idle, this.built(files, this.newest(files), 1), rewired);
    return a % 4 === 2 ? ahead : this.change({ weight: shareOf(this.idle, 100) }, ahead);
  }

  /** A release on another database, and traffic for it. */
  private move(a: number, b: number): Commit {
    const { files } = this.current;
    const moved = this.give(this.idle, this.built(files, "0002", 1, a % 3 === 0 ? "main" : "other"));
    return b % 2 === 0 ? this.change({ weight: at([shareOf(this.idle, 100), 50], b) }, moved) : moved;
  }

  /** Does what the refusals of the last commit offer, at one's own risk. */
  private accept(): Commit {
    if (this.refused === undefined) return this.change({ overrides: { ...NO_OVERRIDES, breakIdle: this.versions() } });
    const { commit, violations } = this.refused;
    const offered = violations.flatMap(({ override }) => override?.key ?? []);
    const named = (key: string): string[] =>
      offered.filter((one) => one.startsWith(`${key}:`)).map((one) => /"(.*)"/.exec(one)?.[1] ?? "");
    // An edit that changes what the file does is not one to accept.
    const same = (version: string): boolean =>
      commit.files.some((file) => file.version === version && file.script.kind === "index");
    const overrides: Overrides = {
      rolling: offered.includes("rolling: true"),
      acceptLoss: named("acceptLoss"),
      acceptEdited: named("acceptEdited").filter(same),
      breakIdle: [],
      cutOver: offered.includes("cutOver: true"),
      restore: offered.includes("restore.from") ? "backup" : undefined,
    };
    return this.change({ overrides }, commit);
  }

  private versions(): string[] {
    return this.current.files.map(({ version }) => version);
  }

  private bake(a: number, b: number): Commit {
    const bakes: Partial<BakePlan>[] = [
      { expectedRequestsPerSecond: 1 },
      { expectedRequestsPerSecond: undefined },
      { minRequests: 100_000, onInsufficient: "advance" },
      { steps: [1, 5, 100], minRequests: 20_000 },
      {},
    ];
    const bake = { ...BAKE, ...at(bakes, a) };
    return this.change({ bake, weight: at([0, 100, 50], b) });
  }

  private target(): Commit {
    return this.current;
  }

  private retry(): Commit {
    return this.refused?.commit ?? this.history.at(-1) ?? this.current;
  }
}
