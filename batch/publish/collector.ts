/**
 * Deletes the pages of segments that the catalog says nobody needs any more, then tells the catalog so. In that order:
 * a crash between leaves a segment to be collected again, never a page that nobody knows.
 */
import { pageKey } from "../../shared/storage/keys.ts";
import type { IndexTarget } from "./publish-target.ts";
import type { OnStep } from "./write-segment.ts";

export interface CollectorOptions {
  /** How long a replaced segment's pages are kept for readers of older manifests. */
  readonly graceMs?: number;
  readonly onStep?: OnStep;
}

/** Readers keep a manifest some seconds and KV may show an old one for a minute; ten minutes is far beyond both. */
export const COLLECT_GRACE_MS = 10 * 60_000;

/** Collects until nothing is left. @returns segments and pages that were deleted */
export async function collectGarbage(
  target: IndexTarget,
  options: CollectorOptions = {},
): Promise<{ segments: number; pages: number }> {
  const graceMs = options.graceMs ?? COLLECT_GRACE_MS;
  const onStep = options.onStep ?? (() => undefined);
  const total = { segments: 0, pages: 0 };
  let { segments } = await target.catalog.collect({ collected: [], graceMs });
  while (segments.length > 0) {
    const keys = segments.flatMap(({ segmentId, pages }) =>
      Array.from({ length: pages }, (_, page) => pageKey(target.index, segmentId, page)),
    );
    await target.store.delete(keys);
    await onStep("pages-deleted");
    const collected = segments.map(({ segmentId }) => segmentId);
    total.segments += collected.length;
    total.pages += keys.length;
    ({ segments } = await target.catalog.collect({ collected, graceMs }));
    await onStep("collected");
  }
  return total;
}
