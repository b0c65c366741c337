/**
 * What one generation has and another has not: the documents that a rollback hides, or those that a later generation
 * lost by one. A bounded part of the answer at a time, since an index may hold millions. Changes nothing.
 */
import { LzeroError } from "../errors.ts";
import { type CatalogContext, readState } from "./context.ts";
import { readSegment, requireGeneration } from "./generations.ts";
import type { CompareRequest, CompareResponse, DifferentDocument } from "./history-commands.ts";
import { chunkFirstOrdinal, chunkKey, chunkPrefix } from "./keys.ts";
import { DocumentFinder } from "./locations.ts";
import { prefixRange } from "./ordered-store.ts";
import { decodeChunk, type LiveEntry } from "./rows.ts";
import { TombstoneView } from "./tombstones.ts";

/** Ordinals that one command passes at most; those that both generations have alive cost a look at two bits each. */
const MAX_PASSED = 1_000_000;

export function compare(context: CatalogContext, request: CompareRequest): CompareResponse {
  const state = readState(context);
  const own = side(context, requireGeneration(context, state, request.of).segments, request.of);
  const other = side(context, requireGeneration(context, state, request.against).segments, request.against);
  const finder = new DocumentFinder(context, { live: other.entries, tombstones: other.tombstones });
  const documents: DifferentDocument[] = [];
  let lookUps = 0;
  let passed = 0;
  let from = request.after;
  for (const { segment, documents: count } of own.entries) {
    const { segmentId } = readSegment(context, segment);
    if (from !== null && from.segmentId !== segmentId) continue;
    const first = from?.ordinal ?? 0;
    from = null;
    const keyOf = new DocumentKeys(context, segment);
    for (let ordinal = first; ordinal < count; ordinal++) {
      if (lookUps >= request.limit || passed >= MAX_PASSED) {
        return { documents, next: { segmentId, ordinal } };
      }
      passed += 1;
      if (!isLive(own, segment, ordinal) || isLive(other, segment, ordinal)) continue;
      lookUps += 1;
      const [documentKey, version] = keyOf.at(ordinal);
      const there = finder.find(documentKey).live;
      if (there?.version === version) continue;
      documents.push({ segmentId, ordinal, version, other: there?.version ?? null });
    }
  }
  if (from !== null) {
    throw new LzeroError(
      "compare_cursor_invalid",
      `generation ${request.of} has no segment ${from.segmentId}`,
      { segmentId: from.segmentId, generation: request.of },
    );
  }
  return { documents, next: null };
}

interface Side {
  readonly entries: readonly LiveEntry[];
  readonly segments: ReadonlySet<number>;
  readonly tombstones: TombstoneView;
}

function side(context: CatalogContext, entries: readonly LiveEntry[], generation: number): Side {
  const segments = new Set(entries.map(({ segment }) => segment));
  return { entries, segments, tombstones: new TombstoneView(context.store, generation) };
}

function isLive({ segments, tombstones }: Side, segment: number, ordinal: number): boolean {
  return segments.has(segment) && !tombstones.has(segment, ordinal);
}

/** Keys and versions of a segment's documents by ordinal, chunk by chunk as they are asked for. */
class DocumentKeys {
  readonly #context: CatalogContext;
  readonly #segment: number;
  #chunk: readonly (readonly [key: string, version: number, ...unknown[]])[] = [];
  #firstOrdinal = 0;

  constructor(context: CatalogContext, segment: number) {
    this.#context = context;
    this.#segment = segment;
  }

  at(ordinal: number): readonly [key: string, version: number, ...unknown[]] {
    const held = this.#chunk[ordinal - this.#firstOrdinal];
    if (held !== undefined) return held;
    const [row] = this.#context.store.list({
      ...prefixRange(chunkPrefix(this.#segment)),
      end: chunkKey(this.#segment, ordinal + 1),
      limit: 1,
      reverse: true,
    });
    if (row !== undefined) {
      this.#chunk = decodeChunk(row.value);
      this.#firstOrdinal = chunkFirstOrdinal(row.key);
    }
    const found = this.#chunk[ordinal - this.#firstOrdinal];
    if (found !== undefined) return found;
    throw new LzeroError("catalog_inconsistent", `ordinal ${ordinal} of a committed segment is not located`, {
      segment: this.#segment,
      ordinal,
    });
  }
}
