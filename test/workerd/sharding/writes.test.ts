/** Writes through a front: every document on its shard, one ingest over all of them. */
import { describe, expect, it } from "vitest";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import { placeOfKey } from "../../../shared/catalog/shard-place.ts";
import type { ShardedIngestStatus } from "../../../workers/sharding/front-ingests.ts";
import { WRITE } from "../api/support.ts";
import {
  consume,
  createIndex,
  JSON_TYPE,
  makeFront,
  SETTINGS,
  splitByPlace,
  type TestFront,
} from "./support.ts";

const COUNT = 3;
const HEADERS = { ...WRITE, ...JSON_TYPE };

interface Answer {
  ingestId: string;
  accepted: number;
  code?: string;
  rejected: { position: number; id?: string; code: string; message: string; retryable?: boolean }[];
}

type Test = TestFront & { index: string; path: string };

async function makeTest(settings: object = SETTINGS): Promise<Test> {
  const front = makeFront(COUNT);
  const index = await createIndex(front, settings);
  return Object.assign(front, { index, path: `/v1/indexes/${index}` });
}

const placeOf = (id: string): number => placeOfKey(documentKey(id), COUNT);
const makeDocuments = (count: number, prefix = "d") =>
  Array.from({ length: count }, (_, at) => ({ id: `${prefix}${at}`, text: "spider" }));

function write({ request, path }: Test, documents: unknown, headers: object = {}): Promise<Response> {
  return request("POST", `${path}/documents`, {
    headers: { ...HEADERS, ...headers },
    body: JSON.stringify(documents),
  });
}

