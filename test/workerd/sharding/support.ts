/**
 * A front over shards, all real code: every shard is an app of its own with its own catalogs, its own keys in KV, its own
 * queue and its own isolate cache; what would be a service binding calls that app.
 */
import { expect } from "vitest";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import { placeOfKey } from "../../../shared/catalog/shard-place.ts";
import { encodeSegment } from "../../../shared/format/segment-writer.ts";
import { decodeQueueMessage } from "../../../shared/messages/queue-message.ts";
import { pageKey, tablesKey } from "../../../shared/storage/keys.ts";
import { createApp } from "../../../workers/app.ts";
import { catalogOf } from "../../../workers/catalog-client.ts";
import type { Env, Shard } from "../../../workers/env.ts";
import { IsolateCache } from "../../../workers/isolate-cache.ts";
import { createFrontApp } from "../../../workers/sharding/front-app.ts";
import {
  FakeQueue,
  MODEL,
  PUBLISH,
  randomSegmentId,
  SHARD_KEY,
  type SmallDocument,
  TABLES,
  toSegmentDocument,
  WRITE,
  WRITE_KEY,
  env as wholeEnv,
} from "../api/support.ts";

export const JSON_TYPE = { "content-type": "application/json" };
export const SETTINGS = { idf: "model" } as const;

/** A Worker with an index, or a shard of one. */
export interface TestWorker {
  readonly env: Env;
  readonly queue: FakeQueue;
  readonly request: (method: string, path: string, init?: RequestInit) => Promise<Response>;
}

