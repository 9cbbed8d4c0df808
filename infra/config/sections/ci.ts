import { section } from "../key";
import { text } from "../kinds";
import type { Arn } from "./domain";

declare const kind: unique symbol;
/** A repository on GitHub as its tokens name it: owner/name, or owner@id/name@id where GitHub puts the ids beside the names. */
export type Repository = string & { readonly [kind]: "repository" };
/** The name of a branch, or of an environment of GitHub. */
export type CiName = string & { readonly [kind]: "ci name" };
/** The name of a bucket of S3. */
export type BucketName = string & { readonly [kind]: "bucket name" };

/** Which pipeline may preview and deploy a stack on AWS (docs/ci.md). */
export interface CiSettings {
  /** The repository whose pipelines take on the roles, as their tokens name it. Default: none, and no role is made. */
  readonly github?: Repository | undefined;
  /** The branch that is deployed from. Default: main. */
  readonly branch: CiName;
  /** The environment whose jobs deploy. Default: the name of the stack. */
  readonly environment?: CiName | undefined;
  /** The identity provider of the account. Default: token.actions.githubusercontent.com of this account. */
  readonly oidcProvider?: Arn | undefined;
  /** The bucket that state is in. Default: none, as with Pulumi Cloud. */
  readonly stateBucket?: BucketName | undefined;
  /** The key of KMS that secrets in state are encrypted with. Default: none, as with a passphrase. */
  readonly stateKey?: Arn | undefined;
}

/** No letter of it means anything to IAM or to GitHub: neither `*` nor `?`, `:` or a space. */
const plain = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const plainForm = "1 to 100 of A-Z, a-z, 0-9 and . _ -, starting with a letter or digit";

export const ciKeys = {
  ci: section(
    {
      github: text<Repository>(
        /^[A-Za-z0-9][A-Za-z0-9-]{0,38}(\/[A-Za-z0-9._-]{1,100}|@[0-9]{1,20}\/[A-Za-z0-9._-]{1,100}@[0-9]{1,20})$/,
        "repository",
        "owner/name of a repository on GitHub, or owner@id/name@id",
        {
          meaning: "Repository whose pipelines preview and deploy the stack; a role is made for each.",
          example: "example/pages",
          unset: "none, and no role is made",
        },
      ).optional(),
      branch: text<CiName>(plain, "branch", plainForm, {
        meaning: "Branch that is deployed from.",
        example: "main",
      }).default("main" as CiName),
      environment: text<CiName>(plain, "environment", plainForm, {
        meaning: "Environment of GitHub whose jobs deploy.",
        example: "production",
        unset: "the name of the stack",
      }).optional(),
      oidcProvider: text<Arn>(
        /^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider\/[a-z0-9.-]+(\/[A-Za-z0-9._-]+)*$/,
        "ARN",
        "the ARN of an identity provider in IAM",
        {
          meaning: "Identity provider that the pipeline's tokens come from.",
          example: "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com",
          unset: "token.actions.githubusercontent.com of the stack's account",
        },
      ).optional(),
      stateBucket: text<BucketName>(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "bucket", "the name of a bucket of S3", {
        meaning: "Bucket that the state of Pulumi is in.",
        example: "example-pulumi-state",
        unset: "none",
      }).optional(),
      stateKey: text<Arn>(
        /^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[A-Za-z0-9-]+$/,
        "ARN",
        "the ARN of a key of KMS",
        {
          meaning: "Key that secrets in state are encrypted with (`awskms://…`).",
          example: "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000",
          unset: "none",
        },
      ).optional(),
    },
    "Which pipeline may preview and deploy the stack; refused on any platform but aws.",
  ).prefault({}),
};
