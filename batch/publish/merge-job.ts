/**
 * A merge as a job that can be handed to a thread: bytes and numbers alone go in and come out, or the names of files in a
 * scratch folder. Who does it where is for the merger.
 */
import {
  type MergedDocument,
  type MergeOptions,
  mergeInto,
  mergeSegments,
} from "../../shared/format/merge-segments.ts";
import type { SegmentOptions, SegmentSummary } from "../../shared/format/segment-assembly.ts";
import { decodeSegmentRoot } from "../../shared/format/segment-reader.ts";
import { type Disk, REAL_DISK, SpoolFiles } from "./file-spool.ts";
import {
  DocumentFileWriter,
  isStored,
  PageFileWriter,
  type StoredDocuments,
  StoredPageReader,
  type StoredPages,
} from "./stored-merge.ts";

export interface MergeJobInput {
  readonly segmentId: string;
  /** Of the root page, for errors. */
  readonly key: string;
  /** KV values by page number. */
  readonly pages: readonly Uint8Array[] | StoredPages;
  /** Ordinals to drop, strictly ascending. */
  readonly tombstones: Uint32Array;
}

export interface MergeJob extends SegmentOptions {
  readonly newId: string;
  readonly inputs: readonly MergeJobInput[];
  readonly order: NonNullable<MergeOptions["order"]>;
  /** A folder for everything that is large; null: it is all done in memory. */
  readonly scratch: string | null;
  readonly blockDocuments: number;
  readonly bucketBytes: number;
}

/** In memory or, of a job with a scratch folder, in files there. */
export interface MergeJobResult {
  readonly segment: SegmentSummary & { readonly pages: Uint8Array[] | StoredPages };
  /** In ordinal order. */
  readonly documents: MergedDocument[] | StoredDocuments;
}

export type DoMerge = (job: MergeJob) => Promise<MergeJobResult>;

/** @throws LzeroError as `mergeInto` and `decodeSegmentRoot`; `scratch_full`, `scratch_failed` */
export function doMerge(job: MergeJob, disk: Disk = REAL_DISK): MergeJobResult {
  const readers: StoredPageReader[] = [];
  try {
    const inputs = job.inputs.map(({ segmentId, key, pages, tombstones }) => {
      const values = isStored(pages) ? new StoredPageReader(pages) : pages;
      if (values instanceof StoredPageReader) readers.push(values);
      return { root: decodeSegmentRoot(values.at(0)!, segmentId, key), pages: values, tombstones };
    });
    if (job.scratch === null) return mergeSegments(job.newId, inputs, job);
    const files = new SpoolFiles(job.scratch, disk);
    try {
      const pages = new PageFileWriter(files.openFile("pages"));
      const documents = new DocumentFileWriter(files.openFile("documents"));
      const summary = mergeInto(job.newId, inputs, job, files.open, {
        page: (page, value) => pages.add(page, value),
        document: (document) => documents.add(document),
      });
      return { segment: { ...summary, pages: pages.end() }, documents: documents.end() };
    } finally {
      files.close();
    }
  } finally {
    for (const reader of readers) reader.close();
  }
}
