/**
 * Sends documents that an older generation has and a newer one has not through the queue again, each at its version: a
 * newer version, or a deletion, is never overwritten. The texts come out of the older generation's own pages.
 */
import { LzeroError } from "../../shared/errors.ts";
import {
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
  type SegmentRoot,
} from "../../shared/format/segment-reader.ts";
import type { StoredDocument } from "../../shared/format/stored-document.ts";
import { packMessages } from "../../shared/messages/pack-messages.ts";
import type { QueuedDocument } from "../../shared/messages/queue-message.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import type { HistoryPort } from "../catalog-port.ts";
import { differences } from "./count-hidden.ts";

/** Documents of one ingest id; positions of a message count within it. */
const DOCUMENTS_AT_ONCE = 500;

export interface ReplayPorts {
  readonly index: string;
  readonly catalog: Pick<HistoryPort, "generations" | "compare" | "pin">;
  readonly store: PageReader;
  /** Resolves when the queue has the message. */
  readonly send: (body: string) => Promise<void>;
  readonly newIngestId: () => string;
  readonly now: () => number;
  readonly onProgress?: (sent: number, total: number) => void;
}

/**
 * Replays what generation `of` has and `against` has not.
 * @returns how many documents the queue took
 * @throws LzeroError of the catalog, the store and the queue; replaying again is harmless
 */
export async function replayDocuments(of: number, against: number, ports: ReplayPorts): Promise<number> {
  const { index, catalog, send, onProgress } = ports;
  const { generations } = await catalog.generations();
  const wasPinned = generations.some(({ generation, pinned }) => generation === of && pinned);
  // Its pages must stay until they are read, however long the queue takes.
  await catalog.pin({ generation: of, pinned: true });
  try {
    const places = new Map<string, number[]>();
    let total = 0;
    for await (const { segmentId, ordinal } of differences(catalog, of, against)) {
      const ordinals = places.get(segmentId) ?? [];
      places.set(segmentId, ordinals);
      ordinals.push(ordinal);
      total += 1;
    }
    let sent = 0;
    onProgress?.(sent, total);
    for await (const documents of inBatches(readDocuments(ports, places))) {
      const envelope = {
        index,
        ingestId: ports.newIngestId(),
        acceptedAtMs: ports.now(),
      };
      for (const { body, positions } of packMessages(envelope, documents.map(toQueued))) {
        await send(body);
        sent += positions.length;
        onProgress?.(sent, total);
      }
    }
    return sent;
  } finally {
    if (!wasPinned) await catalog.pin({ generation: of, pinned: false });
  }
}

async function* readDocuments(
  { store, index }: ReplayPorts,
  places: ReadonlyMap<string, readonly number[]>,
): AsyncGenerator<StoredDocument> {
  for (const [segmentId, ordinals] of places) {
    const key = pageKey(index, segmentId, 0);
    const root = decodeSegmentRoot(await readPage(store, key), segmentId, key);
    let held = null as { readonly page: number; readonly payload: Uint8Array } | null;
    for (const ordinal of ordinals) {
      const { page } = root.documentPageOf(ordinal);
      if (held?.page !== page) held = { page, payload: await readPayload(store, root, page) };
      yield decodeStoredDocument(root, held.payload, ordinal);
    }
  }
}

async function readPayload(store: PageReader, root: SegmentRoot, page: number): Promise<Uint8Array> {
  if (page === 0 && root.inlinePayload !== null) return root.inlinePayload;
  return decodeSegmentPage(root, await readPage(store, root.pageKey(page)), page);
}

async function readPage(store: PageReader, key: string): Promise<Uint8Array> {
  const value = await store.read(key);
  if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
  return value;
}

async function* inBatches(documents: AsyncIterable<StoredDocument>): AsyncGenerator<StoredDocument[]> {
  let batch: StoredDocument[] = [];
  for await (const document of documents) {
    batch.push(document);
    if (batch.length < DOCUMENTS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function toQueued({ id, version, fields }: StoredDocument, position: number): QueuedDocument {
  const { title, text, url, metadata } = fields;
  return {
    position,
    version,
    id,
    text,
    ...(title === null ? {} : { title }),
    ...(url === null ? {} : { url }),
    ...(metadata === null ? {} : { metadata }),
  };
}
