import type * as pulumi from "@pulumi/pulumi";

type Deep<T> = pulumi.Input<T extends object ? { [K in keyof T]: Deep<T[K]> } : T>;

/**
 * The inputs of a provider as the program gives them: each value, at any depth, may be an output of another resource.
 * A whole object that is an output is unknown at preview when any part of it is; its known parts then can't be judged.
 */
export type InputsOf<I extends object> = { [K in keyof I]: Deep<I[K]> };
