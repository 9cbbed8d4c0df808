import { COLOURS, isRunning, nameOf, otherColour, sameRelease, shareOf } from "../../../../infra/rollout/names";
import { remember, type Decision } from "../../../../infra/rollout/rules";
import { stagesOf, stepsTo } from "../../../../infra/rollout/schema-steps";
import { settle } from "../../../../infra/rollout/settle";
import { classifyShift, stepsOf, walk, type Memory } from "../../../../infra/rollout/shift";
import {
  STEPS,
  type Attempt,
  type Colour,
  type Declared,
  type Facts,
  type Release,
  type SchemaStep,
  type State,
  type Step,
} from "../../../../infra/rollout/types";
import { Database } from "./database";
import { isSound, summaryOf, type Build, type File } from "./files";

/** A team's repository at one commit: stack config and migration files. */
export interface Commit {
  readonly declared: Declared;
  readonly files: readonly File[];
}

/** Where an `up` breaks: before its n-th action, by an error that it handles or by `kill -9`. */
export interface Fault {
  readonly at: number;
  readonly kind: "error" | "kill";
  /** Had the statement that was interrupted been done? */
  readonly done: boolean;
}

/** The plan under test, whole or with a part taken out. */
export type Judge = (memory: Memory, declared: Declared) => Decision;

/** What must never happen. Thrown by the world, whose own facts decide it; no rule is asked. */
export class Broken extends Error {
  override readonly name = "Broken";
}

class Interrupted extends Error {
  constructor(readonly kind: Fault["kind"]) {
    super(`interrupted by ${kind}`);
  }
}

class Stopped extends Error {}

export interface Outcome {
  readonly decision: Decision;
  readonly finished: boolean;
}

/**
 * A small executable world: traffic, running releases, one schema with its data. It does what an `up` does, in the
 * order of the design, and looks at itself after every action.
 */
export class World {
  private memory: Memory = { settled: undefined, attempts: [] };
  private weight: number | null = null;
  private running: Record<Colour, Release | null> = { blue: null, green: null };
  private applied: File[] = [];
  private half: { file: File; direction: "up" | "down" } | undefined;
  private scars: File[] = [];
  private wiring: Facts["wiring"] | undefined;
  /** The highest share at which a release was watched, by its name: users never meet one that was not. */
  private readonly watched = new Map<string, number>();
  private walking: Colour | undefined;
  /** Something went around the plan; what is wrong because of it is no accepted `up`'s doing, until one builds on it. */
  private targeted = false;
  private actions = 0;
  private ups = 0;

  constructor(
    private readonly builds: ReadonlyMap<string, Build>,
    private readonly plan: Judge,
    private readonly database = new Database(),
  ) {}

  /**
   * Judges a commit and, if it is not refused, runs it.
   * @throws Broken when an accepted `up` does what must never happen.
   */
  up(commit: Commit, fault: Fault | undefined): Outcome {
    const { declared } = commit;
    const decision = this.plan(this.memory, declared);
    if (decision.refused.length > 0) return { decision, finished: false };
    this.ups += 1;
    const attempts = remember(this.memory, declared, decision, `up${this.ups}`);
    const attempt = attempts.at(-1);
    if (attempt === undefined) throw new Error("the plan remembers no attempt");
    const before: Memory = { settled: this.memory.settled, attempts: attempts.slice(0, -1) };
    this.memory = { settled: this.memory.settled, attempts };
    this.actions = 0;
    this.walking = undefined;
    try {
      this.run(commit, decision, before, fault);
    } catch (error) {
      if (error instanceof Broken) throw error;
      this.walking = undefined;
      const asked = error instanceof Interrupted || error instanceof Stopped || !isSound(commit.files);
      if (!asked) throw new Broken(`an accepted up without a fault failed: ${String(error)}`);
      if (error instanceof Interrupted && error.kind === "kill") this.trustWhatIsThere();
      else this.look();
      return { decision, finished: false };
    }
    if (this.weight !== declared.weight) throw new Broken(`finished at ${String(this.weight)}, not ${declared.weight}`);
    this.memory = { settled: settle(before, attempt, this.facts(declared)), attempts };
    return { decision, finished: true };
  }

  /** What the plan says of a commit, as `up` would ask it, with nothing done. */
  judge({ declared }: Commit): Decision {
    return this.plan(this.memory, declared);
  }

  /** The files that the database knows: applied, or begun. */
  get begun(): readonly File[] {
    return [...this.applied, ...(this.half === undefined ? [] : [this.half.file])];
  }

  get settled(): Memory["settled"] {
    return this.memory.settled;
  }

  get attempts(): readonly Attempt[] {
    return this.memory.attempts;
  }

