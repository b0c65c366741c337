/**
 * Documents → requests. In: records of a corpus. Out: batches that the API takes, cut only by count and size, so that
 * the same corpus gives the same batches, and with the same run the same Idempotency-Keys: that is what makes a
 * broken-off transfer resumable.
 */
import { createHash } from "node:crypto";
import { LzeroError } from "../../shared/errors.ts";
import { MAX_DOCUMENTS_PER_REQUEST, MAX_REQUEST_BODY_BYTES } from "../../shared/messages/limits.ts";
import type { CorpusRecord } from "./corpus-file.ts";

export interface Batch {
  /** From 0. */
  readonly number: number;
  /** A JSON array. */
  readonly body: string;
  /** The line of each position in the corpus. */
  readonly lines: readonly number[];
}

/** A place in the corpus that became no document of a batch. */
export interface SkippedLine {
  readonly line: number;
  readonly error: LzeroError;
}

/** @param onSkipped called for records that are errors, and for documents that no request can hold */
export async function* makeBatches(
  records: AsyncIterable<CorpusRecord> | Iterable<CorpusRecord>,
  onSkipped: (skipped: SkippedLine) => void,
): AsyncGenerator<Batch> {
  let number = 0;
  let items: string[] = [];
  let lines: number[] = [];
  let sizeBytes = 2;
  const close = (): Batch => {
    const batch = { number: number++, body: `[${items.join(",")}]`, lines };
    items = [];
    lines = [];
    sizeBytes = 2;
    return batch;
  };
  for await (const record of records) {
    if ("error" in record) {
      onSkipped(record);
      continue;
    }
    const { line } = record;
    const item = JSON.stringify(record.document);
    const itemBytes = Buffer.byteLength(item) + 1;
    if (itemBytes + 2 > MAX_REQUEST_BODY_BYTES) {
      const message = `line ${line}: the document has ${itemBytes} bytes, a request at most ${MAX_REQUEST_BODY_BYTES}`;
      onSkipped({ line, error: new LzeroError("document_too_large", message, { line }) });
      continue;
    }
    if (items.length === MAX_DOCUMENTS_PER_REQUEST || sizeBytes + itemBytes > MAX_REQUEST_BODY_BYTES) {
      yield close();
    }
    items.push(item);
    lines.push(line);
    sizeBytes += itemBytes;
  }
  if (items.length > 0) yield close();
}

/**
 * The Idempotency-Key of a batch. The content is part of it, so that a key never stands for two requests.
 * @param run names the transfer: the same run of the same corpus is resumed, another one writes anew
 */
export function batchKey(run: string, batch: Batch): string {
  const digest = createHash("sha256").update(batch.body).digest("hex").slice(0, 32);
  return `${run}/${batch.number}/${digest}`;
}