export interface ShardCall {
  readonly place: number;
  readonly command: string;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export interface TestFront {
  readonly request: (
    method: string,
    path: string,
    init?: RequestInit & { env?: object },
  ) => Promise<Response>;
  readonly shards: readonly TestWorker[];
  /** All calls to shards so far, in order. */
  readonly calls: ShardCall[];
  /** Answers in the place of a shard; null lets it answer itself. */
  intercept: (call: ShardCall) => Response | "network" | null;
  /** Calls under way at the same time, at most. */
  mostAtOnce: number;
}

let workers = 0;

/** A Worker with catalogs and keys that no other has. */
export function makeWorker(changes: Partial<Env> = {}): TestWorker {
  const name = `worker-${++workers}`;
  const { INDEX, CATALOG } = wholeEnv;
  const kv = {
    get: (key: string, options: object) => INDEX.get(`${name}/${key}`, options),
    put: (key: string, value: Uint8Array) => INDEX.put(`${name}/${key}`, value),
  };
  const catalogs = {
    idFromName: (index: string) => CATALOG.idFromName(`${name}/${index}`),
    get: (id: DurableObjectId) => CATALOG.get(id),
  };
  const env = {
    ...wholeEnv,
    INDEX: kv as unknown as KVNamespace,
    CATALOG: catalogs as unknown as Env["CATALOG"],
    ...changes,
  };
  const queue = new FakeQueue();
  const cache = new IsolateCache();
  const app = createApp({ fetch: queue.fetch, nowMs: () => Date.now(), catalogOf, cache });
  return {
    env,
    queue,
    request: async (method, path, init = {}) =>
      app.fetch(new Request(new URL(path, "https://lzero.test"), { method, ...init }), env),
  };
}

/** @param placeOf what each shard is configured as */
export function makeFront(
  count: number,
  placeOf = (place: number): string => `${place}/${count}`,
): TestFront {
  const shards = Array.from({ length: count }, (_, at) =>
    makeWorker({ LZERO_WRITE_KEY: "", SHARD_PLACE: placeOf(at + 1) }),
  );
  const app = createFrontApp({
    fetch: async () => Promise.reject(new Error("a front sends nothing")),
    nowMs: () => Date.now(),
    catalogOf: () => {
      throw new Error("a front has no catalog");
    },
    cache: new IsolateCache(),
  });
  let atOnce = 0;
  const front: TestFront = {
    shards,
    calls: [],
    intercept: () => null,
    mostAtOnce: 0,
    request: async (method, path, { env: changes, ...init } = {}) =>
      app.fetch(new Request(new URL(path, "https://lzero.test"), { method, ...init }), {
        LZERO_WRITE_KEY: WRITE_KEY,
        LZERO_SHARD_KEY: SHARD_KEY,
        ...bindings,
        ...changes,
      } as unknown as Env),
  };
  const bindings = Object.fromEntries(
    shards.map((shard, at): [string, Shard] => [
      `SHARD_${at + 1}`,
      {
        async fetch(address, init) {
          front.mostAtOnce = Math.max(front.mostAtOnce, ++atOnce);
          try {
            const call: ShardCall = {
              place: at + 1,
              command: address.slice(address.lastIndexOf("/") + 1),
              body: JSON.parse(String(init.body)),
              headers: new Headers(init.headers),
            };
            front.calls.push(call);
            const answer = front.intercept(call);
            if (answer === "network") throw new TypeError("connection refused");
            // The address names the shard's app; its host is the front's.
            return answer ?? (await shard.request("POST", address, init));
          } finally {
            atOnce--;
          }
        },
      },
    ]),
  );
  return front;
}

let indexes = 0;

/** Makes an index through a Worker or a front. @returns its name */
export async function createIndex(
  { request }: Pick<TestWorker, "request">,
  settings: object = SETTINGS,
): Promise<string> {
  const index = `sharded-${++indexes}`;
  const body = JSON.stringify(settings);
  const response = await request("PUT", `/v1/indexes/${index}`, {
    headers: { ...WRITE, ...JSON_TYPE },
    body,
  });
  expect(response.status, await response.clone().text()).toBe(201);
  return index;
}

export interface Located {
  readonly version: number;
  readonly ingestId?: string;
  readonly position?: number;
  readonly ifVersion?: number | null;
}

/** Many small pages of few lists and documents each, as a large segment has many large ones. */
const SMALL_PAGES = { inlineBytes: 0, largeListBytes: 20, postingPageBytes: 60, documentPageBytes: 400 };

/** Commits one segment to a Worker, as its batch job does. */
export async function publish(
  { env, request }: TestWorker,
  index: string,
  documents: readonly (SmallDocument & Partial<Located>)[],
  model: object = MODEL,
): Promise<void> {
  if (documents.length === 0) return;
  const segmentId = randomSegmentId();
  const segment = encodeSegment(
    segmentId,
    documents.map((document) => ({ ...toSegmentDocument(document), version: document.version ?? 1 })),
    SMALL_PAGES,
  );
  await env.INDEX.put(tablesKey(TABLES.fingerprint), TABLES.value);
  for (const [number, page] of segment.pages.entries()) {
    await env.INDEX.put(pageKey(index, segmentId, number), page);
  }
  const call = async (command: string, body: object): Promise<void> => {
    const response = await request("POST", `/internal/indexes/${index}/${command}`, {
      headers: { ...PUBLISH, ...JSON_TYPE },
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBe(200);
  };
  const { checksum, sizeBytes, pages } = segment;
  await call("stage", {
    segmentId,
    model,
    checksum,
    pages: pages.length,
    documents: documents.length,
    sizeBytes,
  });
  const located = documents.map(({ id, version = 1, ingestId = null, position = null, ifVersion }) => [
    documentKey(id),
    version,
    ingestId,
    position,
    ...(ifVersion === undefined ? [] : [ifVersion]),
  ]);
  await call("locate", { segmentId, firstOrdinal: 0, documents: located });
  await call("commit", { segmentId });
}

/** Takes what is on a Worker's queue and commits it. @returns the documents */
export async function consume(
  worker: TestWorker,
  index: string,
): Promise<readonly (SmallDocument & Located)[]> {
  const documents = worker.queue.bodies.splice(0).flatMap(({ MessageBody }) => {
    const { documents: queued, ingestId } = decodeQueueMessage(MessageBody);
    return queued.map((document) => ({ ...document, ingestId }) as SmallDocument & Located);
  });
  await publish(worker, index, documents);
  return documents;
}

/** Documents by shard, the first shard at 0. */
export function splitByPlace<Document extends { readonly id: string }>(
  documents: readonly Document[],
  count: number,
): Document[][] {
  const groups = Array.from({ length: count }, (): Document[] => []);
  for (const document of documents) groups[placeOfKey(documentKey(document.id), count) - 1]!.push(document);
  return groups;
}