async function statusOf({ request, path }: Test, ingestId: string): Promise<ShardedIngestStatus> {
  const response = await request("GET", `${path}/ingests/${ingestId}`, { headers: WRITE });
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

async function consumeAll({ shards, index }: Test) {
  const all = [];
  for (const shard of shards) all.push(await consume(shard, index));
  return all;
}

describe("a write of many documents", () => {
  it("puts each on the queue of its shard, with the positions of the request", async () => {
    const test = await makeTest();
    const documents = makeDocuments(60);
    const response = await write(test, documents);
    expect(response.status).toBe(202);
    const { ingestId, accepted, rejected } = await response.json<Answer>();
    expect({ accepted, rejected }).toEqual({ accepted: 60, rejected: [] });
    expect(response.headers.get("location")).toBe(`${test.path}/ingests/${ingestId}`);
    expect((await statusOf(test, ingestId)).counts).toMatchObject({ pending: 60, failed: 0 });
    const consumed = await consumeAll(test);
    for (const [at, group] of consumed.entries()) {
      expect(group.length).toBeGreaterThan(5);
      for (const { id, position } of group) {
        expect(placeOf(id)).toBe(at + 1);
        expect(documents[position!]!.id).toBe(id);
      }
    }
    const status = await statusOf(test, ingestId);
    expect(status.counts).toMatchObject({ pending: 0, indexed: 60, failed: 0 });
    expect(status.generation).toBe("1.1.1");
    expect(status.documents.map(({ position }) => position)).toEqual(documents.map((_, at) => at));
    const search = await test.request("GET", `${test.path}/search?q=spider&k=100&minGeneration=1.1.1`);
    expect((await search.json<{ hits: unknown[] }>()).hits.length).toBe(60);
    // No further call than one a shard: the home has documents of its own.
    const accepts = test.calls.filter(({ command }) => command === "accept");
    expect(accepts.map(({ place }) => place).sort()).toEqual([1, 2, 3]);
    expect(test.mostAtOnce).toBeLessThanOrEqual(6);
  });

  it("joins outcomes of all kinds by position, and names the generation of the shards concerned alone", async () => {
    const test = await makeTest();
    const [first] = splitByPlace(makeDocuments(40), COUNT);
    const documents = [
      { id: "no text" },
      first![0],
      { id: "bad/id", text: "spider" },
      first![1],
      { ...first![0], text: "twice" },
      first![2],
    ];
    const { ingestId, accepted, rejected } = await (await write(test, documents)).json<Answer>();
    expect(accepted).toBe(3);
    expect(rejected.map(({ position, code }) => [position, code])).toEqual([
      [0, "field_missing"],
      [2, "id_invalid"],
      [4, "id_duplicate"],
    ]);
    const worker = test.shards[0]!;
    const settled = await worker.request("POST", `/internal/indexes/${test.index}/settle`, {
      headers: { authorization: "Bearer publish-key-of-the-tests", ...JSON_TYPE },
      body: JSON.stringify({
        outcomes: [{ ingestId, position: 3, outcome: "dead", code: "encode_failed", message: "no" }],
      }),
    });
    expect(settled.status).toBe(200);
    await consumeAll(test);
    const status = await statusOf(test, ingestId);
    expect(status.documents.map(({ outcome }) => outcome)).toEqual([
      "failed",
      "indexed",
      "failed",
      "indexed",
      "failed",
      "indexed",
    ]);
    expect(status.generation).toBe("1.0.0");
  });

  it("shows why a shard's own document failed", async () => {
    const test = await makeTest();
    const documents = makeDocuments(12);
    const { ingestId } = await (await write(test, documents)).json<Answer>();
    const position = documents.findIndex(({ id }) => placeOf(id) === 2);
    await test.shards[1]!.request("POST", `/internal/indexes/${test.index}/settle`, {
      headers: { authorization: "Bearer publish-key-of-the-tests", ...JSON_TYPE },
      body: JSON.stringify({
        outcomes: [{ ingestId, position, outcome: "dead", code: "encode_failed", message: "no" }],
      }),
    });
    expect((await statusOf(test, ingestId)).documents[position]).toEqual({
      position,
      outcome: "dead",
      code: "encode_failed",
      message: "no",
    });
  });

  it("takes NDJSON and the limits of any index", async () => {
    const test = await makeTest();
    const post = (body: string, type: string) =>
      test.request("POST", `${test.path}/documents`, { headers: { ...WRITE, "content-type": type }, body });
    const lines = makeDocuments(500).map((document) => JSON.stringify(document));
    const full = await post(lines.join("\n"), "application/x-ndjson");
    expect(full.status).toBe(202);
    expect((await full.json<Answer>()).accepted).toBe(500);
    expect((await post([...lines, lines[0]].join("\n"), "application/x-ndjson")).status).toBe(413);
    expect((await post("x".repeat(5 * 1024 * 1024 + 1), "application/json")).status).toBe(413);
    expect((await post("[]", "text/plain")).status).toBe(415);
    const nothing = await post('[{"id":""}]', "application/json");
    expect(nothing.status).toBe(422);
    expect(await nothing.json()).toMatchObject({ code: "documents_rejected", ingestId: null });
    const missing = await test.request("POST", "/v1/indexes/nowhere/documents", {
      headers: HEADERS,
      body: '[{"id":"a","text":"b"}]',
    });
    expect(missing.status).toBe(404);
    expect((await test.request("POST", `${test.path}/documents`, { body: "[]" })).status).toBe(401);
  });

  it("carries numbers that grow when they are written anew", async () => {
    const test = await makeTest();
    const numbers = `[${"1e20,".repeat(8_000)}1]`;
    const body = `[${Array.from({ length: 100 }, (_, at) => `{"id":"n${at}","text":"spider","metadata":{"x":${numbers}}}`).join()}]`;
    expect(body.length).toBeLessThan(5 * 1024 * 1024);
    const response = await test.request("POST", `${test.path}/documents`, { headers: HEADERS, body });
    expect(response.status).toBe(202);
    expect((await response.json<Answer>()).accepted).toBe(100);
  });

  it("is refused by name for an ingest that is not there", async () => {
    const test = await makeTest();
    for (const id of ["0".repeat(32), "nonsense"]) {
      const response = await test.request("GET", `${test.path}/ingests/${id}`, { headers: WRITE });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "ingest_not_found" });
    }
  });
});

