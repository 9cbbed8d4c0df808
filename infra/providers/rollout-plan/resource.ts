import * as pulumi from "@pulumi/pulumi";
import { howToConfirm, type ConfirmAsked, type ToConfirm } from "../../rollout/confirm";
import { messageOf, type Decision } from "../../rollout/rules";
import { STEPS, type Attempt, type Colour, type Declared, type Settled, type Step } from "../../rollout/types";
import type { InputsOf } from "../inputs";
import { DynamicResource } from "../dynamic";

export interface RolloutPlanInputs {
  declared: Declared;
  /** What the last `up` that finished left; left out before the first. */
  settled?: Settled;
  /** Left out where config asks for no confirmation. */
  confirm?: ConfirmAsked;
}

/** The rest follows from the inputs and from what was remembered, so `check` adds it: preview knows it too. */
export interface RolloutPlanState extends RolloutPlanInputs {
  /** Every `up` since the settled one, oldest first, this one last. */
  attempts: Attempt[];
  decision: Decision;
  /** What has to be confirmed; left out where nothing ever has. */
  change?: ToConfirm;
}

/** Judges the declared rollout from everything that may be true now; what is refused never begins. */
export class RolloutPlan extends DynamicResource {
  declare readonly declared: pulumi.Output<Declared>;
  declare readonly attempts: pulumi.Output<Attempt[]>;
  declare readonly decision: pulumi.Output<Decision>;
  declare readonly change: pulumi.Output<ToConfirm | undefined>;

  constructor(name: string, inputs: InputsOf<RolloutPlanInputs>, options?: pulumi.CustomResourceOptions) {
    super("RolloutPlan", name, { ...inputs, attempts: undefined, decision: undefined, change: undefined }, options);
  }

  /** Id of the attempt that this `up` is. */
  get attempt(): pulumi.Output<string> {
    return this.attempts.apply((attempts) => attempts.at(-1)?.id ?? "");
  }

  /** The colour that is about to gain traffic by an advance; "none" where none does. */
  get gaining(): pulumi.Output<Colour | "none"> {
    return pulumi.all([this.decision, this.declared]).apply(([{ gains }, { weight }]) => {
      const [first, second] = gains;
      // Where it isn't known from which side the weight comes, the colour that is to have the most of it.
      if (second !== undefined) return weight >= 50 ? "green" : "blue";
      return first ?? "none";
    });
  }

  /** What this `up` may do to the schema: steps that narrow and run early, and steps that wait. */
  get schema(): pulumi.Output<{ early: string[]; waits: string[] }> {
    return this.decision.apply(({ schema: { early, waits } }) => ({ early: [...early], waits: [...waits] }));
  }

  /** Why `step` must not begin in this `up`, one sentence each; empty where it may. */
  holdBefore(step: Step): pulumi.Output<string[]> {
    return this.decision.apply(({ held, stopsBefore }) =>
      stopsBefore !== undefined && STEPS.indexOf(stopsBefore) <= STEPS.indexOf(step) ? held.map(messageOf) : [],
    );
  }

  /** Tells the operator what is put off, what this `up` stops before, and which exceptions it makes; at preview too. */
  announce(): void {
    this.decision.apply(({ announced, held, stopsBefore, overrides }) => {
      for (const violation of announced) void pulumi.log.info(messageOf(violation), this);
      if (stopsBefore !== undefined)
        void pulumi.log.warn(
          [`traffic returns, and then this up stops before the step "${stopsBefore}":`, ...held.map(messageOf)].join(
            "\n",
          ),
          this,
        );
      for (const { key, found, risk } of overrides)
        void pulumi.log.warn(`${key} is in config, so this goes on, at the risk that ${risk}: ${found}`, this);
    });
  }

  /**
   * Tells whoever previews the digest of the change.
   * @param since id of what settled last: where nothing has begun since, the plan still has what it told before that.
   */
  announceChange(since: string): void {
    this.change.apply((change) => {
      if (change?.asks !== true || change.since !== since) return;
      const first = change.returns ? "the return of traffic goes without confirmation; what comes after it" : "it";
      const lines = change.lines.map((line) => `  ${line}`);
      const said = [`this change has the digest ${change.digest}:`, ...lines, `${first} begins with: ${howToConfirm(change.digest)}`]; // prettier-ignore
      void pulumi.log.info(said.join("\n"), this);
    });
  }
}
