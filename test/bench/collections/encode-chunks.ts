/**
 * Encodes a collection's documents in their order, in chunks of a fixed number, a file each. Stopped at any time, it
 * goes on with the first chunk that is not there; what is there is never encoded again.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SingleBar } from "cli-progress";
import { openEncoder } from "../../../batch/encoders/open-encoder.ts";
import type { SourceDocument } from "./sources.ts";
import { decodeRows, type EncodedRows, encodeRows, toRows } from "./vectors-codec.ts";

export const CHUNK_DOCUMENTS = 8192;

export interface EncodeLimits {
  /** No chunk begins after this. */
  readonly until: Date | null;
  /** At most so many documents. */
  readonly documents: number;
}

/** @returns how many documents are encoded, from the first */
export async function encodeChunks(
  documents: readonly SourceDocument[],
  folder: string,
  model: string,
  { until, documents: atMost }: EncodeLimits,
): Promise<number> {
  const total = Math.min(documents.length, atMost);
  const chunks = Math.ceil(total / CHUNK_DOCUMENTS);
  const first = countChunks(folder);
  if (first >= chunks) return total;
  await mkdir(folder, { recursive: true });
  const { encoder } = await openEncoder(model, { threads: 1 });
  const bar = new SingleBar({
    format: "encoding {bar} {value}/{total} documents, {rate}/s, {duration_formatted}, ETA {eta_formatted}",
    noTTYOutput: true,
    notTTYSchedule: 30_000,
  });
  const startedMs = performance.now();
  const before = first * CHUNK_DOCUMENTS;
  const report = (done: number) => {
    bar.update(done, { rate: Math.round(((done - before) * 1000) / (performance.now() - startedMs)) });
  };
  bar.start(total, before, { rate: 0 });
  try {
    for (let chunk = first; chunk < chunks; chunk++) {
      if (until !== null && Date.now() > until.getTime()) return chunk * CHUNK_DOCUMENTS;
      const from = chunk * CHUNK_DOCUMENTS;
      const part = documents.slice(from, Math.min(from + CHUNK_DOCUMENTS, total));
      const results = await encoder.encode(
        part.map(({ text }) => text),
        (done) => report(from + done),
      );
      const rows = results.map((result, at) => {
        if (!(result instanceof Error)) return result;
        throw new Error(`document ${part[at]!.id} cannot be encoded`, { cause: result });
      });
      const path = chunkPath(folder, chunk);
      await writeFile(`${path}.part`, encodeRows(toRows(rows)));
      await rename(`${path}.part`, path);
    }
    return total;
  } finally {
    bar.stop();
    await encoder.close();
  }
}

/** Chunks of a folder that follow each other from the first. */
export function countChunks(folder: string): number {
  const files = new Set(existsSync(folder) ? readdirSync(folder) : []);
  let count = 0;
  while (files.has(chunkName(count))) count++;
  return count;
}

export async function readChunk(folder: string, chunk: number): Promise<EncodedRows> {
  return decodeRows(await readFile(chunkPath(folder, chunk)));
}

function chunkPath(folder: string, chunk: number): string {
  return join(folder, chunkName(chunk));
}

function chunkName(chunk: number): string {
  return `${String(chunk).padStart(6, "0")}.vectors`;
}
