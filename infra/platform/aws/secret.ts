import * as secretsmanager from "@pulumi/aws/secretsmanager";
import * as pulumi from "@pulumi/pulumi";
import { waive } from "./waive";

/** A secret that ECS hands to a copy, so that it is in no task definition. */
export class Secret extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  readonly #version: pulumi.Output<string>;

  constructor(
    name: string,
    args: {
      name: string;
      description: string;
      key: pulumi.Input<string>;
      values: pulumi.Input<Record<string, pulumi.Input<string>>>;
    },
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Secret", name, {}, options);
    const secret = new secretsmanager.Secret(
      name,
      // AWS adds six characters to the name in the ARN alone: a destroyed stack's name is taken for as long as this.
      { namePrefix: `${args.name}-`, description: args.description, kmsKeyId: args.key, recoveryWindowInDays: 7 },
      { parent: this },
    );
    waive(
      secret,
      ["SecretsManager.1", "SecretsManager.2", "SecretsManager.4", "CKV2_AWS_57"],
      "what is in it is the stack's: it changes with the role or the release, in one `up` with whoever uses it",
    );
    const version = new secretsmanager.SecretVersion(
      name,
      { secretId: secret.id, secretString: pulumi.secret(pulumi.jsonStringify(args.values)) },
      { parent: secret },
    );
    this.arn = secret.arn;
    this.#version = version.versionId;
    this.registerOutputs({});
  }

  /** One value as a container's secret names it. With the version in it, a new value is a new task definition. */
  valueFrom(key: string): pulumi.Output<string> {
    return pulumi.interpolate`${this.arn}:${key}::${this.#version}`;
  }
}
