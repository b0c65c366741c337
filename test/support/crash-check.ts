/**
 * What must hold after any crash: every document that was accepted is in the index once and as it was sent last, its
 * ingest says so, catalog and manifest agree, every page verifies, and no page is left that nobody needs.
 */
import { expect } from "vitest";
import { collectGarbage } from "../../batch/publish/collector.ts";
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import { isLzeroError } from "../../shared/errors.ts";
import { decodeManifest, type Manifest } from "../../shared/format/manifest.ts";
import { decodeSegmentRoot } from "../../shared/format/segment-reader.ts";
import { manifestKey, pageKey, SEGMENT_ID_PATTERN } from "../../shared/storage/keys.ts";
import type { CrashStack } from "./crash-stack.ts";
import { expectVerified } from "./expect-verified.ts";
import { readIndex } from "./read-index.ts";

export interface SentText {
  readonly id: string;
  readonly text: string;
}

/** What is asked of a stack here. */
export type CheckedStack = Pick<
  CrashStack,
  "client" | "store" | "waitFor" | "countQueued" | "targetOf" | "listKeys"
>;

/** All that was sent to an index, and what must have become of it. */
export class SentDocuments {
  readonly stack: CheckedStack;
  readonly index: string;
  /** The text of each document's newest write, by id. */
  readonly #texts = new Map<string, string>();
  readonly #ingests: { readonly ingestId: string; readonly positions: number }[] = [];
  /** Documents that must be in the dead-letter queue and nowhere else. */
  readonly dead = new Set<string>();

  constructor(stack: CheckedStack, index: string) {
    this.stack = stack;
    this.index = index;
  }

  get count(): number {
    return this.#texts.size;
  }

  /** Sends documents, some a request; each request is a message of its own on the queue. */
  async send(documents: readonly SentText[], perRequest: number): Promise<void> {
    for (let start = 0; start < documents.length; start += perRequest) {
      const part = documents.slice(start, start + perRequest);
      const key = `request-${this.#ingests.length}`;
      const body = JSON.stringify(part.map(({ id, text }) => ({ id, text })));
      const answer = await this.stack.client.sendDocuments(this.index, body, key);
      expect(answer).toMatchObject({ accepted: part.length, rejected: [] });
      this.#ingests.push({ ingestId: answer.ingestId!, positions: part.length });
      for (const { id, text } of part) this.#texts.set(id, text);
    }
  }

  /** Waits until no document is pending and no message is left. */
  async waitUntilSettled(): Promise<void> {
    const { stack, index } = this;
    let left = { pending: -1, messages: -1 };
    const describe = () => `an end of what is pending in ${index} (${JSON.stringify(left)})`;
    await stack.waitFor(describe, async () => {
      left = { pending: (await stack.client.status(index))!.pending, messages: await stack.countQueued() };
      return left.pending === 0 && left.messages === 0;
    });
  }

