/**
 * A front over three shards as Workers of their own: the built Worker four times, with real service bindings, one KV
 * namespace and one catalog each, and one more Worker with the same documents in an index that is whole.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { encodeQueryTables } from "../../shared/format/query-tables.ts";
import { encodeSegment } from "../../shared/format/segment-writer.ts";
import { decodeQueueMessage, type QueueMessage } from "../../shared/messages/queue-message.ts";
import { pageKey, tablesKey } from "../../shared/storage/keys.ts";
import { buildIfStale } from "../support/local-stack.ts";
import { randomOf } from "../support/random.ts";

const FOLDER = fileURLToPath(new URL("../../dist/worker", import.meta.url));
const SHARDS = ["shard-1", "shard-2", "shard-3"];
const WRITE = { authorization: "Bearer write-key", "content-type": "application/json" };
const PUBLISH = { authorization: "Bearer publish-key", "content-type": "application/json" };

const WORDS = ["spider", "fear", "of", "web", "star", "sky", "dog"];
const VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...WORDS];
const TABLES = encodeQueryTables({
  vocabulary: new TextEncoder().encode(`${VOCABULARY.join("\n")}\n`),
  idf: Float32Array.from(VOCABULARY, (_, id) => (id < 5 ? 0 : 1 + id / 8)),
  optionalTokens: new Uint8Array(2),
});
const MODEL = {
  fingerprint: "f".repeat(32),
  tables: TABLES.fingerprint,
  maxWeight: 3,
  impactBits: 8,
  averageLength: null,
};

interface Answer {
  readonly generation: string | number;
  readonly exact: boolean;
  readonly hits: readonly { readonly id: string; readonly score: number }[];
  readonly code?: string;
  readonly shard?: number;
}

let miniflare: Miniflare;
/** Messages by the queue's name, which is the Worker's. */
const queues = new Map<string, QueueMessage[]>();

/** The entry, then the modules beside it. */
async function readWorker() {
  const names = (await readdir(FOLDER)).filter((name) => /\.(js|css|wasm)$/.test(name));
  names.sort((left, right) => Number(right === "index.js") - Number(left === "index.js"));
  return Promise.all(
    names.map(async (name) => {
      const path = join(FOLDER, name);
      if (name.endsWith(".wasm")) {
        return { type: "CompiledWasm" as const, path, contents: Uint8Array.from(await readFile(path)) };
      }
      const isText = name.endsWith(".css") || name.endsWith(".client.js");
      return {
        type: isText ? ("Text" as const) : ("ESModule" as const),
        path,
        contents: await readFile(path, "utf8"),
      };
    }),
  );
}

