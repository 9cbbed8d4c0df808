import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

// It comes with the SDK of Pulumi.
// eslint-disable-next-line @typescript-eslint/no-require-imports -- it has no types of its own
const { load } = require("js-yaml") as { load: (text: string) => Workflow };

interface Step {
  uses?: string;
  run?: string;
  with?: { script?: string };
}
interface Job {
  if?: string;
  environment?: string;
  permissions: Record<string, string>;
  concurrency: { "cancel-in-progress": boolean };
  steps: Step[];
}
interface Workflow {
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const read = (path: string) => readFileSync(join(__dirname, "../..", path), "utf8");
const workflow = load(read(".github/workflows/switchyard.yml"));
const jobs = Object.entries(workflow.jobs);

describe("the workflow for pipelines", () => {
  it("lets a pull request's job read, and an up's job run in an environment that somebody approves", () => {
    assert.deepEqual(workflow.permissions, {});
    for (const [name, { environment, steps, permissions }] of jobs) {
      const runs = steps.flatMap(({ run }) => run ?? []).join("\n");
      const goesUp = /pulumi (up|destroy)/.test(runs);
      assert.equal(environment, goesUp ? name : undefined);
      assert.equal(permissions.contents, "read");
      assert.deepEqual(Object.keys(permissions).sort(), ["contents", "id-token", ...(goesUp ? [] : ["pull-requests"])]);
    }
  });

  it("gives no credentials to the code of a fork", () => {
    assert.match(workflow.jobs.preview?.if ?? "", /head\.repo\.full_name == github\.repository/);
  });

  it("breaks off no up for the next one", () => {
    for (const [name, { concurrency }] of jobs) assert.equal(concurrency["cancel-in-progress"], name === "preview");
  });

  it("puts nothing that others write into a script", () => {
    for (const [, { steps }] of jobs)
      for (const step of steps) assert.doesNotMatch(`${step.run ?? ""}${step.with?.script ?? ""}`, /\$\{\{/);
  });

  it("has its variables explained in docs/ci.md", () => {
    const asked = [...read(".github/workflows/switchyard.yml").matchAll(/(?:vars|secrets)\.(\w+)/g)];
    const doc = read("docs/ci.md");
    for (const [, name = ""] of asked) assert.ok(doc.includes(`\`${name}\``), `docs/ci.md does not explain ${name}`);
  });
});
