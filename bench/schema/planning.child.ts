/** Plans the files of a folder twice, and prints how long it took: once cold, with the parser's loading, and once warm. */
import { analyseMigrations, planMigrations, readFolder } from "../../infra/schema";
import type { PlanningTimes } from "./planning";

const folder = process.argv[2] ?? "";

function round(): { wall: number; cpu: number } {
  const cpu = process.threadCpuUsage();
  const began = performance.now();
  const { migrations, problems } = readFolder(folder);
  const found = [...problems, ...analyseMigrations(migrations, { applied: [] })];
  const plan = planMigrations({ files: migrations, applied: [] });
  const wall = performance.now() - began;
  if (found.length > 0 || plan.widening.length !== migrations.length) throw new Error("the files have problems");
  const { user, system } = process.threadCpuUsage(cpu);
  return { wall, cpu: (user + system) / 1_000 };
}

const rounds = [round(), round()];
const times: PlanningTimes = { wall: rounds.map(({ wall }) => wall), cpu: rounds.map(({ cpu }) => cpu) };
console.log(JSON.stringify(times));
