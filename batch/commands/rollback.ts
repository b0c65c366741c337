/**
 * `lzero rollback`: makes an older generation current again, after saying what that hides. `lzero replay`: sends what
 * an older generation has, and the current one has not, through the queue again.
 */
import { randomBytes } from "node:crypto";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Command } from "commander";
import { countHidden } from "../operate/count-hidden.ts";
import { describeHidden, formatDocuments } from "../operate/format-history.ts";
import { replayDocuments } from "../operate/replay-documents.ts";
import { rollBack } from "../operate/roll-back.ts";
import { requireConfirm } from "../operate/terminal.ts";
import { describeQueueError } from "../queue/queue-errors.ts";
import { parseGeneration } from "./generations.ts";
import { addIndexOptions, HISTORY_PORTS, type HistoryPorts, type IndexOptions } from "./history-ports.ts";

export interface RollbackOptions extends IndexOptions {
  readonly to: number;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Undefined: ask. */
  readonly replay?: boolean;
}

const EXAMPLES = `
A rollback is a new generation with the segments of the older one. Documents that were written since are hidden, not
lost: until the generation that it replaced is collected, another rollback goes forward again, and a replay indexes
them anew. What was deleted since stays deleted. What is still in the queue is indexed afterwards as ever: stop the
consumers first when the queue holds what you roll back from.

Examples:
  lzero rollback --index demo --to 41 --dry-run      what it would hide
  lzero rollback --index demo --to 41                asks before it does anything
  lzero rollback --index demo --to 41 --yes --replay for scripts; then sends what it hid through the queue again`;

const REPLAY_EXAMPLES = `
Each document keeps its version, so that a newer one, or a deletion, is never overwritten. Needs SQS_QUEUE_URL,
SQS_DLQ_URL and AWS_REGION, and the variables of KV, unless a stack of this folder runs.

Examples:
  lzero replay --index demo --of 57        what generation 57 has and the current one has not`;

export function register(program: Command): void {
  addIndexOptions(program.command("rollback"))
    .summary("make an older generation current again")
    .description("Makes a new generation that restores the segments of an older one.")
    .requiredOption("--to <generation>", "the generation to restore", parseGeneration)
    .option("--yes", "do not ask")
    .option("--dry-run", "say what would be hidden and change nothing")
    .option("--replay", "send what is hidden through the queue again")
    .option("--no-replay", "do not offer that")
    .addHelpText("after", EXAMPLES)
    .action(async (options: RollbackOptions) => {
      process.exitCode = await runRollback(options, HISTORY_PORTS);
    });
  addIndexOptions(program.command("replay"))
    .summary("send documents of an older generation through the queue again")
    .description(
      "Sends the documents that an older generation has, and the current one has not, through the queue again.",
    )
    .requiredOption("--of <generation>", "the older generation", parseGeneration)
    .addHelpText("after", REPLAY_EXAMPLES)
    .action((options: IndexOptions & { of: number }) => runReplay(options.of, options, HISTORY_PORTS));
}

/** @returns the exit code. @throws LzeroError of the catalog; `confirmation_needed` */
export async function runRollback(options: RollbackOptions, ports: HistoryPorts): Promise<number> {
  const { to, index } = options;
  const { print } = ports;
  const catalog = await ports.openCatalog(options);
  if (options.dryRun) {
    const { generation } = await catalog.status();
    const hidden = await countHidden(catalog, generation, to);
    print(`Generation ${generation} is current. ${describeHidden(hidden, "will")}`);
    return 0;
  }
  const confirm = requireConfirm(options.yes === true, ports.confirm);
  const done = await rollBack(to, { catalog, print, confirm });
  if (done === null) {
    print("Nothing was changed.");
    return 1;
  }
  const hidden = done.hidden.older + done.hidden.gone;
  if (hidden === 0 || options.replay === false) return 0;
  const offer = `Send ${hidden === 1 ? "it" : "them"} through the queue again?`;
  const isWanted = options.replay === true || (confirm !== null && (await confirm(offer)));
  if (isWanted) await replay(done.replaced, done.generation, options, ports);
  else print(`\`lzero replay --index ${index} --of ${done.replaced}\` sends them through the queue again.`);
  return 0;
}

/** @throws LzeroError of the catalog, the store and the queue */
export async function runReplay(of: number, options: IndexOptions, ports: HistoryPorts): Promise<void> {
  const { generation } = await (await ports.openCatalog(options)).status();
  await replay(of, generation, options, ports);
}

async function replay(
  of: number,
  against: number,
  options: IndexOptions,
  ports: HistoryPorts,
): Promise<void> {
  const { index } = options;
  const { sqs, queueUrl } = await ports.openQueues(options);
  try {
    const sent = await replayDocuments(of, against, {
      index,
      catalog: await ports.openCatalog(options),
      store: await ports.openStore(options),
      send: async (body) => {
        try {
          await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));
        } catch (error) {
          throw describeQueueError(error, "sending to the queue");
        }
      },
      newIngestId: () => randomBytes(16).toString("hex"),
      now: ports.now,
    });
    ports.print(`${formatDocuments(sent)} of generation ${of} went through the queue again.`);
  } finally {
    sqs.destroy();
  }
}
