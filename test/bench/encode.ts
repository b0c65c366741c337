/**
 * Encoding speed in one run: our encoder in int8 and float32, onnxruntime as one would call it first, and
 * sentence-transformers, over the same checkpoint, texts and cores, passes taken in turns. A contender that cannot run
 * is named with the reason; none is left out in silence.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { loadModelFiles } from "../../batch/encoders/model-files.ts";
import { DEFAULT_MODEL, resolveModelFolder } from "../../batch/encoders/open-encoder.ts";
import { readCollection } from "../../batch/eval/beir.ts";
import { formatTable } from "../../batch/inspect/table.ts";
import { encodedText } from "../../shared/messages/document.ts";
import { sharedPath } from "../support/shared-data.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import { CAN_PIN, ContenderProcess } from "./contender.ts";
import { type Candidate, CHECKPOINT_MODEL, listPeers } from "./encode-peers.ts";
import type { PassLine, ReadyLine } from "./encode-process.ts";

export const benchmark: Benchmark = {
  options: {
    documents: "texts of a pass, at even steps through the collection (256)",
    "peer-documents": "of these, so many for the slow ones, at even steps (48)",
    repeats: "timed passes of each, of which the median counts (3)",
    threads: "a list; each on as many cores (1,2)",
    data: "a collection in BEIR's layout (the reference data's scifact)",
    model: `a model's name or folder, beside those of the checkpoint (${DEFAULT_MODEL})`,
    device: "cpu or cuda (cpu)",
    only: "contenders whose name has this in it",
  },
  run: benchEncode,
};

interface Skipped {
  readonly label: string;
  readonly absent: string;
}

interface Row {
  readonly contender: string;
  readonly threads: number;
  readonly documents: number;
  readonly documentsPerSecond: number;
  readonly tokensPerSecond: number;
  readonly cpuMsPerDocument: number;
  readonly cpuMicrosecondsPerToken: number;
  /** Padding's share of what the model was given. */
  readonly paddingWaste: number;
  readonly docLen: number;
  readonly peakMemoryMiB: number;
  /** Tokens/s by those of the first sentence-transformers row of as many threads. */
  readonly timesPeer: number | null;
  /** The same by processor time a token: says something on a busy machine too. */
  readonly timesPeerCpu: number | null;
  readonly seconds: readonly number[];
}

const NODE = [process.execPath, join(dirname(process.argv[1]!), "encode-process.js")];