describe("a write when a shard is down", () => {
  const KEY = { "idempotency-key": "write 1" };

  it("names the positions of that shard, and the same key sends exactly those again", async () => {
    const test = await makeTest();
    const documents = makeDocuments(30);
    // Any but the home, which is asked first.
    let down = 0;
    test.intercept = ({ command, place }) => {
      if (command !== "accept") return null;
      if (down === 0) down = 1 + (place % COUNT);
      return place === down ? "network" : null;
    };
    const response = await write(test, documents, KEY);
    expect(response.status).toBe(202);
    const { ingestId, accepted, rejected } = await response.json<Answer>();
    const own = documents.flatMap(({ id }, position) => (placeOf(id) === down ? [position] : []));
    expect(own.length).toBeGreaterThan(3);
    expect(accepted).toBe(30 - own.length);
    expect(rejected.map(({ position }) => position)).toEqual(own);
    for (const { id, position, code, message, retryable } of rejected) {
      expect(id).toBe(documents[position]!.id);
      expect({ code, retryable }).toEqual({ code: "shard_unavailable", retryable: true });
      expect(message).toContain(`shard ${down}`);
    }
    const before = await statusOf(test, ingestId);
    expect(before.counts).toMatchObject({ pending: 30 - own.length, failed: own.length });
    expect(before.documents[own[0]!]).toMatchObject({ outcome: "failed", code: "shard_unavailable" });
    await consumeAll(test);

    test.intercept = () => null;
    const again = await write(test, documents, KEY);
    expect(again.status).toBe(202);
    expect(await again.json()).toEqual({ ingestId, accepted: 30, rejected: [] });
    const sent = (await consumeAll(test)).flat().map(({ position }) => position);
    expect(sent).toEqual(own);
    const after = await statusOf(test, ingestId);
    expect(after.counts).toMatchObject({ indexed: 30, failed: 0, superseded: 0 });
    // A third time there is nothing left to send.
    expect((await write(test, documents, KEY)).status).toBe(202);
    expect((await consumeAll(test)).flat()).toEqual([]);
  });

  it("is 503 when it is the home, and nothing went to any shard", async () => {
    const test = await makeTest();
    let home = 0;
    test.intercept = ({ command, place }) => {
      if (command !== "accept") return null;
      home ||= place;
      return place === home ? "network" : null;
    };
    const response = await write(test, makeDocuments(30), KEY);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "shard_unavailable", shard: home });
    expect(test.shards.flatMap(({ queue }) => queue.bodies)).toEqual([]);
  });

  it("is 503 with the positions when the one shard that has documents is down", async () => {
    const test = await makeTest();
    const [, second] = splitByPlace(makeDocuments(30), COUNT);
    const keys = Array.from({ length: 20 }, (_, at) => ({ "idempotency-key": `k${at}` }));
    test.intercept = ({ command, place }) => (command === "accept" && place === 2 ? "network" : null);
    const statuses: unknown[] = [];
    for (const key of keys) {
      const problem = await (await write(test, second!, key)).json<Answer & { shard?: number }>();
      expect(problem.code).toBe("shard_unavailable");
      if (problem.shard === undefined) {
        expect(problem.rejected.length).toBe(second!.length);
        statuses.push(problem);
      }
    }
    // Some keys have another home, which remembers them.
    expect(statuses.length).toBeGreaterThan(3);
    expect(statuses.length).toBeLessThan(20);
  });

  it("counts a shard whose answer was lost as not accepted, and shows what became of it all the same", async () => {
    const test = await makeTest();
    const documents = makeDocuments(30);
    let lost = 0;
    test.intercept = (call) => {
      if (call.command !== "accept") return null;
      if (lost === 0) {
        lost = -1;
        return null;
      }
      if (lost === -1) lost = call.place;
      if (call.place !== lost) return null;
      // It arrives, and its answer does not.
      void test.shards[lost - 1]!.request("POST", `/internal/indexes/${test.index}/shard/accept`, {
        headers: call.headers,
        body: JSON.stringify(call.body),
      });
      return "network";
    };
    const { ingestId, rejected } = await (await write(test, documents)).json<Answer>();
    expect(rejected.length).toBeGreaterThan(3);
    while (test.shards[lost - 1]!.queue.bodies.length === 0) await new Promise((done) => setTimeout(done, 5));
    await consumeAll(test);
    expect((await statusOf(test, ingestId)).counts).toMatchObject({ indexed: 30, failed: 0 });
  });

  it("keeps the status from being read as if the shard had nothing", async () => {
    const test = await makeTest();
    const { ingestId } = await (await write(test, makeDocuments(30))).json<Answer>();
    test.intercept = ({ command, place }) => (command === "ingest" && place === 3 ? "network" : null);
    const response = await test.request("GET", `${test.path}/ingests/${ingestId}`, { headers: WRITE });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "shard_unavailable", shard: 3 });
  });
});

