import * as pulumi from "@pulumi/pulumi";
import type { InputsOf } from "../inputs";
import { DynamicResource } from "../dynamic";

export interface PasswordsInputs {
  /** One password is made for each name, and kept as long as the name stays. */
  names: string[];
}

export interface PasswordsState extends PasswordsInputs {
  passwords: Record<string, string>;
}

/** Random passwords that only the stack's encrypted state keeps. */
export class Passwords extends DynamicResource {
  declare private readonly passwords: pulumi.Output<Record<string, string>>;

  constructor(name: string, inputs: InputsOf<PasswordsInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "Passwords",
      name,
      { ...inputs, passwords: undefined },
      { ...options, additionalSecretOutputs: ["passwords"] },
    );
  }

  /** The password of `name`, as a secret. */
  of(name: string): pulumi.Output<string> {
    return pulumi.secret(
      this.passwords.apply((passwords) => {
        const password = passwords[name];
        if (password === undefined) throw new Error(`no password was declared for ${name}`);
        return password;
      }),
    );
  }

  /** The passwords of several names. */
  each<K extends string>(names: readonly K[]): Record<K, pulumi.Output<string>> {
    return Object.fromEntries(names.map((name) => [name, this.of(name)])) as Record<K, pulumi.Output<string>>;
  }
}