  /** Everything but left-over pages. @returns the generation that was checked */
  async expectWhole(): Promise<Manifest> {
    await this.waitUntilSettled();
    await this.#expectIngests();
    const { status, manifest } = await this.#readCurrent();
    expect(status).toMatchObject({
      pending: 0,
      oldestPendingAtMs: null,
      documents: this.#texts.size - this.dead.size,
      segments: manifest.segments.map(({ segmentId, pages, documents, sizeBytes, tombstones }) => ({
        segmentId,
        pages,
        documents,
        sizeBytes,
        tombstones: tombstones.length,
      })),
    });
    expect(manifest.model?.tables).toBe(status.snapshot?.tables ?? status.model?.tables);
    const found = await readIndex(this.stack.store, manifest);
    const wanted = [...this.#texts].filter(([id]) => !this.dead.has(id));
    expect(found.map(({ id }) => id)).toEqual(wanted.map(([id]) => id).sort());
    expect(found.filter(({ id, text }) => this.#texts.get(id) !== text)).toEqual([]);
    await expectVerified(this.stack.store, manifest);
    return manifest;
  }

  /** The catalog's view and KV's manifest of one generation; a merge may still go on after the last message. */
  async #readCurrent(): Promise<{ status: CatalogStatus; manifest: Manifest }> {
    const { catalog, store } = this.stack.targetOf(this.index);
    const key = manifestKey(this.index);
    let found: { status: CatalogStatus; manifest: Manifest } | null = null;
    await this.stack.waitFor(`the newest manifest of ${this.index}`, async () => {
      const status = await catalog.status();
      const value = await store.read(key);
      if (value === null || status.generation !== status.publishedGeneration) return false;
      const manifest = decodeManifest(value, this.index, key);
      if (manifest.generation !== status.generation) return false;
      found = { status, manifest };
      return true;
    });
    return found!;
  }

  async #expectIngests(): Promise<void> {
    let dead = 0;
    for (const { ingestId, positions } of this.#ingests) {
      const status = await this.stack.client.ingestStatus(this.index, ingestId);
      const counts = { pending: 0, superseded: 0, failed: 0, expired: 0 };
      expect(status?.counts).toMatchObject(counts);
      expect(status!.counts.indexed + status!.counts.dead).toBe(positions);
      dead += status!.counts.dead;
    }
    expect(dead).toBe(this.dead.size);
  }
}

/** What crashes left in KV, and that a collection leaves nothing of it. */
export interface Leftovers {
  /** Pages of segments that were staged and never committed. */
  readonly pages: number;
  /** Pages that the collection deleted, those of replaced segments included. */
  readonly deleted: number;
}

/**
 * Gives up what crashed attempts staged, as their leases would later, and collects. Every page that is left must
 * belong to a live segment or to one that an older generation still has. Call it while no publisher is at work.
 */
export async function expectNoOrphans(stack: CheckedStack, index: string): Promise<Leftovers> {
  const abandoned = await giveUpStaged(stack, index);
  const target = stack.targetOf(index);
  const { pages: deleted } = await collectGarbage(target, { graceMs: 0 });
  const { segments } = await target.catalog.status();
  const pagesOf = new Map(segments.map(({ segmentId, pages }) => [segmentId, pages]));
  const orphans: string[] = [];
  for (const key of await stack.listKeys(`${index}/`)) {
    if (key === manifestKey(index)) continue;
    const [, segmentId = "", page = ""] = key.split("/");
    if (!pagesOf.has(segmentId) && (await stateOf(stack, index, segmentId)) === "committed") {
      const root = await stack.store.read(pageKey(index, segmentId, 0));
      pagesOf.set(segmentId, root === null ? 0 : decodeSegmentRoot(root, segmentId, key).pages);
    }
    if (!(Number(page) < (pagesOf.get(segmentId) ?? 0))) orphans.push(key);
  }
  expect(orphans).toEqual([]);
  const others = (await stack.listKeys("")).filter((key) => !key.includes("/") || key.startsWith("_"));
  expect(others.filter((key) => !/^_tables\/[0-9a-f]{32}$/.test(key))).toEqual([]);
  return { pages: abandoned, deleted };
}

/** Gives up every segment with pages in KV that is neither live nor was. @returns their pages */
export async function giveUpStaged(stack: CheckedStack, index: string): Promise<number> {
  const { segments } = await stack.targetOf(index).catalog.status();
  const live = new Set(segments.map(({ segmentId }) => segmentId));
  const pages = new Map<string, number>();
  for (const key of await stack.listKeys(`${index}/`)) {
    const segmentId = key.split("/")[1]!;
    if (SEGMENT_ID_PATTERN.test(segmentId) && !live.has(segmentId))
      pages.set(segmentId, (pages.get(segmentId) ?? 0) + 1);
  }
  let abandoned = 0;
  for (const [segmentId, count] of pages) {
    if ((await stateOf(stack, index, segmentId)) === "given up") abandoned += count;
  }
  return abandoned;
}

/** Gives a segment up unless it is committed: the catalog lists only live ones, this asks for the others. */
async function stateOf(
  stack: CheckedStack,
  index: string,
  segmentId: string,
): Promise<"committed" | "given up"> {
  try {
    await stack.targetOf(index).catalog.abort({ segmentId });
    return "given up";
  } catch (error) {
    if (isLzeroError(error, "segment_committed")) return "committed";
    throw error;
  }
}