describe("a write that one shard has no room for, or whose queue fails", () => {
  it("is accepted by the others, and names the positions", async () => {
    const test = await makeTest();
    const documents = makeDocuments(30);
    // An index without anything pending takes any request.
    expect((await write(test, documents)).status).toBe(202);
    (test.shards[1]!.env as { MAX_PENDING_DOCUMENTS: string }).MAX_PENDING_DOCUMENTS = "1";
    let wasHome = 0;
    for (let attempt = 0; attempt < 12; attempt++) {
      test.calls.length = 0;
      const response = await write(test, documents, { "idempotency-key": `room ${attempt}` });
      if (test.calls.find(({ command }) => command === "accept")!.place === 2) {
        wasHome++;
        expect(response.status).toBe(429);
        expect(response.headers.get("retry-after")).not.toBeNull();
        expect(await response.json()).toMatchObject({ code: "too_many_pending", shard: 2 });
        continue;
      }
      expect(response.status).toBe(202);
      const { rejected } = await response.json<Answer>();
      expect(new Set(rejected.map(({ id }) => placeOf(id!)))).toEqual(new Set([2]));
      expect(rejected[0]).toMatchObject({ code: "too_many_pending", retryable: true });
    }
    expect(wasHome).toBeGreaterThan(0);
    expect(wasHome).toBeLessThan(12);
  });

  it.each([true, false])(
    "says which positions a queue did not take (repeatable: %s)",
    async (isRepeatable) => {
      const test = await makeTest();
      const documents = makeDocuments(30);
      const key = isRepeatable ? { "idempotency-key": "queue" } : {};
      test.shards[2]!.queue.refuses = () => 400;
      const { ingestId, rejected } = await (await write(test, documents, key)).json<Answer>();
      const own = documents.flatMap(({ id }, position) => (placeOf(id) === 3 ? [position] : []));
      expect(rejected.map(({ position, code }) => [position, code])).toEqual(
        own.map((position) => [position, "queue_unavailable"]),
      );
      const { outcome } = (await statusOf(test, ingestId)).documents[own[0]!]!;
      expect(outcome).toBe(isRepeatable ? "pending" : "failed");
      if (!isRepeatable) return;
      test.shards[2]!.queue.refuses = () => null;
      await consumeAll(test);
      expect(await (await write(test, documents, key)).json()).toMatchObject({ ingestId, accepted: 30 });
      expect((await consumeAll(test)).flat().map(({ position }) => position)).toEqual(own);
    },
  );
});

