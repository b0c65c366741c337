/** Conditional writes and deletions, and Idempotency-Keys, through the public API and the real catalog. */
import { describe, expect, it } from "vitest";
import type { IngestStatus } from "../../../shared/catalog/commands.ts";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import { decodeQueueMessage, type QueueMessage } from "../../../shared/messages/queue-message.ts";
import { MODEL, makeTestApp, PUBLISH, type TestApp, WRITE, writeSegment } from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };

let count = 0;

interface Answer {
  ingestId: string;
  accepted: number;
  code?: string;
  rejected: { position: number; id?: string; code: string; message: string }[];
}

type Test = TestApp & { index: string; path: string };

async function makeIndex(settings: object = {}): Promise<Test> {
  const test = makeTestApp();
  const index = `conditions-${++count}`;
  const headers = { ...WRITE, ...JSON_TYPE };
  await test.request("PUT", `/v1/indexes/${index}`, { headers, body: JSON.stringify(settings) });
  return { ...test, index, path: `/v1/indexes/${index}/documents` };
}

/** Commits documents as the batch job does, conditions included. */
async function publish({ request, index }: Test, message: QueueMessage): Promise<void> {
  const { segments } = await writeSegment(
    index,
    message.documents.map(({ id, text }) => ({ id, text })),
  );
  const { segmentId, pages, sizeBytes, checksum } = segments[0]!;
  const documents = message.documents.map(({ id, version, position, ifVersion }) => [
    documentKey(id),
    version,
    message.ingestId,
    position,
    ...(ifVersion === undefined ? [] : [ifVersion]),
  ]);
  const steps: [string, object][] = [
    ["stage", { segmentId, model: MODEL, checksum, pages, documents: documents.length, sizeBytes }],
    ["locate", { segmentId, firstOrdinal: 0, documents }],
    ["commit", { segmentId }],
  ];
  for (const [command, body] of steps) {
    const response = await request("POST", `/internal/indexes/${index}/${command}`, {
      headers: { ...PUBLISH, ...JSON_TYPE },
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBe(200);
  }
}

/** What the queue has taken since it was last asked. */
function takeMessages({ queue }: Test): QueueMessage[] {
  return queue.bodies.splice(0).map(({ MessageBody }) => decodeQueueMessage(MessageBody));
}

async function put(test: Test, id: string, body: object, headers: object = {}): Promise<Response> {
  return await test.request("PUT", `${test.path}/${id}`, {
    headers: { ...WRITE, ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });
}

/** Writes document a and commits it; its version is 1. */
async function indexWithA(): Promise<Test> {
  const test = await makeIndex();
  const response = await put(test, "a", { text: "spider" }, { "if-none-match": "*" });
  expect(response.status).toBe(202);
  const [message] = takeMessages(test);
  await publish(test, message!);
  return test;
}

async function statusOf({ request, index }: Test, ingestId: string): Promise<IngestStatus> {
  const path = `/v1/indexes/${index}/ingests/${ingestId}`;
  return await (await request("GET", path, { headers: WRITE })).json<IngestStatus>();
}

describe("PUT of one document", () => {
  it("writes it as an ingest of one position", async () => {
    const test = await makeIndex();
    const response = await put(test, "a%20b", { id: "a b", title: "A", text: "spider" });
    expect(response.status).toBe(202);
    const { ingestId } = await response.json<Answer>();
    expect(response.headers.get("location")).toBe(`/v1/indexes/${test.index}/ingests/${ingestId}`);
    const [message] = takeMessages(test);
    expect(message).toMatchObject({ formatVersion: 1, ingestId });
    expect(message!.documents).toEqual([{ position: 0, version: 1, id: "a b", title: "A", text: "spider" }]);
  });

  it("carries its condition to the commit, which fails it when another write was first", async () => {
    const test = await indexWithA();
    const found = await test.request("GET", `${test.path}/a`);
    expect(found.headers.get("etag")).toBe('"1"');
    const answers: Answer[] = [];
    for (const text of ["first", "second"]) {
      const response = await put(test, "a", { text }, { "if-match": found.headers.get("etag")! });
      expect(response.status).toBe(202);
      answers.push(await response.json<Answer>());
    }
    const messages = takeMessages(test);
    expect(messages.map(({ formatVersion, documents }) => [formatVersion, documents[0]!.ifVersion])).toEqual([
      [2, 1],
      [2, 1],
    ]);
    await publish(test, messages[1]!);
    await publish(test, messages[0]!);
    expect((await statusOf(test, answers[1]!.ingestId)).documents[0]).toMatchObject({ outcome: "indexed" });
    expect((await statusOf(test, answers[0]!.ingestId)).documents[0]).toEqual({
      position: 0,
      outcome: "failed",
      code: "version_conflict",
      message: "the document is at version 3, the write is for version 1",
    });
  });

  it("is 409 at once only when the committed version contradicts already, and the same when repeated", async () => {
    const test = await indexWithA();
    const headers = { "if-match": '"0"', "idempotency-key": "once" };
    for (const _ of [1, 2]) {
      const response = await put(test, "a", { text: "x" }, headers);
      expect(response.status).toBe(409);
      expect(await response.json()).toMatchObject({
        code: "version_conflict",
        detail: "the document is at version 1, the write is for version 0",
        accepted: 0,
        rejected: [{ position: 0, id: "a", code: "version_conflict" }],
      });
    }
    expect((await put(test, "a", { text: "x" }, { "if-none-match": "*" })).status).toBe(409);
    expect((await put(test, "b", { text: "x" }, { "if-match": '"5"' })).status).toBe(202);
    expect(takeMessages(test)).toHaveLength(1);
  });

  it.each([
    [{ "if-match": '"1"', "if-none-match": "*" }, {}, "condition_invalid"],
    [{ "if-match": "*" }, {}, "condition_invalid"],
    [{ "if-match": "1" }, {}, "condition_invalid"],
    [{ "if-match": 'W/"1"' }, {}, "condition_invalid"],
    [{ "if-match": '"1", "2"' }, {}, "condition_invalid"],
    [{ "if-match": '"9999999999999999"' }, {}, "condition_invalid"],
    [{ "if-none-match": '"1"' }, {}, "condition_invalid"],
    [{ "if-match": '"1"' }, { ifVersion: 1 }, "condition_invalid"],
    [{}, { id: "b" }, "body_invalid"],
    [{}, [], "body_invalid"],
  ])("is refused with the headers %j and the body %j", async (headers, body, code) => {
    const test = await makeIndex();
    const document = Array.isArray(body) ? body : { text: "x", ...body };
    const response = await put(test, "a", document, headers);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code });
    expect(takeMessages(test)).toEqual([]);
  });

  it("says what is wrong with the document", async () => {
    const response = await put(await makeIndex(), "a", { title: "no text" });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ rejected: [{ code: "field_missing", field: "text" }] });
  });
});

