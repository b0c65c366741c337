/**
 * `npm run soak -- [options]`: 100,000 operations through HTTP, queue, two consumers and KV while faults happen and
 * searches run. Prints a table, writes a JSON file, exits 1 when anything was lost, doubled, half-seen or wrong, or when
 * memory grew.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeCommit, describeMachine } from "../bench/machine.ts";
import { buildIfStale } from "../support/local-stack.ts";
import { formatReport, isClean } from "./report.ts";
import { runSoak } from "./soak.ts";

const USAGE = `npm run soak -- [options]

  --operations N    60 % inserts, 20 % updates, 20 % deletions (100000)
  --seed N          decides operations and faults, though not their timing (random)
  --max-seconds N   no new operations after this (none)
  --out FILE        (test/bench/results/soak.json)`;

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "100000" },
    seed: { type: "string" },
    "max-seconds": { type: "string" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) console.log(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  buildIfStale();
  const machine = describeMachine();
  const maxSeconds = values["max-seconds"];
  const report = await runSoak({
    operations: Number(values.operations),
    seed: Number(values.seed ?? Math.floor(Math.random() * 1e6)),
    ...(maxSeconds === undefined ? {} : { maxSeconds: Number(maxSeconds) }),
    onProgress: (line) => console.error(line),
  });
  console.log(`\n${formatReport(report)}`);
  const results = fileURLToPath(new URL("../../test/bench/results/soak.json", import.meta.url));
  const out = resolve(values.out ?? results);
  mkdirSync(dirname(out), { recursive: true });
  const command = ["npm run soak --", ...process.argv.slice(2)].join(" ");
  const record = { command, commit: describeCommit(), machine, ...report };
  writeFileSync(out, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`written: ${out}`);
  return isClean(report) ? 0 : 1;
}
