/**
 * Golden values of a model, golden.json beside its weights: texts with the weights that its graph must give, or dot
 * products of queries and documents that its authors published. Encodes them again and says how far off they are.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { LzeroError } from "../../shared/errors.ts";
import { encodeQuery, optionalBelow } from "../../shared/query/query-vector.ts";
import { Vocabulary } from "../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import type { DocumentEncoder, EncodedDocument } from "./encoder.ts";
import type { ModelFiles } from "./model-files.ts";
import { OnnxEncoder, type OnnxEncoderOptions } from "./onnx/onnx-encoder.ts";

export const GOLDEN_FILE = "golden.json";

const goldenSchema = z
  .object({
    formatVersion: z.literal(1),
    /** Largest difference of a weight. */
    tolerance: z.number().positive(),
    vectors: z
      .array(
        z
          .object({ text: z.string(), termIds: z.array(z.int().min(0)), weights: z.array(z.number()) })
          .refine(({ termIds, weights }) => termIds.length === weights.length, "as many weights as terms"),
      )
      .default([]),
    products: z
      .array(
        z
          .object({
            query: z.string(),
            documents: z.array(z.string()).min(1),
            expected: z.array(z.number()),
            /** Largest difference as a share of the expected product. */
            relativeTolerance: z.number().positive(),
          })
          .refine(
            ({ documents, expected }) => documents.length === expected.length,
            "as many products as documents",
          ),
      )
      .default([]),
  })
  .refine(({ vectors, products }) => vectors.length + products.length > 0, "vectors or products");

export type Golden = z.input<typeof goldenSchema>;

export interface GoldenReport {
  readonly vectors: number;
  readonly products: number;
  /** Largest difference of a weight; 0 without vectors. */
  readonly largestError: number;
  readonly tolerance: number;
  /** Largest difference of a product as a share of the expected one; 0 without products. */
  readonly largestRelativeError: number;
}

/** @returns null when the folder has none. @throws LzeroError `golden_invalid` */
export async function readGolden(folder: string): Promise<Golden | null> {
  const path = join(folder, GOLDEN_FILE);
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new LzeroError("golden_invalid", `${path} cannot be read`, { file: path }, error);
  }
  try {
    return goldenSchema.parse(JSON.parse(content));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : "not JSON";
    throw new LzeroError("golden_invalid", `${path}: ${reason}`, { file: path }, cause);
  }
}

/**
 * Encodes the golden texts by the model's graph, without lexical part and pruning, which come after it.
 * @throws LzeroError `golden_mismatch` naming the first text that is off; those of `OnnxEncoder`
 */
export async function checkGolden(
  files: ModelFiles,
  golden: Golden,
  options: OnnxEncoderOptions = {},
): Promise<GoldenReport> {
  const { vectors = [], products = [], tolerance } = golden;
  const { identity } = files.manifest;
  const graphOnly = { ...identity, lexical: { ...identity.lexical, alpha: 0, stems: null }, pruning: null };
  const encoder = await OnnxEncoder.create(
    { ...files, manifest: { ...files.manifest, identity: graphOnly }, stems: null },
    options,
  );
  try {
    let largestError = 0;
    const encoded = await encodeAll(
      encoder,
      vectors.map(({ text }) => text),
    );
    for (const [at, expected] of vectors.entries()) {
      const error = largestDifference(encoded[at]!, expected.termIds, expected.weights, identity.topK);
      if (!(error <= tolerance)) throw mismatch(files, expected.text, "a weight", error, tolerance);
      largestError = Math.max(largestError, error);
    }
    let largestRelativeError = 0;
    for (const { query, documents, expected, relativeTolerance } of products) {
      const actual = await multiply(files, encoder, query, documents);
      for (const [at, product] of expected.entries()) {
        const error = Math.abs(actual[at]! - product) / Math.abs(product);
        if (!(error <= relativeTolerance)) {
          throw mismatch(
            files,
            documents[at]!,
            `the product with ${JSON.stringify(query)}`,
            error,
            relativeTolerance,
          );
        }
        largestRelativeError = Math.max(largestRelativeError, error);
      }
    }
    return {
      vectors: vectors.length,
      products: products.length,
      largestError,
      tolerance,
      largestRelativeError,
    };
  } finally {
    await encoder.close();
  }
}

/** Dot products of one query, by the model's own IDF table, and documents. */
async function multiply(
  files: ModelFiles,
  encoder: DocumentEncoder,
  query: string,
  documents: readonly string[],
): Promise<number[]> {
  const { idf, vocabulary, manifest } = files;
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(vocabulary));
  const optionalTokens = optionalBelow(idf, manifest.identity.queryIdfFloor);
  const queryTerms = new Set(encodeQuery(query, tokenizer, { idf, optionalTokens }).termIds);
  return (await encodeAll(encoder, documents)).map(({ termIds, weights }) =>
    termIds.reduce((sum, term, at) => sum + (queryTerms.has(term) ? idf[term]! * weights[at]! : 0), 0),
  );
}

async function encodeAll(encoder: DocumentEncoder, texts: readonly string[]): Promise<EncodedDocument[]> {
  return (await encoder.encode(texts)).map((result) => {
    if (result instanceof Error) throw result;
    return result;
  });
}

/** Of a weight. A term that one side cut, since it has topK others, may weigh there what its smallest weighs. */
function largestDifference(
  actual: EncodedDocument,
  termIds: readonly number[],
  weights: readonly number[],
  topK: number,
): number {
  const left = new Map(Array.from(actual.termIds, (term, at) => [term, actual.weights[at]!]));
  const cutAt = (kept: ArrayLike<number>) =>
    kept.length < topK ? 0 : Array.from(kept).reduce((least, weight) => Math.min(least, weight), Infinity);
  const actualCut = cutAt(actual.weights);
  const expectedCut = cutAt(weights);
  let largest = 0;
  termIds.forEach((term, at) => {
    const weight = left.get(term);
    const error = weight === undefined ? weights[at]! - actualCut : Math.abs(weight - weights[at]!);
    largest = Math.max(largest, error);
    left.delete(term);
  });
  for (const weight of left.values()) largest = Math.max(largest, weight - expectedCut);
  return largest;
}

function mismatch(
  { manifest }: ModelFiles,
  text: string,
  what: string,
  error: number,
  tolerance: number,
): LzeroError {
  return new LzeroError(
    "golden_mismatch",
    `model ${manifest.name} does not give its golden values: ${what} of ${JSON.stringify(text.slice(0, 60))} is off by ${error.toPrecision(3)}, more than ${tolerance}; export or fetch the model again`,
    { model: manifest.name, text, error, tolerance },
  );
}
