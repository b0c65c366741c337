#!/usr/bin/env node
/** `lzero`: registers the commands, runs one, and turns what goes wrong into one message and an exit code. */
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { describeError } from "./command-error.ts";
import { register as registerCollect } from "./commands/collect.ts";
import { register as registerCompare } from "./commands/compare.ts";
import { register as registerConsume } from "./commands/consume.ts";
import { register as registerDev } from "./commands/dev.ts";
import { register as registerDlq } from "./commands/dlq.ts";
import { register as registerEncode } from "./commands/encode.ts";
import { register as registerEval } from "./commands/eval.ts";
import { register as registerGenerations } from "./commands/generations.ts";
import { register as registerIdf } from "./commands/idf.ts";
import { register as registerIngest } from "./commands/ingest.ts";
import { register as registerInspect } from "./commands/inspect.ts";
import { register as registerMerge } from "./commands/merge.ts";
import { register as registerModel } from "./commands/model.ts";
import { register as registerQueue } from "./commands/queue.ts";
import { register as registerRollback } from "./commands/rollback.ts";
import { register as registerSearch } from "./commands/search.ts";
import { register as registerVerify } from "./commands/verify.ts";
import { endWithSupervisor } from "./dev/ipc.ts";

const EXAMPLES = `
Examples:
  npx lzero dev                                     the whole system on this machine
  npx lzero search "fear of spiders" --index demo
  npx lzero ingest papers.jsonl.gz --index papers
  echo '{"text":"fear of spiders"}' | npx lzero encode --queries -

Errors say what to do; LZERO_DEBUG=1 adds where they come from.`;

endWithSupervisor();
// The AWS SDK would say at every start that it leaves Node 20 in 2027; that is for this package to act on.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
const program = new Command("lzero")
  .description("Neural search at the edge without neural inference at query time.")
  .showHelpAfterError("(--help shows the options)")
  .addHelpText("after", EXAMPLES);
registerDev(program, fileURLToPath(import.meta.url));
registerConsume(program);
registerIngest(program);
registerSearch(program);
registerEncode(program);
registerEval(program);
registerCompare(program);
registerModel(program);
registerIdf(program);
registerInspect(program);
registerVerify(program);
registerGenerations(program);
registerRollback(program);
registerMerge(program);
registerCollect(program);
registerQueue(program);
registerDlq(program);

// A reader that closes its end (`lzero encode … | head`) has seen enough: no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
try {
  await program.parseAsync();
} catch (error) {
  console.error(`lzero: ${describeError(error)}`);
  process.exitCode = 1;
}
