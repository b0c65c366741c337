/**
 * `lzero encode`: texts → sparse vectors as the index and the Worker use them, after quantization. JSONL in, JSONL out,
 * in the order of the input.
 */
import { once } from "node:events";
import type { Command } from "commander";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { impactBitsOf } from "../../shared/model/model-manifest.ts";
import { maxImpactOf, quantizeWeights } from "../../shared/model/quantize.ts";
import { encodeQuery, optionalBelow, QUERY_WEIGHT_SCALE } from "../../shared/query/query-vector.ts";
import { decodeUtf8, readLines } from "../corpus/lines.ts";
import type { DocumentEncoder } from "../encoders/encoder.ts";
import { DEFAULT_MODEL, type OpenedEncoder, openEncoder } from "../encoders/open-encoder.ts";
import { type DeviceOptions, deviceOption, encoderOptionsOf, threadsOption } from "./device-option.ts";

interface EncodeOptions extends DeviceOptions {
  readonly queries?: string;
  readonly documents?: string;
  readonly encoder: string;
}

interface TextLine {
  readonly id: unknown;
  readonly text: string;
  readonly line: number;
}

/** Documents that are encoded together. */
const CHUNK_DOCUMENTS = 1024;

const EXAMPLES = `
In:  {"id": "q1", "text": "fear of spiders"}      one object a line; id may be missing
Out: {"id": "q1", "tokens": [[1997, 0.0625], …]}  token id and weight, by token id

A query's weights are its integer weights / 256 (the model's IDF), a document's are impact × maxWeight / the largest impact: both as
they count in a search.

Examples:
  lzero encode --documents texts.jsonl > vectors.jsonl
  echo '{"text":"fear of spiders"}' | lzero encode --queries -`;

export function register(program: Command): void {
  program
    .command("encode")
    .summary("texts to sparse vectors")
    .description("Encodes queries or documents and prints their vectors.")
    .option("--queries <file>", "JSONL of queries; - is standard input")
    .option("--documents <file>", "JSONL of documents; - is standard input")
    .option("--encoder <name>", "model name or folder, or bm25", DEFAULT_MODEL)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText("after", EXAMPLES)
    .action(async (options: EncodeOptions) => {
      process.exitCode = await encode(options);
    });
}

/** @returns the exit code: 1 when a line could not be encoded; each of these is named on standard error */
async function encode(options: EncodeOptions): Promise<number> {
  const { queries, documents, encoder: name } = options;
  const path = queries ?? documents;
  if (path === undefined || (queries !== undefined && documents !== undefined)) {
    throw new LzeroError(
      "option_invalid",
      "give either --queries FILE or --documents FILE; - reads standard input",
    );
  }
  let failures = 0;
  const onFault = (line: number, message: string): void => {
    failures++;
    console.error(`${path}:${line}: ${message}`);
  };
  const opened = await openEncoder(name, encoderOptionsOf(options, console.error));
  try {
    let chunk: TextLine[] = [];
    const flush = async (): Promise<void> => {
      const vectors =
        queries === undefined
          ? await encodeDocuments(chunk, opened.encoder, onFault)
          : encodeQueries(chunk, opened);
      await printVectors(chunk, vectors);
      chunk = [];
    };
    for await (const line of readTexts(path, onFault)) {
      chunk.push(line);
      if (chunk.length === CHUNK_DOCUMENTS) await flush();
    }
    await flush();
  } finally {
    await opened.encoder.close();
  }
  return failures === 0 ? 0 : 1;
}

type Vector = readonly (readonly [tokenId: number, weight: number])[];

function encodeQueries(lines: readonly TextLine[], { tokenizer, files }: OpenedEncoder): Vector[] {
  const { idf } = files;
  const optionalTokens = optionalBelow(idf, files.manifest.identity.queryIdfFloor);
  return lines.map(({ text }) => {
    const { termIds, weights } = encodeQuery(text, tokenizer, { idf, optionalTokens });
    return Array.from(termIds, (termId, at) => [termId, weights[at]! / QUERY_WEIGHT_SCALE] as const);
  });
}

/** @returns null where a document could not be encoded */
async function encodeDocuments(
  lines: readonly TextLine[],
  encoder: DocumentEncoder,
  onFault: (line: number, message: string) => void,
): Promise<(Vector | null)[]> {
  const { maxWeight } = encoder.manifest.identity;
  const impactBits = impactBitsOf(encoder.manifest.identity);
  const encoded = await encoder.encode(lines.map(({ text }) => text));
  return encoded.map((result, at) => {
    if (result instanceof Error) {
      onFault(lines[at]!.line, isLzeroError(result) ? `${result.code}: ${result.message}` : result.message);
      return null;
    }
    const { termIds, impacts } = quantizeWeights(result.termIds, result.weights, maxWeight, impactBits);
    return Array.from(
      termIds,
      (termId, term) => [termId, (impacts[term]! * maxWeight) / maxImpactOf(impactBits)] as const,
    );
  });
}

async function printVectors(lines: readonly TextLine[], vectors: readonly (Vector | null)[]): Promise<void> {
  let text = "";
  for (const [at, tokens] of vectors.entries()) {
    if (tokens === null) continue;
    const { id } = lines[at]!;
    text += `${JSON.stringify(id === undefined ? { tokens } : { id, tokens })}\n`;
  }
  if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
}

async function* readTexts(
  path: string,
  onFault: (line: number, message: string) => void,
): AsyncGenerator<TextLine> {
  for await (const { line, bytes } of readLines(path)) {
    const json = decodeUtf8(bytes);
    if (json === null) {
      onFault(line, "not UTF-8");
      continue;
    }
    if (json.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      onFault(line, "not JSON");
      continue;
    }
    const { id, _id, text } = (value ?? {}) as { id?: unknown; _id?: unknown; text?: unknown };
    if (typeof text === "string") yield { id: id ?? _id, text, line };
    else onFault(line, 'no "text" that is a string');
  }
}
