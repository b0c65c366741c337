/**
 * Merges small segments of an index into one, from their posting lists: nothing is encoded again. Tombstones come
 * from the manifest in KV, which may be older than the catalog: a document that died meanwhile is copied and born
 * tombstoned by the commit, which also refuses a merge that lacks a live document. It runs beside other publishers;
 * when one of them merged first, this one gives way. A merge that is too large for its memory goes through a scratch
 * folder: every page is read once from the store into it, and the new pages wait there to be written.
 */
import { setTimeout as sleepFor } from "node:timers/promises";
import type { CatalogStatus, CommitResponse, LiveSegment } from "../../shared/catalog/commands.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { decodeManifest } from "../../shared/format/manifest.ts";
import type { MergedDocument } from "../../shared/format/merge-segments.ts";
import { manifestKey, pageKey } from "../../shared/storage/keys.ts";
import type { Logger } from "../logging.ts";
import { SpoolFiles } from "./file-spool.ts";
import { DEFAULT_MERGE_MEMORY, parseMemory, planMerge } from "./merge-budget.ts";
import { type DoMerge, doMerge, type MergeJobInput, type MergeJobResult } from "./merge-job.ts";
import { chooseMerge, DEFAULT_MERGE_POLICY, isWorthRewriting, type MergePolicy } from "./merge-policy.ts";
import { type IndexTarget, newSegmentId } from "./publish-target.ts";
import { Scratch } from "./scratch.ts";
import {
  isStored,
  PageFileWriter,
  type Slices,
  StoredDocumentReader,
  StoredPageReader,
} from "./stored-merge.ts";
import { type OnStep, writeSegment } from "./write-segment.ts";

export interface MergeResult extends CommitResponse {
  readonly segmentId: string;
  readonly replaced: readonly string[];
  readonly documents: number;
  readonly sizeBytes: number;
}

export interface MergerOptions {
  readonly logger?: Logger;
  readonly policy?: MergePolicy;
  readonly onStep?: OnStep;
  readonly newSegmentId?: () => string;
  /** Does merges that cluster or need a scratch folder, which take up to minutes. @default here, in this thread */
  readonly mergeLarge?: DoMerge;
  /** What a merge may take of memory, besides what the process takes anyway. @default DEFAULT_MERGE_MEMORY */
  readonly memoryBytes?: number;
  /** Where scratch folders are made. @default the folder for temporary files */
  readonly scratchParent?: string;
  /** From so many live documents on a merge orders them anew, so that hits lie together. @default 2000 */
  readonly clusterFromDocuments?: number;
  /** Waits before reading a page again that is not there yet. */
  readonly missingPageDelaysMs?: readonly number[];
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/** KV shows a page everywhere within about a minute, misses included (Cloudflare: how KV works, consistency). */
const MISSING_PAGE_DELAYS_MS = [500, 1000, 2000, 5000, 10_000, 20_000, 30_000];
/** Fewer documents have few pages, in whatever order. */
const CLUSTER_FROM_DOCUMENTS = 2000;
/** Page reads under way at once. */
const READ_CONCURRENCY = 8;

export class Merger {
  readonly #options: MergerOptions;

  constructor(options: MergerOptions = {}) {
    this.#options = options;
  }

  /**
   * Merges once, when the index has too many segments, or rewrites one of which too much is dead.
   * @returns null when there was nothing to merge or another publisher was first
   * @throws LzeroError `page_missing`, or of the catalog and the store
   */
  async mergeOnce(target: IndexTarget): Promise<MergeResult | null> {
    const status = await target.catalog.status();
    const chosen = chooseMerge(status.segments, this.#policy);
    if (chosen.length === 0 || status.model === null) return null;
    try {
      return await this.#merge(target, status.model, chosen);
    } catch (error) {
      if (!isLzeroError(error, "merge_conflict")) throw error;
      this.#options.logger?.info(
        { err: error, index: target.index },
        "merge given up: the index has changed",
      );
      return null;
    }
  }