  /** `up --target`: changes something real, and so `settled`, without asking the plan. */
  target(change: { weight?: number; releases?: Partial<Record<Colour, Release | null>>; next?: File }): void {
    const { settled } = this.memory;
    if (settled === undefined) return;
    this.targeted = true;
    if (change.weight !== undefined) this.weight = change.weight;
    this.running = { ...this.running, ...change.releases };
    if (change.next !== undefined) {
      this.database.up(change.next);
      this.applied.push(change.next);
    }
    const { weight, releases, applied } = this.facts({ wiring: settled.wiring });
    this.memory = { ...this.memory, settled: { ...settled, weight, releases, applied } };
  }

  private run({ declared, files }: Commit, decision: Decision, before: Memory, fault: Fault | undefined): void {
    const start = (step: Step): void => {
      const { stopsBefore } = decision;
      if (stopsBefore !== undefined && STEPS.indexOf(step) >= STEPS.indexOf(stopsBefore)) throw new Stopped(step);
    };
    this.look();
    this.forgive(declared, files);
    this.act(fault);
    start("return");
    if (this.weight !== null && classifyShift(this.weight, before, declared).kind === "return") {
      this.setWeight(declared.weight);
    }
    this.act(fault);
    start("platform");
    this.targeted = false;
    this.changeWiring(declared);
    this.act(fault);
    start("widen");
    this.checkTarget(declared, files);
    if (declared.overrides.restore !== undefined) {
      this.database.restore();
      this.scars = [];
    }
    const stages = stagesOf(stepsTo(declared, this.state(declared)), decision.schema);
    for (const step of stages.widen) this.migrate(step, files, declared, fault);
    start("colours");
    for (const colour of this.ups % 2 === 0 ? COLOURS : [...COLOURS].reverse()) {
      this.act(fault);
      this.replace(colour, declared);
    }
    this.act(fault);
    start("advance");
    this.advance(declared, fault);
    start("narrow");
    for (const step of stages.narrow) this.migrate(step, files, declared, fault);
    this.act(fault);
  }

  private act(fault: Fault | undefined): void {
    this.actions += 1;
    if (fault?.at === this.actions) throw new Interrupted(fault.kind);
  }

  private advance(declared: Declared, fault: Fault | undefined): void {
    const from = this.weight;
    if (from === null) {
      // The first deployment: nobody was served before.
      this.weight = declared.weight;
      this.trustWhatIsThere();
      this.look();
      return;
    }
    if (from === declared.weight) return;
    const gaining: Colour = declared.weight > from ? "green" : "blue";
    if (declared.overrides.cutOver) this.cutOver(gaining, declared);
    try {
      for (const weight of walk(from, declared.weight, stepsOf(declared))) {
        this.walking = gaining;
        this.setWeight(weight);
        this.bake(gaining, declared);
        this.act(fault);
      }
    } catch (error) {
      const left = error instanceof Interrupted && error.kind === "kill";
      if (!left) {
        if (declared.overrides.cutOver) this.cutOver(otherColour(gaining), declared);
        this.weight = from;
      }
      throw error;
    } finally {
      this.walking = undefined;
    }
  }

  private bake(gaining: Colour, { bake }: Declared): void {
    const share = shareOf(gaining, this.weight ?? 0);
    const requests = ((bake.expectedRequestsPerSecond ?? Infinity) * share * bake.maxBake) / 100_000;
    if (requests < bake.minRequests && bake.onInsufficient === "return") throw new Error("a bake was insufficient");
    this.watch(this.running[gaining], share);
  }

  private cutOver(gaining: Colour, { releases }: Declared): void {
    const database = releases[gaining]?.database;
    if (database !== undefined && database !== releases[otherColour(gaining)]?.database)
      this.database.catchUp(database);
  }

  private replace(colour: Colour, { releases, overrides }: Declared): void {
    const before = this.running[colour];
    const after = releases[colour];
    this.running = { ...this.running, [colour]: after };
    if (isRunning(after) && (!sameRelease(before, after) || (before?.count ?? 0) < after.count)) this.start(after);
    // Asked for: users meet it without a walk.
    if (overrides.rolling && !sameRelease(before, releases[colour])) this.watch(releases[colour], 100);
    this.look();
  }

  /** Copies say that they are ready once they find their schema; an `up` waits for that, and fails when it never comes. */
  private start({ version }: Release): void {
    const build = this.builds.get(version);
    const problem = build === undefined ? "it was never built" : this.database.missingFor(build);
    if (problem !== undefined) throw new Error(`release ${version} never gets ready: ${problem}`);
  }

  private changeWiring({ wiring, weight, releases }: Declared): void {
    const before = this.wiring;
    this.wiring = wiring;
    if (before === undefined || this.weight === null) return;
    // What replaces a target group is filled, and what replaces a listener is created, as declared.
    for (const colour of COLOURS) {
      if (before.targets[colour] !== wiring.targets[colour])
        this.running = { ...this.running, [colour]: releases[colour] };
    }
    if (before.listener !== wiring.listener) this.weight = weight;
    this.look();
  }

