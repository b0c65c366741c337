/** `lzero dlq list|show|replay`: what could not be indexed, why, and sending it again. */
import type { Command } from "commander";
import { DEFAULT_CATALOG_CONFIG } from "../../shared/catalog/config.ts";
import { LzeroError } from "../../shared/errors.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { formatCount, formatTable } from "../inspect/table.ts";
import { formatAge } from "../operate/format-history.ts";
import { DeadLetterBox, type DeadMessage } from "../queue/dead-letter-box.ts";
import { describeDocuments, formatMessage, reasonOf, toJson } from "../queue/format-dead.ts";
import { openQueues, type Queues } from "../queue/queue-target.ts";
import { replayDead, type StayReason } from "../queue/replay-dead.ts";
import { parseCount, parseIndexName } from "./dev.ts";

interface BoxOptions {
  readonly state: string;
  readonly index?: string;
  readonly code?: string;
  readonly limit: number;
  readonly json?: boolean;
}
export type DlqListOptions = BoxOptions;
export type DlqShowOptions = Pick<BoxOptions, "state" | "json">;
export interface DlqReplayOptions extends BoxOptions {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly maxAgeDays: number;
}

/** What the commands need from outside. */
export interface DlqPorts {
  readonly openQueues: (options: { readonly state: string }) => Promise<Queues>;
  readonly print: (text: string) => void;
  readonly now: () => number;
  /** Of one receive; default: long enough that an empty one means an empty queue. */
  readonly waitSeconds?: number;
}

const TERMINAL: DlqPorts = {
  openQueues: (options) => openQueues(options),
  print: (text) => console.log(text),
  now: Date.now,
};

const DAY_MS = 24 * 60 * 60_000;
const LIST_LIMIT = 100;
const REASON_WIDTH = 80;
/** So that a message is out of the queue again before the catalog forgets deletions that may concern it. */
const MAX_AGE_DAYS =
  (DEFAULT_CATALOG_CONFIG.deletionRetentionMs - DEFAULT_CATALOG_CONFIG.queueRetentionMs) / DAY_MS;

const QUEUES = `
The queues are those of SQS_QUEUE_URL, SQS_DLQ_URL and AWS_REGION, with AWS credentials as the AWS SDK finds them, else
those of this folder's stack.`;

const LIST_HELP = `
Looking is receiving: what is listed is hidden from others for a moment, and given back at the end.${QUEUES}

Examples:
  lzero dlq list
  lzero dlq list --index papers --code text_poisonous
  lzero dlq list --json | jq -r '.[].id'`;

const SHOW_HELP = `${QUEUES}

Examples:
  lzero dlq show 5f0c1a52          by the beginning of a message id
  lzero dlq show paper-17 --json   by a document's id, with its whole text`;

const REPLAY_HELP = `
Every document keeps its version and its condition: nothing newer is overwritten, and what was deleted since stays
deleted. A message leaves the dead-letter queue only once the queue has it. What is indexed then is \`indexed\` in its
ingest too; what fails again comes back with its new reason. Messages that cannot be read stay, and so do those that
were accepted more than --max-age-days ago: the catalog forgets deletions after ${DEFAULT_CATALOG_CONFIG.deletionRetentionMs / DAY_MS} days.${QUEUES}

Examples:
  lzero dlq replay --all --dry-run
  lzero dlq replay --all --index papers
  lzero dlq replay --all --code encoder_crashed --limit 50
  lzero dlq replay 5f0c1a52 paper-17`;

export function register(program: Command): void {
  const dlq = program
    .command("dlq")
    .summary("what could not be indexed, and why")
    .description("The dead-letter queue: documents that could not be indexed, each with its reason.");
  const filters = (command: Command, limit: number) =>
    command
      .option("--index <name>", "only documents of this index", parseIndexName)
      .option("--code <code>", "only those with this reason")
      .option("--limit <n>", "messages at most", parseCount, limit)
      .option("--json", "print JSON")
      .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER);
  filters(dlq.command("list"), LIST_LIMIT)
    .summary("list them")
    .description("Lists what could not be indexed, with the reason.")
    .addHelpText("after", LIST_HELP)
    .action((options: DlqListOptions) => runDlqList(options, TERMINAL));
  dlq
    .command("show")
    .summary("one of them")
    .description("Shows a message with its documents and everything that is known of why it is here.")
    .argument("<id>", "a document's id, or a message's or the beginning of it")
    .option("--json", "print JSON, texts whole")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", SHOW_HELP)
    .action((id: string, options: DlqShowOptions) => runDlqShow(id, options, TERMINAL));
  filters(dlq.command("replay"), Number.MAX_SAFE_INTEGER)
    .summary("send them through the queue again")
    .description("Sends messages through the queue again and takes them out of the dead-letter queue.")
    .argument("[ids...]", "document or message ids; or --all")
    .option("--all", "all that the filters let through")
    .option("--force", "also those that cannot be read or are too old")
    .option("--max-age-days <n>", "leave what was accepted longer ago", parseCount, MAX_AGE_DAYS)
    .option("--dry-run", "say what would be sent and change nothing")
    .addHelpText("after", REPLAY_HELP)
    .action((ids: string[], options: DlqReplayOptions) => runDlqReplay(ids, options, TERMINAL));
}