async function benchEncode(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const repeats = Number(options.repeats ?? 3);
  const threadCounts = (options.threads ?? "1,2").split(",").map(Number);
  const device = options.device ?? "cpu";
  const model = resolveModelFolder(options.model ?? DEFAULT_MODEL);
  const { manifest } = await loadModelFiles(model);
  const checkpointModel = resolveModelFolder(CHECKPOINT_MODEL);
  const checkpoint = (await loadModelFiles(checkpointModel)).manifest;
  const folder = mkdtempSync(join(tmpdir(), "lzero-bench-"));
  try {
    const data = options.data ?? sharedPath("data", "scifact");
    const texts = await readTexts(data, Number(options.documents ?? 256));
    const few = atEvenSteps(texts, Number(options["peer-documents"] ?? 48));
    const candidates: Candidate[] = [
      ...[
        { label: `ours, ${manifest.name} as served`, model },
        { label: "ours, int8", model: checkpointModel },
        { label: "ours, int8, one session", model: checkpointModel, sessions: 1, minThreads: 2 },
      ].map((each) => ({ ...each, kind: "ours", isSlow: false, absent: null })),
      ...listPeers(folder, checkpoint.identity, NODE),
    ].map((each) => ({ command: NODE, ...each }));
    const wanted = candidates.filter(({ label }) => label.includes(options.only ?? ""));
    const skipped = wanted.flatMap(({ label, absent }) => (absent === null ? [] : [{ label, absent }]));
    const writeTexts = (name: string, some: readonly string[]) => {
      const path = join(folder, name);
      writeFileSync(path, JSON.stringify(some));
      return path;
    };
    const inputs = { all: writeTexts("texts.json", texts), few: writeTexts("few.json", few) };
    const rows: Row[] = [];
    for (const threads of threadCounts) {
      const runnable = wanted.filter(
        ({ absent, minThreads = 1 }) => absent === null && threads >= (minThreads as number),
      );
      const common = { device, threads, maxLength: checkpoint.identity.maxLength };
      const specs = runnable.map(({ command, absent: _, isSlow, label, ...spec }, at) => {
        const path = join(folder, `spec-${threads}-${at}.json`);
        const input = isSlow ? inputs.few : inputs.all;
        writeFileSync(path, JSON.stringify({ ...spec, ...common, texts: input }));
        return { label, command: [...command, path], documents: isSlow ? few.length : texts.length };
      });
      const timed = await timeInTurns(specs, threads, repeats);
      rows.push(...timed.rows);
      skipped.push(...timed.failed);
    }
    const input = {
      collection: basename(data),
      documents: texts.length,
      model: manifest.name,
      maxLength: checkpoint.identity.maxLength,
      device,
      repeats,
      pinned: CAN_PIN,
    };
    return { table: format(rows, skipped), result: { input, rows, skipped } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timeInTurns(
  specs: readonly { label: string; command: readonly string[]; documents: number }[],
  threads: number,
  repeats: number,
): Promise<{ rows: Row[]; failed: Skipped[] }> {
  const failed: Skipped[] = [];
  const open: { label: string; documents: number; process: ContenderProcess; passes: PassLine[] }[] = [];
  try {
    for (const { label, command, documents } of specs) {
      console.error(`${threads} thread${threads === 1 ? "" : "s"}: opening ${label}`);
      try {
        const { process, ready } = await ContenderProcess.start<ReadyLine>(command, threads);
        open.push({ label: ready.label ?? label, documents, process, passes: [] });
      } catch (error) {
        failed.push({ label, absent: (error as Error).message });
      }
    }
    for (let repeat = 1; repeat <= repeats; repeat++) {
      console.error(`${threads} thread${threads === 1 ? "" : "s"}: pass ${repeat} of ${repeats}`);
      for (const { process, passes } of open) passes.push(await process.ask<PassLine>());
    }
  } finally {
    await Promise.all(open.map(({ process }) => process.close()));
  }
  const rows = open.map(({ label, documents, passes }) => toRow(label, threads, documents, passes));
  const peer = rows.find(({ contender }) => contender.startsWith("sentence-transformers"));
  if (peer === undefined) return { rows, failed };
  const compared = rows.map((row) => ({
    ...row,
    timesPeer: row.tokensPerSecond / peer.tokensPerSecond,
    timesPeerCpu: peer.cpuMicrosecondsPerToken / row.cpuMicrosecondsPerToken,
  }));
  return { rows: compared, failed };
}

async function readTexts(data: string, count: number): Promise<string[]> {
  const { documents } = await readCollection(data, "test");
  return atEvenSteps(documents, count).map((document) => encodedText(document, ["title", "text"]));
}

/** So that the order of a collection does not matter. */
function atEvenSteps<Item>(items: readonly Item[], count: number): Item[] {
  const taken = Math.min(items.length, count);
  return Array.from({ length: taken }, (_, at) => items[Math.floor((at * items.length) / taken)]!);
}

function toRow(contender: string, threads: number, documents: number, passes: readonly PassLine[]): Row {
  const last = passes.at(-1)!;
  const seconds = passes.map((pass) => pass.seconds);
  const median = medianOf(seconds);
  const cpuSeconds = medianOf(passes.map((pass) => pass.cpuSeconds));
  return {
    contender,
    threads,
    documents,
    documentsPerSecond: documents / median,
    tokensPerSecond: last.tokens / median,
    cpuMsPerDocument: (cpuSeconds * 1000) / documents,
    cpuMicrosecondsPerToken: (cpuSeconds * 1e6) / last.tokens,
    paddingWaste: 1 - last.tokens / last.paddedTokens,
    docLen: last.docLen,
    peakMemoryMiB: last.peakMemoryBytes / 1024 ** 2,
    timesPeer: null,
    timesPeerCpu: null,
    seconds,
  };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function format(rows: readonly Row[], skipped: readonly Skipped[]): string {
  const numbers = [
    "threads",
    "documents/s",
    "tokens/s",
    "× s-t",
    "CPU ms/doc",
    "× s-t CPU",
    "padding",
    "Doc_Len",
    "peak MiB",
  ];
  const table = formatTable(
    [{ name: "encoder" }, ...numbers.map((name) => ({ name, isNumber: true }))],
    rows.map((row) => [
      row.contender,
      `${row.threads}`,
      row.documentsPerSecond.toFixed(1),
      row.tokensPerSecond.toFixed(0),
      row.timesPeer === null ? "" : row.timesPeer.toFixed(2),
      row.cpuMsPerDocument.toFixed(1),
      row.timesPeerCpu === null ? "" : row.timesPeerCpu.toFixed(2),
      `${(row.paddingWaste * 100).toFixed(1)} %`,
      row.docLen.toFixed(1),
      row.peakMemoryMiB.toFixed(0),
    ]),
  );
  return [table, ...skipped.map(({ label, absent }) => `skipped: ${label}: ${absent}`)].join("\n");
}