  private checkTarget({ migrateTo }: Declared, files: readonly File[]): void {
    const known = [...files, ...this.applied].some(({ version }) => Number(version) === Number(migrateTo));
    if (migrateTo !== "latest" && Number(migrateTo) !== 0 && !known) throw new Error(`no migration ${migrateTo}`);
  }

  private migrate(step: SchemaStep, files: readonly File[], declared: Declared, fault: Fault | undefined): void {
    const { version } = step.migration;
    const recorded = this.begun.find((file) => Number(file.version) === Number(version));
    const file = recorded ?? files.find((candidate) => Number(candidate.version) === Number(version));
    if (file === undefined) throw new Error(`no file for ${nameOf(step)}`);
    this.act(fault);
    this.applied = this.applied.filter((other) => other !== file);
    this.half = { file, direction: step.direction };
    if (fault?.at === this.actions + 1 && !fault.done) {
      this.database.breakOff(file, step.direction);
      this.act(fault);
    }
    if (step.direction === "up") this.database.up(file);
    else this.takeBack(file, declared);
    this.look();
    this.act(fault);
    if (step.direction === "up") this.applied.push(file);
    else this.scar(file, declared);
    this.half = undefined;
  }

  private takeBack(file: File, { overrides }: Declared): void {
    const restored = overrides.restore !== undefined;
    if (!file.hasDown && !restored) throw new Error(`${file.version} has no down`);
    const destroyed = this.database.down(file);
    if (destroyed === undefined) return;
    if (!restored && !overrides.acceptLoss.includes(file.version)) {
      throw new Broken(`the down of ${file.version} destroyed field ${destroyed} of an acknowledged write`);
    }
    this.database.forgive([destroyed]);
  }

  private scar(file: File, { overrides }: Declared): void {
    const scarred = file.script.kind === "drop" && file.script.lossy && overrides.restore === undefined;
    this.scars = this.scars.filter((other) => other !== file);
    if (scarred) this.scars.push(file);
  }

  private forgive({ overrides }: Declared, files: readonly File[]): void {
    const accepted = [...files, ...this.applied, ...this.scars].filter(({ version }) =>
      overrides.acceptLoss.includes(version),
    );
    this.database.forgive(accepted.flatMap(({ script }) => (script.kind === "drop" ? [script.field] : [])));
  }

  private setWeight(weight: number): void {
    if (!Number.isInteger(weight) || weight < 0 || weight > 100) throw new Broken(`a weight of ${weight}`);
    this.weight = weight;
    this.look();
  }

  private watch(release: Release | null, share: number): void {
    if (release !== null) this.watched.set(release.version, Math.max(share, this.watched.get(release.version) ?? 0));
  }

  private trustWhatIsThere(): void {
    if (this.weight === null) return;
    for (const colour of COLOURS) this.watch(this.running[colour], shareOf(colour, this.weight));
  }

  /** Every colour with traffic serves: what it runs is there, watched, finds its columns, and every acknowledged write. */
  private look(): void {
    if (this.weight === null || this.targeted) return;
    const serving: Build[] = [];
    for (const colour of COLOURS) {
      const share = shareOf(colour, this.weight);
      if (share === 0) continue;
      const release = this.running[colour];
      if (!isRunning(release)) throw new Broken(`${colour} has ${share} % and nothing that runs`);
      const build = this.builds.get(release.version);
      if (build === undefined) throw new Error(`release ${release.version} was never built`);
      const problem = this.database.missingFor(build) ?? this.database.unreadableBy(build);
      if (problem !== undefined) throw new Broken(`${colour} (${release.version}) has ${share} %, but: ${problem}`);
      const seen = this.watched.get(release.version) ?? 0;
      if (share > seen && this.walking !== colour) {
        throw new Broken(`${colour} (${release.version}) has ${share} %, but was watched at ${seen} % at most`);
      }
      serving.push(build);
    }
    for (const build of serving) this.database.write(build);
  }

  private facts({ wiring }: Pick<Declared, "wiring">): Facts {
    const summaries = (files: readonly File[]): Facts["applied"] =>
      [...files].sort((a, b) => Number(a.version) - Number(b.version)).map(summaryOf);
    const { running, applied, scars } = this;
    const half = this.half === undefined ? null : summaryOf(this.half.file);
    return {
      weight: this.weight ?? 0,
      releases: running,
      applied: summaries(applied),
      half,
      scars: summaries(scars),
      wiring,
    };
  }

  private state(declared: Declared): State {
    return { ...this.facts(declared), weight: null };
  }
}
