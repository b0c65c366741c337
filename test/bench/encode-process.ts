/**
 * One contender of the encode benchmark in a process of its own, so that its peak memory is its own. In: a file with
 * what to run, then a line for each pass. Out: a line of JSON when it is warm and one for each pass, on standard
 * output. encode_peer.py speaks the same.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { loadModelFiles } from "../../batch/encoders/model-files.ts";
import { OnnxEncoder } from "../../batch/encoders/onnx/onnx-encoder.ts";
import { tokenizeDocument } from "../../batch/encoders/onnx/tokenized-document.ts";
import { Vocabulary } from "../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../shared/text/word-piece.ts";

export interface ContenderSpec {
  readonly kind: "ours" | "plain-ort";
  /** Model folder. */
  readonly model: string;
  /** For `plain-ort`: the graph. */
  readonly graph?: string;
  readonly device: "cpu" | "cuda";
  readonly threads: number;
  /** @default one for each thread */
  readonly sessions?: number;
  /** JSON: an array of texts. */
  readonly texts: string;
}

/** When it is warm; `label` names what a version number belongs to. */
export interface ReadyLine {
  readonly label?: string;
}

export interface PassLine {
  readonly seconds: number;
  /** Processor time of all threads: what other load on the machine changes least. */
  readonly cpuSeconds: number;
  /** Tokens that the model was given, [CLS] and [SEP] included. */
  readonly tokens: number;
  /** The same and what pads them. */
  readonly paddedTokens: number;
  /** Mean non-zero weights a document: contenders that compute the same have about the same. */
  readonly docLen: number;
  /** Of the process so far. */
  readonly peakMemoryBytes: number;
}

/** What sentence-transformers takes by default. */
const NAIVE_BATCH = 32;
const WARM_UP_TEXTS = 32;

type Pass = Pick<PassLine, "tokens" | "paddedTokens" | "docLen">;

interface Contender {
  readonly pass: (texts: readonly string[]) => Promise<Pass>;
  readonly close: () => Promise<void>;
}

async function main(specPath: string): Promise<void> {
  const spec = JSON.parse(await readFile(specPath, "utf8")) as ContenderSpec;
  const texts = JSON.parse(await readFile(spec.texts, "utf8")) as string[];
  const { pass, close } = spec.kind === "ours" ? await openOurs(spec) : await openPlain(spec);
  await pass(texts.slice(0, WARM_UP_TEXTS));
  console.log(JSON.stringify({} satisfies ReadyLine));
  for await (const _ of createInterface({ input: process.stdin })) {
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    const done = await pass(texts);
    const seconds = (performance.now() - startedMs) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    const cpuSeconds = (user + system) / 1e6;
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    console.log(JSON.stringify({ seconds, cpuSeconds, ...done, peakMemoryBytes } satisfies PassLine));
  }
  await close();
}

async function openOurs({ model, device, threads, sessions }: ContenderSpec): Promise<Contender> {
  const options = { device, threads, ...(sessions === undefined ? {} : { sessions }) };
  const encoder = await OnnxEncoder.create(await loadModelFiles(model), options);
  return {
    pass: async (texts) => {
      const before = encoder.work;
      const results = await encoder.encode(texts);
      const { tokens, paddedTokens } = encoder.work;
      return {
        tokens: tokens - before.tokens,
        paddedTokens: paddedTokens - before.paddedTokens,
        docLen: mean(
          results.map((result) => {
            if (result instanceof Error) throw result;
            return result.termIds.length;
          }),
        ),
      };
    },
    close: () => encoder.close(),
  };
}

/** A graph as one would run it first: texts in their order, batches of a fixed size, each padded to its longest. */
async function openPlain({ model, graph, device, threads }: ContenderSpec): Promise<Contender> {
  const { manifest, vocabulary } = await loadModelFiles(model);
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(vocabulary));
  const length = { maxLength: manifest.identity.maxLength!, maxWindows: 1, overlap: 0 };
  const session = await InferenceSession.create(graph ?? join(model, "model.onnx"), {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const pass = async (texts: readonly string[]): Promise<Pass> => {
    let tokens = 0;
    let paddedTokens = 0;
    const sizes: number[] = [];
    for (let from = 0; from < texts.length; from += NAIVE_BATCH) {
      const rows = texts
        .slice(from, from + NAIVE_BATCH)
        .flatMap((text) => tokenizeDocument(tokenizer, text, length).windows);
      const lengths = Int32Array.from(rows, (row) => row.length);
      const longest = Math.max(...lengths);
      const ids = new Int32Array(rows.length * longest);
      rows.forEach((row, at) => {
        ids.set(row, at * longest);
      });
      const output = await session.run({
        token_ids: new Tensor("int32", ids, [rows.length, longest]),
        lengths: new Tensor("int32", lengths, [rows.length]),
      });
      const weights = output.weights!.data as Float32Array;
      const slots = weights.length / rows.length;
      for (let row = 0; row < rows.length; row++) {
        sizes.push(weights.subarray(row * slots, (row + 1) * slots).filter((weight) => weight > 0).length);
      }
      tokens += lengths.reduce((sum, each) => sum + each, 0);
      paddedTokens += ids.length;
    }
    return { tokens, paddedTokens, docLen: mean(sizes) };
  };
  return { pass, close: () => session.release() };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

await main(process.argv[2]!);
