import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { howToConfirm } from "../../infra/rollout/confirm";

// It comes with the SDK of Pulumi.
// eslint-disable-next-line @typescript-eslint/no-require-imports -- it has no types of its own
const { load } = require("js-yaml") as { load: (text: string) => Workflow };

interface Step {
  id?: string;
  name?: string;
  uses?: string;
  run?: string;
  env?: Record<string, string>;
  with?: { script?: string; "role-to-assume"?: string; "role-duration-seconds"?: number };
}
interface Job {
  if?: string;
  environment?: string;
  needs?: string;
  outputs?: Record<string, string>;
  "timeout-minutes": number;
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
      const goesUp = /npx pulumi (up|destroy)/.test(runs);
      assert.equal(environment, goesUp ? name : undefined);
      assert.equal(permissions.contents, "read");
      const comments = steps.some(({ uses = "" }) => uses.startsWith("actions/github-script@"));
      assert.deepEqual(Object.keys(permissions).sort(), [
        "contents",
        "id-token",
        ...(comments ? ["pull-requests"] : []),
      ]);
      assert.ok(!(goesUp && comments));
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

  it("takes the previewer's role where it previews, and the environment's own for six hours where it runs an up", () => {
    for (const [name, { steps, environment, ...job }] of jobs) {
      const taken = steps.find(({ uses = "" }) => uses.startsWith("aws-actions/configure-aws-credentials@"))?.with;
      const role = taken?.["role-to-assume"] ?? "";
      if (environment === undefined) {
        assert.match(role, /^\$\{\{ (vars\.SWITCHYARD_PREVIEW_ROLE_\w+|matrix\.role) \}\}$/, name);
        assert.equal(taken?.["role-duration-seconds"], undefined);
      } else {
        assert.equal(role, "${{ vars.SWITCHYARD_ROLE }}", name);
        assert.equal(taken?.["role-duration-seconds"], 21_600);
        assert.ok(job["timeout-minutes"] * 60 < 21_600, "credentials end before the job does");
      }
    }
  });

  it("runs production's up with the digest of the preview that was approved, and with no other", () => {
    const { plan, production } = workflow.jobs;
    assert.equal(production?.needs, "plan");
    assert.equal(plan?.environment, undefined, "what is to be approved must not wait for the approval");
    assert.equal(plan?.outputs?.digest, "${{ steps.digest.outputs.digest }}");
    const up = production.steps.find(({ run = "" }) => /npx pulumi up/.test(run));
    assert.deepEqual(up?.env, { SWITCHYARD_CONFIRM: "${{ needs.plan.outputs.digest }}" });
  });
});

/** As `pulumi preview` prints what the plan tells. */
const planOf = (digest: string): string =>
  ["Diagnostics:", "  …RolloutPlan (rollout-plan):", `    this change has the digest ${digest}:`, "      greenWeight from 0 to 100", `    it begins with: ${howToConfirm(digest)}`, ""].join("\n"); // prettier-ignore

describe("the scripts of the workflow", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "switchyard-ci-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const step = (job: string, found: (step: Step) => boolean): Step => {
    const [first] = workflow.jobs[job]?.steps.filter(found) ?? [];
    assert.ok(first !== undefined);
    return first;
  };

  it("hand on the digest of the plan, and an empty one where nothing asks for it; both with the plan to read", () => {
    const { run = "" } = step("plan", ({ id }) => id === "digest");
    for (const [plan, digest, shown] of [
      [planOf("0123456789abcdef"), "0123456789abcdef", "0123456789abcdef"],
      ["Resources:\n    90 unchanged\n", "", "none"],
    ] as const) {
      writeFileSync(join(folder, "plan.txt"), plan);
      const files = { GITHUB_OUTPUT: join(folder, "output"), GITHUB_STEP_SUMMARY: join(folder, "summary") };
      for (const file of Object.values(files)) writeFileSync(file, "");
      execFileSync("bash", ["-e", "-c", run], { cwd: folder, env: { ...process.env, ...files } });
      assert.equal(readFileSync(files.GITHUB_OUTPUT, "utf8"), `digest=${digest}\n`);
      const summary = readFileSync(files.GITHUB_STEP_SUMMARY, "utf8");
      assert.ok(summary.startsWith(`production: digest ${shown}\n`));
      for (const line of plan.trimEnd().split("\n")) assert.ok(summary.includes(`    ${line}`), summary);
    }
  });

  it("comment the plan with its digest, and change the comment of before", async () => {
    const { script = "" } = step("preview", (each) => each.with?.script !== undefined).with ?? {};
    const said: unknown[] = [];
    const own = { id: 7, user: { type: "Bot" }, body: "<!-- switchyard production -->\nold" };
    const someones = { id: 6, user: { type: "User" }, body: "<!-- switchyard production -->\nmine" };
    const call = (name: string) => (what: { body: string }) => Promise.resolve(said.push([name, what]));
    const issues = { listComments: {}, updateComment: call("update"), createComment: call("create") };
    const run = async (comments: unknown[], plan: string) => {
      const github = { rest: { issues }, paginate: () => Promise.resolve(comments) };
      const context = { repo: { owner: "o", repo: "r" }, issue: { number: 3 } };
      const fake = { "node:fs": { readFileSync: () => plan } };
      const modules = (name: keyof typeof fake) => fake[name];
      const env = { env: { STACK: "production", OUTCOME: "success" } };
      // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- as the action does
      await new Function("github", "context", "require", "process", `return (async () => {${script}})()`)(github, context, modules, env); // prettier-ignore
    };
    await run([someones, own], planOf("0123456789abcdef"));
    await run([someones], "```\nResources:\n    90 unchanged\n");
    const [first, second] = said as [string, { body: string; comment_id?: number; issue_number?: number }][];
    assert.deepEqual([first?.[0], first?.[1].comment_id], ["update", 7]);
    assert.match(first?.[1].body ?? "", /^<!-- switchyard production -->\n\*\*production\*\*: what `pulumi up` would do, digest `0123456789abcdef`\n/); // prettier-ignore
    assert.deepEqual([second?.[0], second?.[1].issue_number], ["create", 3]);
    assert.doesNotMatch(second?.[1].body ?? "", /digest/);
    assert.match(second?.[1].body ?? "", /^````text$/m);
  });
});
