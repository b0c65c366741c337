/**
 * Real faults on the real stack with two consumers: what a consumer reaches fails in every way that networks and
 * services know, and afterwards every document is there once. (Processes that die are in crash.test.ts, damaged pages
 * byte by byte in test/unit/faults.)
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { VectorCache } from "../../batch/encoders/cache/vector-cache.ts";
import { DEFAULT_MODEL, resolveModelFolder } from "../../batch/encoders/open-encoder.ts";
import { FileStore } from "../../batch/storage/file-store.ts";
import { decodeManifest, encodeManifest } from "../../shared/format/manifest.ts";
import { manifestKey } from "../../shared/storage/keys.ts";
import { partialWrite } from "../soak/injector.ts";
import { expectNoOrphans, SentDocuments, type SentText } from "../support/crash-check.ts";
import { encodeFake } from "../support/fake-encoder.ts";
import { FaultMatrix } from "../support/fault-matrix.ts";
import type { ProxiedRequest, ProxyFault } from "../support/fault-proxy.ts";
import { FaultStack } from "../support/fault-stack.ts";
import { buildIfStale } from "../support/local-stack.ts";
import { keysOf } from "../support/read-index.ts";

const VISIBILITY_SECONDS = 2;
const CONSUMER_ARGS = [
  ...["--visibility-seconds", String(VISIBILITY_SECONDS), "--request-timeout-seconds", "1"],
  ...["--flush-seconds", "0.2", "--flush-documents", "50", "--threads", "1", "--metrics-port", "0"],
];
/** A word over which the model is slower than messages stay hidden. */
const SLOW_WORD = "zebra";
const SLOW_MS = 3000;

const matrix = new FaultMatrix("fault-matrix");
let stack: FaultStack;
/** An ingest with a trace, sent first: its freshness is known only seconds later. */
let tracedIngest: string;
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";

beforeAll(async () => {
  buildIfStale();
  const preload = fileURLToPath(new URL("../support/slow-onnx.cjs", import.meta.url));
  stack = await FaultStack.start({
    consumers: 2,
    consumerArgs: CONSUMER_ARGS,
    environment: () => ({
      NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
      FAULT_TEST_SLOW_AT: String(vocabularyId(SLOW_WORD)),
      FAULT_TEST_SLOW_MS: String(SLOW_MS),
    }),
  });
  await stack.waitUntilConsuming();
  tracedIngest = await sendTraced();
});
afterEach(({ task }) => {
  for (const proxy of Object.values(stack?.proxies ?? {})) {
    proxy.rule = null;
    proxy.setDown(false);
  }
  if (task.result?.state === "fail") console.error(stack?.describeLogs(25));
});
afterAll(async () => {
  matrix.publish();
  await stack?.end();
});

const WORDS = ["spider", "fear", "web", "star", "sky", "dog", "river", "stone", "light", "music"];

function makeTexts(count: number, name: string): SentText[] {
  const word = (at: number) => WORDS[at % WORDS.length]!;
  return Array.from({ length: count }, (_, at) => ({
    id: `${name}-${at}`,
    text: `${word(at)} and ${word(at * 3 + 1)} of ${name} ${at}`,
  }));
}

async function createIndex(index: string, encoder: "bm25" | "onnx" = "bm25"): Promise<SentDocuments> {
  await stack.client.createIndex(index, { encoder, encodedFields: ["text"] });
  return new SentDocuments(stack, index);
}

const isBulkWrite = ({ method, path }: ProxiedRequest): boolean => method === "PUT" && path.endsWith("/bulk");

describe("two consumers with one queue", () => {
  it("share the work, and every document is there once", async () => {
    await matrix.record("queue", "two consumers", async () => {
      const sent = await createIndex("two");
      const before = await publishedBy();
      await sent.send(makeTexts(300, "two"), 15);
      await sent.expectWhole();
      const shares = (await publishedBy()).map((count, at) => count - before[at]!);
      expect(Math.min(...shares)).toBeGreaterThan(0);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeGreaterThanOrEqual(300);
      return `300 documents, each once; published ${shares.join(" and ")}`;
    });
  });

  const publishedBy = () =>
    Promise.all(
      stack.consumers.map(
        async (name) => (await stack.metricsOf(name))['lzero_documents_total{stage="published"}']!,
      ),
    );
});

