import type * as pulumi from "@pulumi/pulumi";

/** The inputs of a provider as the program gives them: each may be an output of another resource. */
export type InputsOf<I extends object> = { [K in keyof I]: pulumi.Input<I[K]> };
