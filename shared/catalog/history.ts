/** The generations that an index can go back to, and which of them are kept on purpose. */
import { LzeroError } from "../errors.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { pruneGenerations, readSegment, requireGeneration } from "./generations.ts";
import {
  type GenerationSummary,
  type GenerationsResponse,
  MAX_PINS,
  type PinRequest,
  type PinResponse,
  type RetentionRules,
} from "./history-commands.ts";
import { generationKey, kindPrefix, readUint64, viewOf } from "./keys.ts";
import { prefixRange } from "./ordered-store.ts";
import { decodeJsonRow, type GenerationRow } from "./rows.ts";

export function listGenerations(context: CatalogContext): GenerationsResponse {
  const state = readState(context);
  const pins = new Set(state.pins ?? []);
  const sizes = new Map<number, number>();
  const sizeOf = (segment: number): number => {
    const known = sizes.get(segment) ?? readSegment(context, segment).sizeBytes;
    sizes.set(segment, known);
    return known;
  };
  const rows = context.store.list(prefixRange(kindPrefix("g")));
  const generations = rows.map(({ key, value }): GenerationSummary => {
    const generation = readUint64(viewOf(key), 1);
    const { createdAtMs, segments, why, restored } = decodeJsonRow<GenerationRow>(value);
    return {
      generation,
      createdAtMs,
      documents: segments.reduce((sum, { documents, tombstones }) => sum + documents - tombstones, 0),
      segments: segments.length,
      sizeBytes: segments.reduce((sum, { segment }) => sum + sizeOf(segment), 0),
      why: why ?? null,
      restored: restored?.generation ?? null,
      pinned: pins.has(generation),
      live: generation === state.generation,
    };
  });
  return { retention: retentionRules(context), generations };
}

export function pin(context: CatalogContext, { generation, pinned }: PinRequest): PinResponse {
  const state = readState(context);
  const pins = new Set(state.pins ?? []);
  if (pinned) {
    requireGeneration(context, state, generation);
    pins.add(generation);
    if (pins.size > MAX_PINS) {
      throw new LzeroError(
        "too_many_pins",
        `${MAX_PINS} generations are pinned already: unpin one first, since each keeps its pages in storage`,
        { limit: MAX_PINS, pins: [...(state.pins ?? [])] },
      );
    }
  } else if (!pins.delete(generation) && generation > state.generation) {
    requireGeneration(context, state, generation);
  }
  state.pins = [...pins].sort((a, b) => a - b);
  pruneGenerations(context, state);
  writeState(context, state);
  return { generation, pinned, retained: context.store.get(generationKey(generation)) !== null };
}

export function retentionRules({ config }: CatalogContext): RetentionRules {
  return {
    generationMs: config.generationRetentionMs,
    generations: config.maxRetainedGenerations,
    deletionMs: config.deletionRetentionMs,
    ingestMs: config.ingestRetentionMs,
    queueMs: config.queueRetentionMs,
  };
}