describe("a catalog that nobody reaches", () => {
  it("is waited for, and nothing is lost", async () => {
    await matrix.record("catalog", "unreachable for 2 s and back", async () => {
      const sent = await createIndex("unreachable");
      const { catalog } = stack.proxies;
      catalog.setDown(true);
      await sent.send(makeTexts(200, "unreachable"), 20);
      await sleep(2000);
      expect((await stack.client.status("unreachable"))!.pending).toBe(200);
      catalog.setDown(false);
      await sent.expectWhole();
      return `200 documents, each once; ${catalog.faults.get("refused")} connections refused`;
    });
  });

  it("may lose any answer", async () => {
    await matrix.record("catalog", "the answer to each first stage, locate and commit lost", async () => {
      const sent = await createIndex("lost-answers");
      const seen = new Set<string>();
      stack.proxies.catalog.rule = ({ path, body }) => {
        const request = `${path} ${body}`;
        if (!/\/(stage|locate|commit)$/.test(path) || seen.has(request)) return null;
        seen.add(request);
        return { kind: "lost-answer" };
      };
      await sent.send(makeTexts(150, "lost"), 50);
      await sent.expectWhole();
      expect(seen.size).toBeGreaterThanOrEqual(3);
      return `150 documents, each once; ${seen.size} answers lost`;
    });
  });
});

describe("KV's REST API", () => {
  const refusal = (status: number, headers: Record<string, string> = {}): ProxyFault => ({
    kind: "status",
    status,
    headers,
    body: "error code: 1015",
  });
  const FAULTS: readonly [string, () => ProxyFault][] = [
    ["429 with Retry-After", () => refusal(429, { "retry-after": "1" })],
    ["500", () => refusal(500)],
    ["no answer", () => ({ kind: "hang" })],
    ["an answer that is lost", () => ({ kind: "lost-answer" })],
    ["a connection that ends", () => ({ kind: "reset" })],
    ["a bulk write that does a part", partialWrite],
  ];

  it("fails each write in one of six ways, and nothing is lost", async () => {
    await matrix.record("KV", FAULTS.map(([name]) => name).join("; "), failEachWrite);
  });

  async function failEachWrite(): Promise<string> {
    const sent = await createIndex("kv");
    const waiting = FAULTS.map(([name, make]) => ({ name, fault: make() }));
    const met: string[] = [];
    const seen = new Set<string>();
    stack.proxies.kv.rule = (request) => {
      // The first try of each write; what is left of it passes then.
      const keys = isBulkWrite(request) ? (JSON.parse(request.body.toString()) as { key: string }[]) : [];
      const key = keys[0]?.key ?? "";
      if (!key.startsWith("kv/") || seen.has(key)) return null;
      seen.add(key);
      const next = waiting.shift();
      if (next === undefined) return null;
      met.push(next.name);
      return next.fault;
    };
    await sent.send(makeTexts(50 * FAULTS.length + 50, "kv"), 50);
    await sent.expectWhole();
    expect(met).toEqual(FAULTS.map(([name]) => name));
    stack.proxies.kv.rule = null;
    await expectNoOrphans(stack, "kv");
    return `${sent.count} documents, each once; no orphan page`;
  }
});

describe("a message whose visibility ends while it is encoded", () => {
  it("is encoded by the other consumer as well, and its documents are there once", async () => {
    await matrix.record(
      "queue",
      `heartbeats fail; encoding takes ${SLOW_MS / VISIBILITY_SECONDS / 10} % more`,
      async () => {
        const sent = await createIndex("visibility", "onnx");
        let refused = 0;
        stack.proxies.queue.rule = ({ action }) => {
          if (action !== "ChangeMessageVisibilityBatch") return null;
          refused += 1;
          return { kind: "status", status: 500 };
        };
        const again = () =>
          stack.messagesOf("message came again").filter((line) => line.includes("visibility"));
        await sent.send([...makeTexts(8, "visibility"), { id: "slow", text: `a ${SLOW_WORD}` }], 9);
        await stack.waitFor("a second delivery", () => again().length > 0);
        stack.proxies.queue.rule = null;
        await sent.expectWhole();
        return `9 documents, each once; ${refused} heartbeats refused, delivered ${1 + again().length} times`;
      },
    );
  });
});