async function call(worker: string, method: string, path: string, headers: object, body?: unknown) {
  const { fetch } = await miniflare.getWorker(worker);
  const response = await fetch(`http://lzero.test${path}`, {
    method,
    headers: { ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as never };
}

/** Commits what is on a Worker's queue, as its batch job does. */
async function consume(worker: string): Promise<number> {
  const messages = queues.get(worker)?.splice(0) ?? [];
  const documents = messages.flatMap(({ ingestId, documents: queued }) =>
    queued.map((document) => ({ ...document, ingestId })),
  );
  if (documents.length === 0) return 0;
  const segmentId = crypto.randomUUID().replaceAll("-", "");
  const segment = encodeSegment(
    segmentId,
    documents.map(({ id, version, text }) => {
      const termIds = Uint32Array.from(WORDS.flatMap((word, at) => (text.includes(word) ? [5 + at] : [])));
      const random = randomOf(Number.parseInt(documentKey(id).slice(0, 8), 16));
      return {
        id,
        version,
        fields: { title: null, text, url: null, metadata: null },
        termIds,
        impacts: Uint8Array.from(termIds, () => 1 + Math.floor(random() * 255)),
        ownTermIds: termIds,
      };
    }),
  );
  const kv = await miniflare.getKVNamespace("INDEX", worker);
  await kv.put(tablesKey(TABLES.fingerprint), TABLES.value);
  for (const [number, page] of segment.pages.entries()) {
    await kv.put(pageKey("demo", segmentId, number), page);
  }
  const { checksum, sizeBytes, pages } = segment;
  for (const [command, body] of [
    [
      "stage",
      { segmentId, model: MODEL, checksum, pages: pages.length, documents: documents.length, sizeBytes },
    ],
    [
      "locate",
      {
        segmentId,
        firstOrdinal: 0,
        documents: documents.map(({ id, version, ingestId, position }) => [
          documentKey(id),
          version,
          ingestId,
          position,
        ]),
      },
    ],
    ["commit", { segmentId }],
  ] as const) {
    const { status } = await call(worker, "POST", `/internal/indexes/demo/${command}`, PUBLISH, body);
    expect(status).toBe(200);
  }
  return documents.length;
}

describe("the built Worker as a front and three shards", () => {
  const random = randomOf(3);
  const documents = Array.from({ length: 120 }, (_, at) => ({
    id: `d${at}`,
    text: `${WORDS.filter(() => random() < 0.5).join(" ")}.`,
  }));

  beforeAll(async () => {
    buildIfStale();
    const modules = await readWorker();
    const common = { modules, modulesRoot: FOLDER, compatibilityDate: "2026-04-15" };
    const withIndex = (name: string, bindings: Record<string, string>) => ({
      ...common,
      name,
      kvNamespaces: { INDEX: `kv-${name}` },
      durableObjects: { CATALOG: { className: "CatalogObject", useSQLite: true } },
      bindings: {
        LZERO_PUBLISH_KEY: "publish-key",
        SQS_QUEUE_URL: `http://queue.test/0/${name}`,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
        ...bindings,
      },
      outboundService: async (request: { json(): Promise<unknown> }) => {
        const { MessageBody } = (await request.json()) as { MessageBody: string };
        queues.set(name, [...(queues.get(name) ?? []), decodeQueueMessage(MessageBody)]);
        return Response.json({ MessageId: "1" }) as never;
      },
    });
    miniflare = new Miniflare({
      cf: false,
      telemetry: { enabled: false },
      workers: [
        {
          ...common,
          name: "front",
          bindings: { LZERO_WRITE_KEY: "write-key", LZERO_SHARD_KEY: "shard-key" },
          serviceBindings: Object.fromEntries(SHARDS.map((name, at) => [`SHARD_${at + 1}`, name])),
        },
        ...SHARDS.map((name, at) =>
          withIndex(name, { LZERO_SHARD_KEY: "shard-key", SHARD_PLACE: `${at + 1}/3` }),
        ),
        withIndex("whole", { LZERO_WRITE_KEY: "write-key" }),
      ],
    });
    await miniflare.ready;
  });

  afterAll(async () => {
    await miniflare.dispose();
  });

  it("makes, writes, searches as one index of all documents would, and deletes", async () => {
    for (const worker of ["front", "whole"]) {
      expect((await call(worker, "PUT", "/v1/indexes/demo", WRITE, { idf: "model" })).status).toBe(201);
      expect((await call(worker, "POST", "/v1/indexes/demo/documents", WRITE, documents)).status).toBe(202);
    }
    const consumed = [];
    for (const name of SHARDS) consumed.push(await consume(name));
    expect(Math.min(...consumed)).toBeGreaterThan(20);
    expect(consumed.reduce((sum, count) => sum + count, 0)).toBe(documents.length);
    expect(await consume("whole")).toBe(documents.length);

    const { body: removed } = await call("front", "DELETE", "/v1/indexes/demo/documents/d7", WRITE);
    expect((removed as Answer).generation).toMatch(/^(2\.0\.0|0\.2\.0|0\.0\.2)$/);
    const { body: now } = await call("front", "GET", "/v1/indexes/demo", {});
    const { generation } = now as Answer;
    expect(generation).toMatch(/^(2\.1\.1|1\.2\.1|1\.1\.2)$/);
    await call("whole", "DELETE", "/v1/indexes/demo/documents/d7", WRITE);

    for (const [q, k, offset] of [
      ["spider web", 10, 0],
      ["fear of dog", 100, 0],
      ["star sky", 1, 3],
      ["of web star", 10, 40],
    ] as const) {
      const query = `/v1/indexes/demo/search?q=${encodeURIComponent(q)}&k=${k}&offset=${offset}`;
      const sharded = await call("front", "GET", `${query}&minGeneration=${generation}`, {});
      const whole = await call("whole", "GET", `${query}&minGeneration=2`, {});
      expect(sharded.status, JSON.stringify(sharded.body)).toBe(200);
      const [left, right] = [sharded.body as Answer, whole.body as Answer];
      expect(left.exact).toBe(true);
      expect(left.hits.length).toBeGreaterThan(0);
      // Ties come in another order: the documents of the whole index lie in one segment.
      expect(left.hits.map(({ score }) => score)).toEqual(right.hits.map(({ score }) => score));
      const untied = right.hits.filter(
        ({ score }) => right.hits.filter((other) => other.score === score).length === 1,
      );
      const found = new Map(left.hits.map(({ id, score }) => [id, score]));
      if (k === 100) for (const { id, score } of untied) expect(found.get(id)).toBe(score);
    }
    const status = await call("front", "GET", "/v1/indexes/demo", {});
    expect(status.body).toMatchObject({ documents: documents.length - 1, pending: 0 });
  });

  it("answers for one document, and for no key of another", async () => {
    const found = await call("front", "GET", "/v1/indexes/demo/documents/d8", {});
    expect(found.body).toMatchObject({ id: "d8", text: documents[8]!.text });
    expect((await call("front", "GET", "/v1/indexes/demo/documents/d7", {})).status).toBe(404);
    const unkeyed = await call("shard-1", "POST", "/internal/indexes/demo/shard/status", PUBLISH, {});
    expect(unkeyed.status).toBe(403);
    const direct = await call("shard-1", "POST", "/v1/indexes/demo/documents", WRITE, []);
    expect(direct.body).toMatchObject({ code: "only_through_front" });
  });
});