  async #merge(
    target: IndexTarget,
    model: NonNullable<CatalogStatus["model"]>,
    chosen: readonly LiveSegment[],
  ): Promise<MergeResult | null> {
    const onStep = this.#options.onStep ?? (() => undefined);
    const tombstones = await readTombstones(target);
    if (chosen.length === 1 && !this.#canRewrite(chosen[0]!, tombstones)) return null;
    const stored = chosen.reduce((sum, { documents, tombstones }) => sum + documents - tombstones, 0);
    const order =
      stored >= (this.#options.clusterFromDocuments ?? CLUSTER_FROM_DOCUMENTS) ? "clustered" : "given";
    const memoryBytes = this.#options.memoryBytes ?? parseMemory(DEFAULT_MERGE_MEMORY);
    const { isInMemory, ...plan } = planMerge(memoryBytes, chosen, order === "clustered");
    const scratch = isInMemory ? null : new Scratch(this.#options.scratchParent);
    const closing: { close(): void }[] = [];
    try {
      const inputs = await this.#readInputs(target, chosen, tombstones, scratch);
      await onStep("merge-read");
      const segmentId = (this.#options.newSegmentId ?? newSegmentId)();
      const job = { newId: segmentId, inputs, order, scratch: scratch?.folder ?? null, ...plan } as const;
      // A small merge is done before a thread has started.
      const isSmall = order === "given" && isInMemory;
      const inThread = isSmall ? undefined : this.#options.mergeLarge;
      const merged = inThread === undefined ? doMerge(job) : await inThread(job);
      await onStep("merged");
      const replaces = chosen.map((one) => one.segmentId);
      const { documents, sizeBytes } = merged.segment;
      const answer = await writeSegment(
        target,
        { segmentId, ...openResult(merged, closing), model, replaces },
        onStep,
      );
      return { ...answer, segmentId, replaced: replaces, documents, sizeBytes };
    } finally {
      for (const each of closing) each.close();
      scratch?.remove();
    }
  }

  get #policy(): MergePolicy {
    return this.#options.policy ?? DEFAULT_MERGE_POLICY;
  }

  /** While KV shows a manifest from before the deletions, a rewrite would copy the dead, again and again. */
  #canRewrite(segment: LiveSegment, known: ReadonlyMap<string, Uint32Array>): boolean {
    const tombstones = known.get(segment.segmentId)?.length ?? 0;
    return isWorthRewriting({ ...segment, tombstones }, this.#policy);
  }

  async #readInputs(
    target: IndexTarget,
    chosen: readonly LiveSegment[],
    tombstones: ReadonlyMap<string, Uint32Array>,
    scratch: Scratch | null,
  ): Promise<MergeJobInput[]> {
    const files = scratch === null ? null : new SpoolFiles(scratch.folder);
    try {
      const inputs: MergeJobInput[] = [];
      for (const { segmentId, pages: count } of chosen) {
        const file = files === null ? null : new PageFileWriter(files.openFile(`input-${inputs.length}`));
        const values: Uint8Array[] = [];
        await this.#readPages(target, segmentId, count, (page, value) => {
          if (file === null) values[page] = value;
          else file.add(page, value);
        });
        inputs.push({
          segmentId,
          key: pageKey(target.index, segmentId, 0),
          pages: file?.end() ?? values,
          tombstones: tombstones.get(segmentId) ?? new Uint32Array(),
        });
      }
      return inputs;
    } finally {
      files?.close();
    }
  }

  async #readPages(
    target: IndexTarget,
    segmentId: string,
    count: number,
    take: (page: number, value: Uint8Array) => void,
  ): Promise<void> {
    for (let start = 0; start < count; start += READ_CONCURRENCY) {
      const pages = Array.from({ length: Math.min(READ_CONCURRENCY, count - start) }, (_, at) => start + at);
      const values = await Promise.all(pages.map((page) => this.#readPage(target, segmentId, page)));
      for (const [at, value] of values.entries()) take(start + at, value);
    }
  }

  async #readPage(target: IndexTarget, segmentId: string, page: number): Promise<Uint8Array> {
    const key = pageKey(target.index, segmentId, page);
    const sleep = this.#options.sleep ?? sleepFor;
    for (const delayMs of [...(this.#options.missingPageDelaysMs ?? MISSING_PAGE_DELAYS_MS), null]) {
      const value = await target.store.read(key);
      if (value !== null) return value;
      if (delayMs !== null) await sleep(delayMs);
    }
    throw new LzeroError("page_missing", `page ${key} of a live segment is not there`, { key });
  }
}

/** @param closing takes what has to be closed */
function openResult(
  { segment, documents }: MergeJobResult,
  closing: { close(): void }[],
): Pick<Parameters<typeof writeSegment>[1], "encoded" | "located"> {
  const open = <Reader extends { close(): void }>(reader: Reader): Reader => {
    closing.push(reader);
    return reader;
  };
  const pages = isStored(segment.pages) ? open(new StoredPageReader(segment.pages)) : segment.pages;
  const merged: Slices<MergedDocument> = isStored(documents)
    ? open(new StoredDocumentReader(documents))
    : documents;
  return {
    encoded: { ...segment, pages },
    located: {
      length: merged.length,
      slice: (start, end) => merged.slice(start, end).map(({ key, version }) => [key, version, null, null]),
    },
  };
}

async function readTombstones(target: IndexTarget): Promise<Map<string, Uint32Array>> {
  const key = manifestKey(target.index);
  const value = await target.store.read(key);
  if (value === null) return new Map();
  const { segments } = decodeManifest(value, target.index, key);
  return new Map(segments.map(({ segmentId, tombstones }) => [segmentId, tombstones]));
}
