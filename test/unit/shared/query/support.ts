/** Random indexes in memory and their brute-force model. */
import fc from "fast-check";
import type { Manifest } from "../../../../shared/format/manifest.ts";
import { encodeSegment, type SegmentOptions } from "../../../../shared/format/segment-writer.ts";
import type { SegmentDocument } from "../../../../shared/format/stored-document.ts";
import type { QueryVector } from "../../../../shared/query/query-vector.ts";
import { pageKey } from "../../../../shared/storage/keys.ts";
import type { PageReader } from "../../../../shared/storage/page-store.ts";

export const INDEX = "test";
export const MAX_WEIGHT = 3.5;

/** Node's; tests in workerd, whose types lack it, use quick answers. */
declare const setImmediate: (work: (value: unknown) => void) => unknown;

/** Pages in a map; counts what is asked of it. */
export class MapReader implements PageReader {
  readonly values = new Map<string, Uint8Array>();
  readonly keysRead: string[] = [];
  atOnce = 0;
  mostAtOnce = 0;

  async read(key: string): Promise<Uint8Array | null> {
    this.keysRead.push(key);
    this.atOnce++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    this.atOnce--;
    return this.values.get(key) ?? null;
  }
}

/** Reads through setImmediate cost more than the search when there are hundreds. */
export function keepAnswersQuick(reader: MapReader): void {
  reader.read = async (key) => reader.values.get(key) ?? null;
}

export interface SegmentPlan {
  readonly documents: readonly SegmentDocument[];
  readonly tombstones: readonly number[];
  readonly options?: SegmentOptions;
}

/** Encodes segments, stores them and names them in a manifest. */
export function buildIndex(plans: readonly SegmentPlan[]): { reader: MapReader; manifest: Manifest } {
  const reader = new MapReader();
  const segments = plans.map(({ documents, tombstones, options }, place) => {
    const segmentId = place.toString(16).padStart(32, "0");
    const segment = encodeSegment(segmentId, documents, options);
    segment.pages.forEach((value, page) => {
      reader.values.set(pageKey(INDEX, segmentId, page), value);
    });
    return {
      segmentId,
      pages: segment.pages.length,
      documents: documents.length,
      sizeBytes: segment.sizeBytes,
      checksum: segment.checksum,
      tombstones: Uint32Array.from(tombstones),
    };
  });
  const manifest: Manifest = {
    index: INDEX,
    generation: 1,
    createdAtMs: 0,
    settings: {
      encoder: "bm25",
      versions: "sequence",
      encodedFields: ["text"],
      idf: "blend",
      averageLength: null,
    },
    model: {
      fingerprint: "a".repeat(32),
      tables: "b".repeat(32),
      maxWeight: MAX_WEIGHT,
      impactBits: 8,
      averageLength: null,
    },
    segments,
  };
  return { reader, manifest };
}

export function queryOf(weights: Readonly<Record<number, number>>): QueryVector {
  const termIds = Object.keys(weights).map(Number);
  return {
    termIds: Uint32Array.from(termIds),
    weights: Uint32Array.from(termIds, (termId) => weights[termId]!),
    tokens: termIds.length,
    unknown: 0,
  };
}

/** "segment ordinal id integerScore" of every match, best first. */
export function bruteForce(plans: readonly SegmentPlan[], query: QueryVector): string[] {
  const weightOf = new Map(Array.from(query.termIds, (termId, at) => [termId, query.weights[at]!]));
  const matches: { place: number; ordinal: number; id: string; score: number }[] = [];
  plans.forEach(({ documents, tombstones }, place) => {
    documents.forEach((document, ordinal) => {
      if (tombstones.includes(ordinal)) return;
      let score = 0;
      document.termIds.forEach((termId, at) => {
        score += (weightOf.get(termId) ?? 0) * document.impacts[at]!;
      });
      if (score > 0) matches.push({ place, ordinal, id: document.id, score });
    });
  });
  matches.sort((a, b) => b.score - a.score || a.place - b.place || a.ordinal - b.ordinal);
  return matches.map(({ place, ordinal, id, score }) => `${place} ${ordinal} ${id} ${score}`);
}

/** Documents over eight terms with impacts from a few values, so that ties are frequent. */
const documentArbitrary = fc
  .uniqueArray(fc.integer({ min: 0, max: 7 }), { maxLength: 8 })
  .chain((termIds) =>
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 4 }),
      termIds: fc.constant(Uint32Array.from(termIds).sort()),
      impacts: fc
        .array(fc.constantFrom(1, 2, 100, 255), { minLength: termIds.length, maxLength: termIds.length })
        .map((impacts) => Uint8Array.from(impacts)),
    }),
  )
  .map(
    ({ id, termIds, impacts }): SegmentDocument => ({
      id,
      version: 1,
      fields: { title: null, text: `text of ${id}`, url: null, metadata: null },
      termIds,
      impacts,
      ownTermIds: termIds,
    }),
  );

export const planArbitrary: fc.Arbitrary<SegmentPlan> = fc
  .array(documentArbitrary, { maxLength: 40 })
  .chain((documents) =>
    fc.record({
      documents: fc.constant(documents),
      tombstones:
        documents.length === 0
          ? fc.constant([])
          : fc
              .uniqueArray(fc.nat(documents.length - 1), { maxLength: 10 })
              .map((ordinals) => ordinals.sort((a, b) => a - b)),
      options: fc.record({
        inlineBytes: fc.constantFrom(0, 256 * 1024),
        postingPageBytes: fc.integer({ min: 1, max: 100 }),
        documentPageBytes: fc.integer({ min: 1, max: 300 }),
      }),
    }),
  );

export const queryArbitrary = fc
  .dictionary(
    fc.integer({ min: 0, max: 9 }).map(String),
    fc.oneof(fc.constantFrom(1, 256), fc.integer({ min: 1, max: 4000 })),
    { maxKeys: 8 },
  )
  .map((weights) => queryOf(weights));