describe("conditions in POST of documents", () => {
  it("are checked document by document", async () => {
    const test = await indexWithA();
    const documents = [
      { id: "a", text: "x", ifVersion: 1 },
      { id: "b", text: "x", ifAbsent: true },
      { id: "c", text: "x", ifVersion: 1, ifAbsent: true },
      { id: "d", text: "x" },
      { id: "e", text: "x", ifAbsent: false },
      { id: "f", text: "x", ifVersion: -1 },
    ];
    const send = (body: object[], headers = {}) =>
      test.request("POST", test.path, {
        headers: { ...WRITE, ...JSON_TYPE, ...headers },
        body: JSON.stringify(body),
      });
    const answer = await (await send(documents)).json<Answer>();
    expect(answer.accepted).toBe(3);
    expect(answer.rejected.map(({ position, code }) => [position, code])).toEqual([
      [2, "condition_invalid"],
      [4, "condition_invalid"],
      [5, "version_invalid"],
    ]);
    const [message] = takeMessages(test);
    expect(message!.documents.map(({ id, ifVersion }) => [id, ifVersion])).toEqual([
      ["a", 1],
      ["b", null],
      ["d", undefined],
    ]);
    await publish(test, message!);
    const late = [
      { id: "a", text: "x", ifVersion: 1 },
      { id: "g", text: "x" },
    ];
    const mixed = await send(late);
    expect(mixed.status).toBe(202);
    expect(await mixed.json()).toMatchObject({
      accepted: 1,
      rejected: [{ position: 0, id: "a", code: "version_conflict" }],
    });
    expect((await send(late.slice(0, 1))).status).toBe(409);
  });

  it("must be lower than the version of a write that has one", async () => {
    const test = await makeIndex({ versions: "external" });
    const response = await put(test, "a", { text: "x", version: 5 }, { "if-match": '"5"' });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ rejected: [{ code: "condition_invalid" }] });
  });
});

describe("DELETE of one document", () => {
  const remove = ({ request, path }: Test, id: string, headers = {}) =>
    request("DELETE", `${path}/${id}`, { headers: { ...WRITE, ...headers } });

  it("deletes only the version of If-Match", async () => {
    const test = await indexWithA();
    const conflict = await remove(test, "a", { "if-match": '"7"' });
    expect(conflict.status).toBe(409);
    expect(await conflict.json()).toMatchObject({ code: "version_conflict", ifVersion: 7 });
    expect((await remove(test, "a", { "if-match": '"1"' })).status).toBe(200);
    expect((await remove(test, "a", { "if-match": '"1"' })).status).toBe(409);
    expect((await remove(test, "a", { "if-none-match": "*" })).status).toBe(400);
  });

  it("with an Idempotency-Key deletes nothing that was written since", async () => {
    const test = await indexWithA();
    const headers = { "idempotency-key": "delete a" };
    const first = await (await remove(test, "a", headers)).json();
    expect(first).toMatchObject({ outcome: "deleted" });
    await put(test, "a", { text: "again" });
    await publish(test, takeMessages(test)[0]!);
    expect(await (await remove(test, "a", headers)).json()).toEqual(first);
    expect((await test.request("GET", `${test.path}/a`)).status).toBe(200);
    const other = await remove(test, "b", headers);
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: "idempotency_conflict" });
    expect((await put(test, "c", { text: "x" }, headers)).status).toBe(409);
    expect((await remove(test, "a", { "idempotency-key": "caf\u00e9" })).status).toBe(400);
  });
});

describe("GET of one document", () => {
  it("is 304 for a reader that has its version", async () => {
    const test = await indexWithA();
    const get = (tags: string) =>
      test.request("GET", `${test.path}/a`, { headers: { "if-none-match": tags } });
    for (const tags of ['"1"', 'W/"1"', '"7", "1"', "*"]) {
      const response = await get(tags);
      expect(response.status).toBe(304);
      expect(response.headers.get("etag")).toBe('"1"');
      expect(await response.text()).toBe("");
    }
    expect((await get('"2"')).status).toBe(200);
  });
});
