/**
 * Encoded documents → a committed segment. Impacts are quantized here; the query tables of a model are stored before
 * the first segment that needs them. Publishing the same documents again is harmless: of equal versions the committed
 * one stays. It does not encode text, batch, or acknowledge messages.
 */

import type { LocatedDocument, ModelBinding } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { encodeSegment, type SegmentDocument } from "../../shared/format/segment-writer.ts";
import type { StoredFields } from "../../shared/messages/document.ts";
import { quantizeWeights } from "../../shared/model/quantize.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import type { EncodedDocument } from "../encoders/encoder.ts";
import type { Logger } from "../logging.ts";
import { type BoundModel, type IndexTarget, newSegmentId } from "./publish-target.ts";
import { type OnStep, writeSegment } from "./write-segment.ts";

export interface PublishDocument {
  readonly ingestId: string;
  readonly position: number;
  readonly version: number;
  readonly id: string;
  readonly fields: StoredFields;
  readonly vector: EncodedDocument;
  /** Of a conditional write: the version that the commit must find; null: no document. */
  readonly ifVersion?: number | null | undefined;
}

export interface PublishResult {
  readonly segmentId: string;
  readonly generation: number;
  readonly documents: number;
  readonly live: number;
  readonly tombstoned: number;
  readonly postings: number;
  readonly pages: number;
  readonly sizeBytes: number;
  /** Weights above the model's maxWeight. */
  readonly clipped: number;
  /** Weights that rounded to 0. */
  readonly dropped: number;
  /** Weights beyond the model's topK. */
  readonly cut: number;
  /** Documents longer than the model reads. */
  readonly truncated: number;
  /** Tokens of these that the model did not see. */
  readonly unseenTokens: number;
  readonly attempts: number;
}

export interface PublisherOptions {
  readonly logger?: Logger;
  /** For tests: called after every step, by its name. */
  readonly onStep?: OnStep;
  readonly newSegmentId?: () => string;
  /** Attempts with a segment of its own each. */
  readonly maxAttempts?: number;
}

/** Failures that another attempt, under another segment id, may not meet. */
const RETRIED_CODES = new Set([
  "lease_expired",
  "segment_not_staged",
  "segment_exists",
  "storage_write_failed",
]);

export class Publisher {
  readonly #options: PublisherOptions;
  /** Fingerprints of query tables that this process has stored. */
  readonly #storedTables = new Set<string>();

  constructor(options: PublisherOptions = {}) {
    this.#options = options;
  }

  /**
   * Publishes documents as one segment; a document of which there are several versions brings them all, so that the
   * catalog can record how each ended.
   * @throws LzeroError `model_mismatch`, `index_not_found`, `storage_write_failed`, `catalog_unavailable`, …
   */
  async publish(
    target: IndexTarget,
    model: BoundModel,
    documents: readonly PublishDocument[],
  ): Promise<PublishResult> {
    const onStep = this.#options.onStep ?? (() => undefined);
    const distinct = dropRedeliveries(documents);
    const quantized = quantize(distinct, model.binding);
    await this.#storeTables(target, model);
    await onStep("tables");
    const located = distinct.map(({ id, version, ingestId, position, ifVersion }): LocatedDocument => {
      const place = [documentKey(id), version, ingestId, position] as const;
      return ifVersion === undefined ? [...place] : [...place, ifVersion];
    });
    const maxAttempts = this.#options.maxAttempts ?? 3;
    for (let attempt = 1; ; attempt++) {
      const segmentId = (this.#options.newSegmentId ?? newSegmentId)();
      const encoded = encodeSegment(segmentId, quantized.documents);
      await onStep("encoded");
      try {
        const answer = await writeSegment(
          target,
          { segmentId, encoded, model: model.binding, located, replaces: [] },
          onStep,
        );
        return {
          segmentId,
          ...answer,
          documents: encoded.documents,
          postings: encoded.postings,
          pages: encoded.pages.length,
          sizeBytes: encoded.sizeBytes,
          clipped: quantized.clipped,
          dropped: quantized.dropped,
          cut: distinct.reduce((sum, { vector }) => sum + vector.cutByTopK, 0),
          truncated: distinct.reduce((sum, { vector }) => sum + (vector.truncated ? 1 : 0), 0),
          unseenTokens: distinct.reduce((sum, { vector }) => sum + vector.unseenTokens, 0),
          attempts: attempt,
        };
      } catch (error) {
        if (attempt >= maxAttempts || !(isLzeroError(error) && RETRIED_CODES.has(error.code))) throw error;
        this.#options.logger?.warn(
          { err: error, index: target.index, segmentId, attempt },
          "publishing again",
        );
      }
    }
  }

  async #storeTables(target: IndexTarget, model: BoundModel): Promise<void> {
    const { fingerprint, value } = model.tables;
    if (this.#storedTables.has(fingerprint)) return;
    await target.store.write([{ key: tablesKey(fingerprint), value }]);
    this.#storedTables.add(fingerprint);
  }
}

/** Drops all but the first of writes that are the same: one message delivered twice within a batch. */
function dropRedeliveries(documents: readonly PublishDocument[]): PublishDocument[] {
  const seen = new Set<string>();
  const distinct: PublishDocument[] = [];
  for (const document of documents) {
    const write = `${document.ingestId}/${document.position}/${document.version}/${document.id}`;
    if (seen.has(write)) continue;
    seen.add(write);
    distinct.push(document);
  }
  if (distinct.length === 0)
    throw new LzeroError("segment_input_invalid", "there are no documents to publish");
  return distinct;
}

function quantize(
  documents: readonly PublishDocument[],
  { maxWeight, impactBits }: ModelBinding,
): { documents: SegmentDocument[]; clipped: number; dropped: number } {
  let clipped = 0;
  let dropped = 0;
  const quantized = documents.map(({ id, version, fields, vector }): SegmentDocument => {
    const result = quantizeWeights(vector.termIds, vector.weights, maxWeight, impactBits);
    clipped += result.clipped;
    dropped += result.dropped;
    return {
      id,
      version,
      fields,
      termIds: result.termIds,
      impacts: result.impacts,
      ownTermIds: vector.ownTermIds,
    };
  });
  return { documents: quantized, clipped, dropped };
}
