/** An app with stand-ins for queue and catalog, and a small index in KV, for the tests of the HTTP API. */
import { env as testEnv } from "cloudflare:workers";
import { LzeroError } from "../../../shared/errors.ts";
import { encodeManifest, type Manifest } from "../../../shared/format/manifest.ts";
import { encodeQueryTables } from "../../../shared/format/query-tables.ts";
import { encodeSegment, type SegmentDocument } from "../../../shared/format/segment-writer.ts";
import { manifestKey, pageKey, tablesKey } from "../../../shared/storage/keys.ts";
import { createApp } from "../../../workers/app.ts";
import { type CatalogClient, catalogOf } from "../../../workers/catalog-client.ts";
import type { Env } from "../../../workers/env.ts";
import { IsolateCache } from "../../../workers/isolate-cache.ts";
import type { App, Services } from "../../../workers/services.ts";

export const WRITE_KEY = "write-key-of-the-tests";
export const PUBLISH_KEY = "publish-key-of-the-tests";
export const METRICS_KEY = "metrics-key-of-the-tests";
export const SHARD_KEY = "shard-key-of-the-tests";
export const WRITE = { authorization: `Bearer ${WRITE_KEY}` };
export const PUBLISH = { authorization: `Bearer ${PUBLISH_KEY}` };

export const env: Env = {
  ...(testEnv as unknown as Env),
  LZERO_WRITE_KEY: WRITE_KEY,
  LZERO_PUBLISH_KEY: PUBLISH_KEY,
  LZERO_METRICS_KEY: METRICS_KEY,
  LZERO_SHARD_KEY: SHARD_KEY,
  SQS_QUEUE_URL: "http://queue.test/000000000000/documents",
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
};

/** A queue that keeps what it takes; `refuses` decides by the number of the call. */
export class FakeQueue {
  readonly requests: Request[] = [];
  readonly bodies: { QueueUrl: string; MessageBody: string }[] = [];
  refuses: (call: number) => number | "network" | null = () => null;
  private calls = 0;

  readonly fetch = async (request: Request): Promise<Response> => {
    const refusal = this.refuses(this.calls++);
    if (refusal === "network") throw new TypeError("connection refused");
    if (refusal !== null) return new Response('{"__type":"com.amazonaws.sqs#Refused"}', { status: refusal });
    this.requests.push(request.clone() as Request);
    this.bodies.push(JSON.parse(new TextDecoder().decode(await request.arrayBuffer())));
    return Response.json({ MessageId: crypto.randomUUID() });
  };

  /** Documents of all messages taken. */
  documents(): { id: string; position: number; version: number }[] {
    return this.bodies.flatMap(({ MessageBody }) => JSON.parse(MessageBody).documents);
  }
}

export interface TestApp {
  readonly app: App;
  readonly queue: FakeQueue;
  readonly cache: IsolateCache;
  /** What the clock of the app shows; starts at a fixed time. */
  clock: { nowMs: number };
  request(method: string, path: string, init?: RequestInit & { env?: Partial<Env> }): Promise<Response>;
}

/** @param overrides methods of the catalog that stand in for the real one's */
export function makeTestApp(overrides: Partial<CatalogClient> = {}): TestApp {
  const queue = new FakeQueue();
  const cache = new IsolateCache();
  const clock = { nowMs: Date.now() };
  const services: Services = {
    fetch: queue.fetch,
    nowMs: () => clock.nowMs,
    catalogOf: (bindings, index) => ({ ...catalogOf(bindings, index), ...overrides }),
    cache,
  };
  const app = createApp(services);
  return {
    app,
    queue,
    cache,
    clock,
    request: async (method, path, { env: changes, ...init } = {}) =>
      app.fetch(new Request(`https://lzero.test${path}`, { method, ...init }), { ...env, ...changes }),
  };
}

/** A catalog that must not be asked. */
export const NO_CATALOG: Partial<CatalogClient> = {
  manifest: async () => {
    throw new LzeroError("catalog_unavailable", "the catalog was asked");
  },
};

const WORDS = ["spider", "fear", "of", "web", "star", "sky", "dog", "##s", "<", ">", "img"];
const VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...WORDS];

export function termIdOf(word: string): number {
  return VOCABULARY.indexOf(word);
}

export const TABLES = encodeQueryTables({
  vocabulary: new TextEncoder().encode(`${VOCABULARY.join("\n")}\n`),
  idf: Float32Array.from(VOCABULARY, (_, id) => (id < 5 ? 0 : 1 + id / 8)),
  optionalTokens: new Uint8Array(Math.ceil(VOCABULARY.length / 8)),
});

export const MODEL = {
  fingerprint: "f".repeat(32),
  tables: TABLES.fingerprint,
  maxWeight: 3,
  impactBits: 8,
  averageLength: null,
} as const;

export interface SmallDocument {
  readonly id: string;
  readonly title?: string;
  readonly text: string;
  readonly url?: string;
  /** Impacts by word; words of the text that are not here get 100. */
  readonly impacts?: Readonly<Record<string, number>>;
}

export function toSegmentDocument({ id, title, text, url, impacts = {} }: SmallDocument): SegmentDocument {
  const own = WORDS.filter((word) => text.toLowerCase().split(/\W+/).includes(word));
  const impactOf = new Map(own.map((word) => [termIdOf(word), 100]));
  for (const [word, impact] of Object.entries(impacts)) impactOf.set(termIdOf(word), impact);
  const termIds = [...impactOf.keys()].sort((left, right) => left - right);
  return {
    id,
    version: 1,
    fields: { title: title ?? null, text, url: url ?? null, metadata: null },
    termIds: Uint32Array.from(termIds),
    impacts: Uint8Array.from(termIds, (termId) => impactOf.get(termId)!),
    ownTermIds: Uint32Array.from(own.map(termIdOf).sort((left, right) => left - right)),
  };
}

export function randomSegmentId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** A manifest of one segment with these documents, whose pages and tables are put in KV; the manifest itself is not. */
export async function writeSegment(
  index: string,
  documents: readonly SmallDocument[],
  generation = 1,
): Promise<Manifest> {
  const segmentId = randomSegmentId();
  const segment = encodeSegment(segmentId, documents.map(toSegmentDocument));
  await Promise.all([
    env.INDEX.put(tablesKey(TABLES.fingerprint), TABLES.value),
    ...segment.pages.map((page, number) => env.INDEX.put(pageKey(index, segmentId, number), page)),
  ]);
  return {
    index,
    generation,
    createdAtMs: 1_700_000_000_000,
    settings: {
      encoder: "onnx",
      versions: "sequence",
      encodedFields: ["title", "text"],
      idf: "blend",
      averageLength: null,
    },
    model: MODEL,
    segments: [
      {
        segmentId,
        pages: segment.pages.length,
        documents: documents.length,
        sizeBytes: segment.sizeBytes,
        checksum: segment.checksum,
        tombstones: new Uint32Array(),
      },
    ],
  };
}

/** Puts a whole index in KV, manifest included. */
export async function writeIndex(
  index: string,
  documents: readonly SmallDocument[],
  generation = 1,
): Promise<Manifest> {
  const manifest = await writeSegment(index, documents, generation);
  await env.INDEX.put(manifestKey(index), encodeManifest(manifest));
  return manifest;
}