describe("a queue that refuses", () => {
  const refusal = (status: number, type: string): ProxyFault => ({
    kind: "status",
    status,
    headers: { "content-type": "application/x-amz-json-1.0" },
    body: JSON.stringify({ __type: type, message: "rehearsal" }),
  });

  it.each([
    ["throttled", refusal(400, "com.amazonaws.sqs#RequestThrottled")],
    ["expired credentials", refusal(403, "com.amazonaws.sqs#ExpiredToken")],
  ])("is asked again, ever more slowly, until it answers: %s", async (name, fault) => {
    await matrix.record("queue", `${name}, 1.5 s for every request`, async () => {
      const index = `queue-${fault.kind === "status" ? fault.status : ""}`;
      const sent = await createIndex(index);
      let refused = 0;
      stack.proxies.queue.rule = () => {
        refused += 1;
        return fault;
      };
      await sent.send(makeTexts(40, index), 20);
      await sleep(1500);
      stack.proxies.queue.rule = null;
      await sent.expectWhole();
      // Four pollers in each of two consumers, each with the SDK's three tries.
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThan(150);
      expect(stack.endings).toEqual([]);
      return `40 documents, each once; ${refused} requests refused, nobody ended`;
    });
  });
});

describe("a value in KV that is damaged", () => {
  const DAMAGES: readonly [string, (value: Uint8Array, other: Uint8Array) => Uint8Array, RegExp][] = [
    [
      "a byte flipped",
      (value) => value.map((byte, at) => (at === value.length >> 1 ? byte ^ 4 : byte)),
      /corrupt/,
    ],
    ["cut in half", (value) => value.slice(0, value.length >> 1), /truncated/],
    ["zeroed", (value) => new Uint8Array(value.length), /unexpected/],
    ["another key's value", (_, other) => other, /unexpected|corrupt/],
    ["a newer version", (value) => value.map((byte, at) => (at === 4 ? 99 : byte)), /version_newer/],
  ];

  it("makes the edge answer 503 with a code that says so, and its log names the key", async () => {
    const sent = await createIndex("intact");
    await sent.send(makeTexts(60, "intact"), 30);
    const manifest = await sent.expectWhole();
    const source = await stack.store.read(manifestKey("intact"));
    const pages = await Promise.all(
      keysOf(manifest).map(async (key) => ({ key, value: (await stack.store.read(key))! })),
    );
    const search = async (index: string) => {
      const response = await fetch(`${stack.url}/v1/indexes/${index}/search?q=spider`);
      return { status: response.status, body: (await response.json()) as { code?: string; hits?: object[] } };
    };
    for (const part of ["segment root", "manifest"]) {
      for (const [at, [name, damage, code]] of DAMAGES.entries()) {
        await matrix.record(`edge: ${part}`, name, async () => {
          // An index of its own, since isolates keep pages; the same pages under its name, one of them damaged.
          const index = `damage-${part === "manifest" ? "manifest" : "root"}-${at}`;
          const copy = encodeManifest({ ...decodeManifest(source!, "intact", ""), index });
          const entries = pages.map(({ key, value }) => ({
            key: key.replace("intact/", `${index}/`),
            value,
          }));
          const key = part === "manifest" ? manifestKey(index) : entries[0]!.key;
          const other = part === "manifest" ? source! : copy;
          await stack.store.write(
            [...entries, { key: manifestKey(index), value: copy }].map((entry) =>
              entry.key === key ? { key, value: damage(entry.value, other) } : entry,
            ),
          );
          const { status, body } = await search(index);
          expect(status).toBe(503);
          expect(body.code).toMatch(code);
          expect(body).not.toHaveProperty("hits");
          const logged = () => stack.logOf("edge").some((line) => line.includes(`"key":"${key}"`));
          await stack.waitFor(`a line in the edge's log that names ${key}`, logged);
          return `503 ${body.code}, key in the log`;
        });
      }
    }
    expect(await search("intact")).toMatchObject({ status: 200 });
  });
});

describe("a consumer seen from outside", () => {
  it("has its figures on a page, its health beside it, and the trace of a request in its log", async () => {
    const committed = (name: string) =>
      stack
        .logOf(name)
        .some(
          (line) =>
            line.includes("segment committed") && line.includes(tracedIngest) && line.includes(TRACE_ID),
        );
    await stack.waitFor("the commit", () => stack.consumers.some(committed));
    const name = stack.consumers.find(committed)!;
    await stack.waitFor("a measure of freshness", async () => {
      const samples = await stack.metricsOf(name);
      return (samples['lzero_freshness_seconds_count{index="outside"}'] ?? 0) > 0;
    });
    const samples = await stack.metricsOf(name);
    expect(samples).toMatchObject({
      'lzero_pending_documents{index="outside"}': 0,
      'lzero_segments{index="outside"}': 1,
      'lzero_generation{index="outside"}': expect.any(Number),
      'lzero_queue_messages{queue="dead",state="visible"}': 0,
    });
    for (const series of [
      'lzero_commits_total{kind="documents"}',
      'lzero_kv_keys_total{operation="write"}',
      'lzero_dollars_total{service="kv"}',
      'lzero_dollars_total{service="sqs"}',
      "lzero_encode_seconds_count",
      "lzero_publish_seconds_count",
    ]) {
      expect(samples[series], series).toBeGreaterThan(0);
    }
  });
});

