import { callAws, type Answer, type Caller } from "../lambda/call";

/**
 * The password in a secret whose text is JSON.
 * @param endpoint where Secrets Manager is
 * @throws with the secret's ARN and what AWS said; never with what is in it
 */
export async function passwordIn(secretId: string, endpoint: string, caller: Caller): Promise<string> {
  const failed = (why: string, cause?: unknown) => new Error(`can't read the secret ${secretId}: ${why}`, { cause });
  let answered: Answer;
  try {
    answered = await callAws(
      {
        ...{ service: "secretsmanager", endpoint, body: JSON.stringify({ SecretId: secretId }) },
        headers: {
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "secretsmanager.GetSecretValue",
        },
      },
      caller,
    );
  } catch (cause) {
    throw failed((cause as Error).message, cause);
  }
  if (!answered.ok) throw failed(`${answered.status} ${answered.text.slice(0, 300)}`);
  return passwordOf(answered.text) ?? raise(failed("expected JSON with a password in it"));
}

function passwordOf(answer: string): string | undefined {
  try {
    const { SecretString = "{}" } = JSON.parse(answer) as { SecretString?: string };
    const { password } = JSON.parse(SecretString) as { password?: unknown };
    return typeof password === "string" ? password : undefined;
  } catch {
    // An error of JSON.parse quotes what it read.
    return undefined;
  }
}

function raise(error: Error): never {
  throw error;
}
