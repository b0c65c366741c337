/**
 * Holds what the catalog says of a generation against its pages: the manifest in KV, and every document's id, version
 * and place. A catalog that is wrong about a place would bury another document with the next write.
 */
import { documentKey } from "../../shared/catalog/document-key.ts";
import { isLzeroError } from "../../shared/errors.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../shared/format/manifest.ts";
import {
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
  type SegmentRoot,
} from "../../shared/format/segment-reader.ts";
import { manifestKey, pageKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { ProblemList } from "../../shared/verify/problem.ts";
import type { HistoryPort } from "../catalog-port.ts";

export interface CatalogReport {
  /** The generation that KV shows; older than the catalog's for a moment after a commit. Null: no manifest there. */
  readonly shownGeneration: number | null;
  /** Documents whose places were compared. */
  readonly documents: number;
  readonly problems: ProblemList["listed"];
  readonly problemCount: number;
}

/** @throws what the reader and the catalog throw */
export async function checkCatalog(
  reader: PageReader,
  manifest: Manifest,
  catalog: Pick<HistoryPort, "manifest" | "located">,
): Promise<CatalogReport> {
  const problems = new ProblemList();
  const shownGeneration = await checkShown(reader, manifest, catalog, problems);
  let documents = 0;
  for (const { segmentId } of manifest.segments) {
    documents += await checkSegment({ reader, index: manifest.index, segmentId, catalog, problems });
  }
  return { shownGeneration, documents, problems: problems.listed, problemCount: problems.count };
}

/** Compares the manifest that readers see with the catalog's of the same generation, byte by byte. */
async function checkShown(
  reader: PageReader,
  { index }: Manifest,
  catalog: Pick<HistoryPort, "manifest">,
  problems: ProblemList,
): Promise<number | null> {
  const key = manifestKey(index);
  const value = await reader.read(key);
  if (value === null) {
    problems.add("catalog_disagrees", key, "the catalog has this index, KV shows no manifest of it");
    return null;
  }
  const shown = problems.attempt(key, () => decodeManifest(value, index, key));
  if (shown === null) return null;
  const { generation } = shown;
  try {
    const own = await catalog.manifest(generation);
    if (!equalBytes(encodeManifest(own), encodeManifest(shown))) {
      problems.add(
        "catalog_disagrees",
        key,
        `generation ${generation} is another one in KV than in the catalog`,
        {
          generation,
        },
      );
    }
  } catch (error) {
    // So old that nothing can be compared: KV is far behind, which readers notice by its age.
    if (!isLzeroError(error, "generation_not_found")) throw error;
    problems.add(
      "catalog_disagrees",
      key,
      `KV shows generation ${generation}, which the catalog does not keep`,
      {
        generation,
      },
    );
  }
  return generation;
}

interface SegmentCheck {
  readonly reader: PageReader;
  readonly index: string;
  readonly segmentId: string;
  readonly catalog: Pick<HistoryPort, "located">;
  readonly problems: ProblemList;
}

/** @returns documents that were compared; pages that cannot be read are for `verifyIndex` to report */
async function checkSegment({ reader, index, segmentId, catalog, problems }: SegmentCheck): Promise<number> {
  const key = pageKey(index, segmentId, 0);
  const value = await reader.read(key);
  const root = value === null ? null : attempt(() => decodeSegmentRoot(value, segmentId, key));
  if (root === null) return 0;
  let compared = 0;
  let held = { page: -1, payload: null as Uint8Array | null };
  for (let ordinal = 0; ordinal < root.documents; ) {
    const { documents } = await catalog.located({ segmentId, firstOrdinal: ordinal });
    if (documents.length === 0) {
      const message = `the catalog has ${ordinal} documents of segment ${segmentId}, its root says ${root.documents}`;
      problems.add("catalog_disagrees", key, message, { segmentId, stated: ordinal, found: root.documents });
      break;
    }
    for (const stated of documents.slice(0, root.documents - ordinal)) {
      const { page } = root.documentPageOf(ordinal);
      if (held.page !== page) held = { page, payload: await readPayload(reader, root, page) };
      const { payload } = held;
      const at = ordinal++;
      if (payload === null) continue;
      const found = attempt(() => decodeStoredDocument(root, payload, at));
      if (found === null) continue;
      compared += 1;
      if (documentKey(found.id) === stated.key && found.version === stated.version) continue;
      const message = `ordinal ${at} is document ${JSON.stringify(found.id)} at version ${found.version}, the catalog has another one there, or another version`;
      problems.add("catalog_disagrees", root.pageKey(page), message, {
        segmentId,
        ordinal: at,
        stated: stated.version,
        found: found.version,
      });
    }
  }
  return compared;
}

async function readPayload(reader: PageReader, root: SegmentRoot, page: number): Promise<Uint8Array | null> {
  if (page === 0) return root.inlinePayload;
  const value = await reader.read(root.pageKey(page));
  return value === null ? null : attempt(() => decodeSegmentPage(root, value, page));
}

function attempt<Result>(decode: () => Result): Result | null {
  try {
    return decode();
  } catch (error) {
    if (!isLzeroError(error)) throw error;
    return null;
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