describe("an Idempotency-Key", () => {
  it("stands for one request over all shards, even when two of them share none", async () => {
    const test = await makeTest();
    const [first, second, third] = splitByPlace(makeDocuments(40), COUNT);
    for (const [at, others] of [
      [first, second],
      [second, third],
      [third, first],
    ].entries()) {
      const key = { "idempotency-key": `one ${at}` };
      expect((await write(test, others[0], key)).status).toBe(202);
      const conflict = await write(test, others[1], key);
      expect(conflict.status).toBe(409);
      expect(await conflict.json()).toMatchObject({ code: "idempotency_conflict" });
    }
  });
});

describe("one document", () => {
  it("is written, read, written on a condition and deleted on its shard", async () => {
    const test = await makeTest();
    const path = `${test.path}/documents/a%20b`;
    const put = (text: string, headers: object = {}) =>
      test.request("PUT", path, { headers: { ...HEADERS, ...headers }, body: JSON.stringify({ text }) });
    const created = await put("spider", { "if-none-match": "*" });
    expect(created.status).toBe(202);
    const { ingestId } = await created.json<Answer>();
    await consumeAll(test);
    const { generation } = await statusOf(test, ingestId);
    const place = placeOf("a b");
    expect(generation).toBe([1, 2, 3].map((each) => (each === place ? 1 : 0)).join("."));

    const found = await test.request("GET", path);
    expect(await found.json()).toMatchObject({ id: "a b", text: "spider" });
    const etag = found.headers.get("etag")!;
    const same = await test.request("GET", path, { headers: { "if-none-match": etag } });
    expect(same.status).toBe(304);

    const absent = await put("again", { "if-none-match": "*" });
    expect(absent.status).toBe(409);
    expect(await absent.json()).toMatchObject({ code: "version_conflict" });
    expect((await put("never", { "if-match": '"0"' })).status).toBe(409);
    expect((await put("later", { "if-match": etag })).status).toBe(202);
    await consumeAll(test);
    expect(await (await test.request("GET", path)).json()).toMatchObject({ text: "later" });

    const stale = await test.request("DELETE", path, { headers: { ...WRITE, "if-match": etag } });
    expect(stale.status).toBe(409);
    const key = { "idempotency-key": "delete" };
    const removed = await test.request("DELETE", path, { headers: { ...WRITE, ...key } });
    const answer = await removed.json<{ generation: string }>();
    expect(answer).toMatchObject({ id: "a b", outcome: "deleted" });
    expect(answer.generation.split(".").filter((each) => each !== "0").length).toBe(1);
    const repeated = await test.request("DELETE", path, { headers: { ...WRITE, ...key } });
    expect(await repeated.json()).toEqual(answer);
    const gone = await test.request("GET", path);
    expect(gone.status).toBe(404);
    expect(await gone.json()).toMatchObject({ code: "document_not_found" });
  });

  it("is 503 naming its shard when that is down, and is there when another is", async () => {
    const test = await makeTest();
    const place = placeOf("a");
    for (const down of [1, 2, 3]) {
      test.intercept = (call) => (call.place === down ? "network" : null);
      const response = await test.request("GET", `${test.path}/documents/a`);
      expect(response.status).toBe(down === place ? 503 : 404);
    }
  });

  it("takes versions of its client's", async () => {
    const test = await makeTest({ ...SETTINGS, versions: "external" });
    const missing = await write(test, [{ id: "a", text: "spider" }]);
    expect(missing.status).toBe(422);
    expect((await write(test, [{ id: "a", text: "spider", version: 7 }])).status).toBe(202);
    await consumeAll(test);
    const path = `${test.path}/documents/a`;
    expect(await (await test.request("GET", path)).json()).toMatchObject({ version: 7 });
    expect((await test.request("DELETE", path, { headers: WRITE })).status).toBe(400);
    const older = await test.request("DELETE", `${path}?version=5`, { headers: WRITE });
    expect(older.status).toBe(409);
    expect(await older.json()).toMatchObject({ code: "version_superseded" });
  });
});
