// The process of a dynamic provider, for tests that end it or its engine: `node walker.ts <engine's address>`, with the
// old state and the new inputs as JSON on stdin. Prints what the engine would be told.

import { text } from "node:stream/consumers";
import { inEnginesForm } from "../../infra/providers/engine-form";
import { provider } from "../../infra/providers/traffic-advance/provider";

async function main(): Promise<void> {
  const { olds, news } = JSON.parse(await text(process.stdin)) as { olds: object; news: object };
  const engineSide = inEnginesForm(provider);
  try {
    const { outs } = (await engineSide.update("advance", olds, news)) as { outs: object };
    console.log(JSON.stringify({ outs }));
  } catch (error) {
    const { message, properties } = error as Error & { properties?: object };
    console.log(JSON.stringify({ message, ...(properties && { properties }) }));
  }
}

void main();