/** @throws LzeroError `target_unknown`, `config_invalid`, and AWS's refusals by their codes */
export async function runDlqList(options: DlqListOptions, ports: DlqPorts): Promise<void> {
  const { dead, more } = await gather(options, ports, (one) => isWanted(one, options), options.limit);
  dead.sort((a, b) => a.sentAtMs - b.sentAtMs);
  const rows = dead.flatMap(describeDocuments);
  if (options.json) {
    ports.print(JSON.stringify(rows, null, 2));
    return;
  }
  if (rows.length === 0) {
    ports.print("The dead-letter queue has no such message.");
    return;
  }
  const now = ports.now();
  const columns = [
    { name: "message" },
    { name: "age", isNumber: true },
    { name: "index" },
    { name: "document", maxWidth: 40 },
    { name: "version", isNumber: true },
    { name: "code" },
    { name: "reason", maxWidth: REASON_WIDTH },
  ];
  const cells = rows.map((row) => [
    row.messageId.slice(0, 8),
    formatAge(now - row.sentAtMs),
    row.index ?? "",
    row.id ?? "",
    row.version === null ? "" : String(row.version),
    row.code,
    row.reason,
  ]);
  ports.print(formatTable(columns, cells));
  ports.print(
    `${formatCount(rows.length)} ${rows.length === 1 ? "document" : "documents"} in ${formatCount(dead.length)} ${dead.length === 1 ? "message" : "messages"}${more ? "; there are more (--limit)" : ""}`,
  );
}

/** @throws LzeroError `dead_letter_not_found`, and those of `runDlqList` */
export async function runDlqShow(id: string, options: DlqShowOptions, ports: DlqPorts): Promise<void> {
  const { dead } = await gather(options, ports, (one) => isNamed(one, id), Number.POSITIVE_INFINITY);
  if (dead.length === 0) throw notFound([id]);
  if (options.json) {
    ports.print(JSON.stringify(dead.map(toJson), null, 2));
    return;
  }
  ports.print(dead.map(formatMessage).join("\n\n"));
}

/** @throws LzeroError `dlq_invalid`, `dead_letter_not_found`, and those of `runDlqList` */
export async function runDlqReplay(
  ids: readonly string[],
  options: DlqReplayOptions,
  ports: DlqPorts,
): Promise<void> {
  if (ids.length > 0 === (options.all === true)) {
    throw new LzeroError("dlq_invalid", "name messages or documents, or give --all, and not both");
  }
  const { dryRun = false, force = false } = options;
  const unmet = new Set(ids);
  const wants = (one: DeadMessage): boolean => {
    const named = ids.filter((id) => isNamed(one, id));
    for (const id of named) unmet.delete(id);
    return isWanted(one, options) && (options.all === true || named.length > 0);
  };
  const queues = await ports.openQueues(options);
  try {
    const box = openBox(queues, ports);
    const maxAgeMs = options.maxAgeDays * DAY_MS;
    const choice = { wants, force, maxAgeMs, limit: options.limit, dryRun };
    const report = await replayDead(box, queues, choice, ports.now());
    if (unmet.size > 0 && report.sent.length === 0 && report.stayed.length === 0) throw notFound([...unmet]);
    if (options.json) {
      ports.print(
        JSON.stringify(
          {
            dryRun,
            sent: report.sent.flatMap(describeDocuments),
            stayed: report.stayed.map(({ dead, why }) => ({ messageId: dead.messageId, why })),
            returned: report.returned.flatMap(describeDocuments),
            notFound: [...unmet],
            others: report.others,
          },
          null,
          2,
        ),
      );
      return;
    }
    const documents = report.sent.flatMap(describeDocuments).length;
    ports.print(
      `${formatCount(documents)} ${documents === 1 ? "document" : "documents"} in ${formatCount(report.sent.length)} ${report.sent.length === 1 ? "message" : "messages"} ${dryRun ? "would go" : "went"} through the queue again.`,
    );
    for (const dead of report.returned) {
      const { code, text } = reasonOf(dead);
      ports.print(`${dead.messageId} is here again: ${code}, ${text}`);
    }
    for (const { dead, why } of report.stayed) ports.print(`${dead.messageId} stays: ${STAYS[why]}`);
    if (unmet.size > 0) ports.print(`Not found: ${[...unmet].join(", ")}`);
  } finally {
    queues.sqs.destroy();
  }
}

const STAYS: Readonly<Record<StayReason, string>> = {
  unreadable: "it cannot be read and would only come back (--force sends it all the same)",
  too_old: "it was accepted so long ago that a later deletion may be forgotten (--force, or --max-age-days)",
};

/** Looks through the queue and gives everything back. */
async function gather(
  options: { readonly state: string },
  ports: DlqPorts,
  wants: (dead: DeadMessage) => boolean,
  limit: number,
): Promise<{ dead: DeadMessage[]; more: boolean }> {
  const queues = await ports.openQueues(options);
  const box = openBox(queues, ports);
  const dead: DeadMessage[] = [];
  try {
    for await (const one of box.receive()) {
      if (!wants(one)) continue;
      if (dead.length >= limit) return { dead, more: true };
      dead.push(one);
    }
    return { dead, more: false };
  } finally {
    await box.release();
    queues.sqs.destroy();
  }
}

function openBox({ sqs, deadLetterQueueUrl: queueUrl }: Queues, { waitSeconds }: DlqPorts): DeadLetterBox {
  return new DeadLetterBox({ sqs, queueUrl, ...(waitSeconds === undefined ? {} : { waitSeconds }) });
}

function isWanted(dead: DeadMessage, { index, code }: Pick<BoxOptions, "index" | "code">): boolean {
  if (index !== undefined && dead.message?.index !== index) return false;
  return code === undefined || reasonOf(dead).code === code;
}

function isNamed({ messageId, message }: DeadMessage, id: string): boolean {
  const isMessage = id.length >= 4 && messageId.startsWith(id);
  return isMessage || (message?.documents.some((document) => document.id === id) ?? false);
}

function notFound(ids: readonly string[]): LzeroError {
  return new LzeroError(
    "dead_letter_not_found",
    `the dead-letter queue has no message or document ${ids.join(", ")}: \`lzero dlq list\` lists them`,
    { ids },
  );
}
