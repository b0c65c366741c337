/**
 * Verifies generations as the catalog knows them: the current one, on request every older one that is kept, and whether
 * catalog and pages say the same. A segment that several generations have is read once.
 */
import { isLzeroError } from "../../shared/errors.ts";
import type { Manifest } from "../../shared/format/manifest.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { type VerifyProgress, type VerifyReport, verifyIndex } from "../../shared/verify/verify-index.ts";
import type { HistoryPort } from "../catalog-port.ts";
import { type CatalogReport, checkCatalog } from "./check-catalog.ts";

export interface KeptOptions {
  /** Compares with what the catalog says of every document. */
  readonly compares: boolean;
  /** Verifies the older generations too. */
  readonly kept: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface KeptReport {
  /** The current generation. */
  readonly current: VerifyReport;
  /** Null: it was not asked for. */
  readonly catalog: CatalogReport | null;
  /** Older generations, newest first, each with the segments that no newer one has. */
  readonly older: readonly VerifyReport[];
  /** All together. */
  readonly problemCount: number;
}

/** Rounds: a generation that is replaced meanwhile may lose its pages to a collection. */
const MAX_ROUNDS = 3;

/** @throws what the reader and the catalog throw */
export async function verifyKept(
  reader: PageReader,
  catalog: Pick<HistoryPort, "generations" | "manifest" | "located">,
  options: KeptOptions,
): Promise<KeptReport> {
  const progress = options.onProgress === undefined ? {} : { onProgress: options.onProgress };
  const seen = new Set<string>();
  let manifest = await catalog.manifest();
  let current = await verifyIndex(reader, manifest, progress);
  for (let round = 1; round < MAX_ROUNDS && isMissingPages(current); round++) {
    const newer = await catalog.manifest();
    if (newer.generation === manifest.generation) break;
    manifest = newer;
    current = await verifyIndex(reader, manifest, progress);
  }
  for (const { segmentId } of manifest.segments) seen.add(segmentId);
  const compared = options.compares ? await checkCatalog(reader, manifest, catalog) : null;

  const older: VerifyReport[] = [];
  const { generations } = options.kept ? await catalog.generations() : { generations: [] };
  for (const { generation } of generations.toReversed()) {
    if (generation >= manifest.generation) continue;
    const kept = await findManifest(catalog, generation);
    if (kept === null) continue;
    const fresh = kept.segments.filter(({ segmentId }) => !seen.has(segmentId));
    for (const { segmentId } of fresh) seen.add(segmentId);
    // Without a segment of its own there is nothing to read, the query tables neither.
    const model = fresh.length === 0 ? null : kept.model;
    const report = await verifyIndex(reader, { ...kept, model, segments: fresh }, progress);
    // Collected while it was read: that it is gone is right.
    if (isMissingPages(report) && (await findManifest(catalog, generation)) === null) continue;
    older.push(report);
  }
  const problemCount = [current, ...older].reduce(
    (sum, report) => sum + report.problemCount,
    compared?.problemCount ?? 0,
  );
  return { current, catalog: compared, older, problemCount };
}

/** @returns null for one that is no longer kept */
async function findManifest(
  catalog: Pick<HistoryPort, "manifest">,
  generation: number,
): Promise<Manifest | null> {
  try {
    return await catalog.manifest(generation);
  } catch (error) {
    if (isLzeroError(error, "generation_not_found")) return null;
    throw error;
  }
}

function isMissingPages({ problems }: VerifyReport): boolean {
  return problems.some(({ code }) => code === "page_missing");
}
