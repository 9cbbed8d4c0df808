/** How long a blocked network may hold us up: an answer takes well under a second where there is a way out. */
const patienceMs = 15_000;

let answer: Promise<string | undefined> | undefined;

/** Why Pulumi's downloads can't be had, or undefined when they can. Asked once a run. */
export function whyUnreachable(): Promise<string | undefined> {
  answer ??= probe("https://get.pulumi.com/install.sh");
  return answer;
}

async function probe(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(patienceMs) });
    return response.ok ? undefined : `${url} answered HTTP ${response.status}`;
  } catch (error) {
    const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
    if (name === "TimeoutError") return `${url} did not answer within ${patienceMs / 1000} s`;
    return `${url} can't be reached (${cause?.code ?? cause?.message ?? message})`;
  }
}
