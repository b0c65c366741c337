/**
 * Which segments to merge. Reads cost a few values a segment, so there are never more than eight live ones for long;
 * rewriting costs bytes, so large segments are left alone until the small ones together weigh as much.
 *
 * The rule: with more than `maxLive` segments take the two smallest, then go on taking the next larger one for as long
 * as it is no larger than all that were taken before it together. So a merge at least doubles the segment that each
 * document of it was in (but for the forced pair, which is small then: every segment above it outweighs all below
 * it), and each document is rewritten about log2(index size / batch size) times, not once a batch.
 *
 * With few enough segments, one of which more than `maxTombstoneShare` is dead is rewritten alone: its postings are read
 * by every query and its bytes are paid for. At a share of 0.3 that writes 2.3 documents anew for each dead one. Below
 * `minDeadBytes` it is left to the next merge: small segments are merged soon anyway, and a stream of small updates
 * would pay a rewrite a commit.
 */
import type { LiveSegment } from "../../shared/catalog/commands.ts";

/** Live segments that an index may keep without a merge (DESIGN: eight or fewer). */
export const MAX_LIVE_SEGMENTS = 8;
/**
 * Memory sets no bound to a merge, but its scratch folder takes about three times this, and minutes pass; the forced pair
 * is merged whatever its size. (A bound that an index outgrows is costly: with eight segments above it, every batch would
 * be merged with one of them.)
 */
export const MAX_MERGE_BYTES = 16 * 1024 * 1024 * 1024;

/** Share of a segment's documents that may be dead before it is rewritten. */
export const MAX_TOMBSTONE_SHARE = 0.3;
/** Dead bytes of a segment below which a rewrite is worth nothing: a few pages. */
export const MIN_DEAD_BYTES = 1024 * 1024;

export interface MergePolicy {
  readonly maxLive: number;
  readonly maxMergeBytes: number;
  readonly maxTombstoneShare: number;
  readonly minDeadBytes: number;
}

export const DEFAULT_MERGE_POLICY: MergePolicy = {
  maxLive: MAX_LIVE_SEGMENTS,
  maxMergeBytes: MAX_MERGE_BYTES,
  maxTombstoneShare: MAX_TOMBSTONE_SHARE,
  minDeadBytes: MIN_DEAD_BYTES,
};

/** @returns the segments to merge, in the manifest's order, or one to rewrite; empty when there is nothing to do */
export function chooseMerge(
  segments: readonly LiveSegment[],
  policy: MergePolicy = DEFAULT_MERGE_POLICY,
): LiveSegment[] {
  if (segments.length <= policy.maxLive) return chooseRewrite(segments, policy);
  const bySize = [...segments].sort((a, b) => liveBytes(a) - liveBytes(b));
  const chosen = new Set<LiveSegment>();
  let liveTotal = 0;
  let storedTotal = 0;
  const forced = segments.length - policy.maxLive + 1;
  for (const segment of bySize) {
    const isForced = chosen.size < Math.max(2, forced);
    const fits = storedTotal + segment.sizeBytes <= policy.maxMergeBytes;
    if (!isForced && !(liveBytes(segment) <= liveTotal && fits)) break;
    chosen.add(segment);
    liveTotal += liveBytes(segment);
    storedTotal += segment.sizeBytes;
  }
  return segments.filter((segment) => chosen.has(segment));
}

/** Whether enough of a segment is dead for a rewrite to be worth it. */
export function isWorthRewriting(segment: LiveSegment, policy: MergePolicy): boolean {
  const { documents, tombstones, sizeBytes } = segment;
  return (
    tombstones > policy.maxTombstoneShare * documents &&
    deadBytes(segment) >= policy.minDeadBytes &&
    sizeBytes <= policy.maxMergeBytes
  );
}

/** The segment with the most dead bytes of those that are worth it. */
function chooseRewrite(segments: readonly LiveSegment[], policy: MergePolicy): LiveSegment[] {
  const worth = segments.filter((segment) => isWorthRewriting(segment, policy));
  return worth.sort((a, b) => deadBytes(b) - deadBytes(a)).slice(0, 1);
}

/** Bytes that a merge would keep of a segment, about. */
function liveBytes({ sizeBytes, documents, tombstones }: LiveSegment): number {
  return documents === 0 ? 0 : sizeBytes * (1 - tombstones / documents);
}

function deadBytes(segment: LiveSegment): number {
  return segment.sizeBytes - liveBytes(segment);
}