describe("a full disk", () => {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  const folder = mkdtempSync(join(tmpdir(), "lzero-full-"));
  const logger = pino({ level: "silent" });
  let isMounted = false;
  beforeAll(() => {
    if (!isRoot) return;
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], { stdio: "ignore" });
      isMounted = true;
    } catch {
      // A container without the right to mount: the tests are skipped with this reason.
    }
  });
  afterAll(() => {
    if (isMounted) execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  const fill = () => {
    const path = join(folder, "ballast");
    try {
      for (let size = 64 * 1024; size > 0; size >>= 1) {
        try {
          for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
      }
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
    }
    return () => rmSync(path);
  };

  it("costs the encode cache what it would have kept, and nothing else", async ({ skip }) => {
    if (!isMounted) skip("only root can mount a small disk");
    await matrix.record("encode cache", "disk full and free again", async () => {
      const cache = await VectorCache.open({
        folder: join(folder, "cache"),
        fingerprint: "f".repeat(32),
        logger,
      });
      const entry = (at: number) => [`key${at}`.padEnd(16, "-"), encodeFake(`text ${at}`)] as const;
      await cache.store([entry(1)]);
      const release = fill();
      const text = Array.from({ length: 500 }, (_, at) => `word${at}`).join(" ");
      const large = Array.from(
        { length: 30 },
        (_, at) => [`large${at}`.padEnd(16, "-"), encodeFake(text)] as const,
      );
      await cache.store(large);
      expect(await cache.lookUp([large.at(-1)![0]])).toEqual([null]);
      expect(await cache.lookUp([entry(1)[0]])).toEqual([entry(1)[1]]);
      release();
      await cache.store([entry(3)]);
      expect(await cache.lookUp([entry(3)[0]])).toEqual([entry(3)[1]]);
      await cache.close();
      const reopened = await VectorCache.open({
        folder: join(folder, "cache"),
        fingerprint: "f".repeat(32),
        logger,
      });
      expect(await reopened.lookUp([entry(1)[0], entry(3)[0]])).toEqual([entry(1)[1], entry(3)[1]]);
      await reopened.close();
      return "what was kept stays, the rest is encoded again, writing goes on when there is room";
    });
  });

  it("makes a file store refuse by name and leaves the old value whole", async ({ skip }) => {
    if (!isMounted) skip("only root can mount a small disk");
    await matrix.record("file store", "disk full and free again", async () => {
      const store = new FileStore(join(folder, "store"));
      const old = new Uint8Array(5000).fill(1);
      await store.write([{ key: "i/s/0", value: old }]);
      const release = fill();
      await expect(
        store.write([{ key: "i/s/0", value: new Uint8Array(9000).fill(2) }]),
      ).rejects.toMatchObject({
        code: "storage_write_failed",
        details: { keys: ["i/s/0"] },
      });
      expect(await store.read("i/s/0")).toEqual(old);
      release();
      await store.write([{ key: "i/s/0", value: new Uint8Array(9000).fill(2) }]);
      expect(readdirSync(join(folder, "store", "i", "s"))).toEqual(["0.value"]);
      return "storage_write_failed names the key, the old value stays whole, no torn file is left";
    });
  });
});

/** @returns the ingest's id */
async function sendTraced(): Promise<string> {
  await stack.client.createIndex("outside", { encoder: "bm25", encodedFields: ["text"] });
  const response = await fetch(`${stack.url}/v1/indexes/outside/documents`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${stack.keys.writeKey}`,
      "content-type": "application/json",
      traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
    },
    body: '[{"id":"a","text":"a spider"}]',
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { ingestId: string }).ingestId;
}

function vocabularyId(token: string): number {
  const tokens = readFileSync(join(resolveModelFolder(DEFAULT_MODEL), "vocab.txt"), "utf8").split("\n");
  const id = tokens.indexOf(token);
  if (id < 0) throw new Error(`${token} is no token of ${DEFAULT_MODEL}`);
  return id;
}
