import { describe, expect, it } from "vitest";
import { decodeQueueMessage } from "../../../shared/messages/queue-message.ts";
import { makeTestApp, type TestApp, WRITE } from "./support.ts";

const JSON_TYPE = { ...WRITE, "content-type": "application/json" };
const NDJSON_TYPE = { ...WRITE, "content-type": "application/x-ndjson" };

let count = 0;

async function makeIndex(settings: object = {}): Promise<TestApp & { index: string; path: string }> {
  const test = makeTestApp();
  const index = `documents-${++count}`;
  const response = await test.request("PUT", `/v1/indexes/${index}`, {
    headers: JSON_TYPE,
    body: JSON.stringify(settings),
  });
  expect(response.status).toBe(201);
  return { ...test, index, path: `/v1/indexes/${index}/documents` };
}

interface Answer {
  ingestId: string | null;
  accepted: number;
  code?: string;
  rejected: {
    position: number;
    id?: string;
    code: string;
    message: string;
    field?: string;
    retryable?: true;
  }[];
}

describe("POST …/documents", () => {
  it("puts the documents on the queue with versions and answers 202", async () => {
    const { request, queue, index, path } = await makeIndex();
    const documents = [
      {
        id: "a",
        title: "A",
        text: "first",
        url: "https://example.com/",
        metadata: { year: 1999, tags: ["x"] },
      },
      { id: "b", text: "second \uFFFE" },
    ];
    const response = await request("POST", path, { headers: JSON_TYPE, body: JSON.stringify(documents) });
    expect(response.status).toBe(202);
    const answer = await response.json<Answer>();
    expect(answer).toEqual({ ingestId: expect.stringMatching(/^[0-9a-f]{32}$/), accepted: 2, rejected: [] });
    expect(response.headers.get("location")).toBe(`/v1/indexes/${index}/ingests/${answer.ingestId}`);
    expect(queue.bodies).toHaveLength(1);
    const message = decodeQueueMessage(queue.bodies[0]!.MessageBody);
    expect(message).toMatchObject({ formatVersion: 1, index, ingestId: answer.ingestId });
    expect(message.documents).toEqual([
      { position: 0, version: expect.any(Number), ...documents[0] },
      { position: 1, version: message.documents[0]!.version + 1, ...documents[1] },
    ]);
  });

  it("signs for SQS in the AWS JSON protocol", async () => {
    const { request, queue, path } = await makeIndex();
    await request("POST", path, { headers: JSON_TYPE, body: '[{"id":"a","text":"t"}]' });
    const sent = queue.requests[0]!;
    expect(sent.url).toBe("http://queue.test/");
    expect(sent.headers.get("x-amz-target")).toBe("AmazonSQS.SendMessage");
    expect(sent.headers.get("content-type")).toBe("application/x-amz-json-1.0");
    expect(sent.headers.get("authorization")).toMatch(
      /^AWS4-HMAC-SHA256 Credential=test\/\d{8}\/us-east-1\/sqs\//,
    );
    expect(queue.bodies[0]!.QueueUrl).toBe("http://queue.test/000000000000/documents");
  });

  it("packs large documents into several messages, each document once", async () => {
    const { request, queue, path } = await makeIndex();
    const documents = Array.from({ length: 30 }, (_, i) => ({ id: `d${i}`, text: "x".repeat(60_000) }));
    const response = await request("POST", path, { headers: JSON_TYPE, body: JSON.stringify(documents) });
    expect(response.status).toBe(202);
    expect(queue.bodies.length).toBe(10);
    expect(
      queue
        .documents()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(documents.map(({ id }) => id).sort());
  });

  it("shows the ingest as pending, with what was rejected", async () => {
    const { request, index, path } = await makeIndex();
    const body = '{"id":"a","text":"t"}\n{"id":"b"}\n';
    const { ingestId } = await (await request("POST", path, { headers: NDJSON_TYPE, body })).json<Answer>();
    const status = await request("GET", `/v1/indexes/${index}/ingests/${ingestId}`, { headers: WRITE });
    expect(await status.json()).toMatchObject({
      ingestId,
      counts: { pending: 1, failed: 1 },
      generation: null,
    });
  });

  it("is 404 for an unknown index, before anything is queued", async () => {
    const { request, queue } = makeTestApp();
    const response = await request("POST", "/v1/indexes/unknown/documents", {
      headers: JSON_TYPE,
      body: '[{"id":"a","text":"t"}]',
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "index_not_found" });
    expect(queue.bodies).toEqual([]);
  });
});

/** One bad document of a request whose other document is good. */
const BAD_DOCUMENTS: readonly [what: string, document: unknown, code: string, field: string | undefined][] = [
  ["no id", { text: "t" }, "field_missing", "id"],
  ["a numeric id", { id: 1, text: "t" }, "field_type", "id"],
  ["a null id", { id: null, text: "t" }, "field_type", "id"],
  ["an empty id", { id: "", text: "t" }, "id_empty", "id"],
  ["an id of 513 bytes", { id: "x".repeat(513), text: "t" }, "id_too_long", "id"],
  ["an id of 257 two-byte characters", { id: "é".repeat(257), text: "t" }, "id_too_long", "id"],
  ["an id with NUL", { id: "a\0b", text: "t" }, "id_invalid", "id"],
  ["an id with a line feed", { id: "a\nb", text: "t" }, "id_invalid", "id"],
  ["an id with DEL", { id: "a\u007fb", text: "t" }, "id_invalid", "id"],
  ["an id with a C1 control", { id: "a\u0085b", text: "t" }, "id_invalid", "id"],
  ["an id with /", { id: "a/b", text: "t" }, "id_invalid", "id"],
  ["an id that is ..", { id: "..", text: "t" }, "id_invalid", "id"],
  ["an id that has ..", { id: "a..b", text: "t" }, "id_invalid", "id"],
  ["an id that is .", { id: ".", text: "t" }, "id_invalid", "id"],
  ["no text", { id: "a" }, "field_missing", "text"],
  ["an empty text", { id: "a", text: "" }, "text_empty", "text"],
  ["a blank text", { id: "a", text: " \n\t" }, "text_empty", "text"],
  ["a text that is a number", { id: "a", text: 5 }, "field_type", "text"],
  ["an over-long text", { id: "a", text: "x".repeat(200 * 1024) }, "document_too_large", "text"],
  [
    "an over-long title",
    { id: "a", text: "t", title: "x".repeat(200 * 1024) },
    "document_too_large",
    "title",
  ],
  [
    "a text that escapes to too much",
    { id: "a", text: "\u0001".repeat(40_000) },
    "document_too_large",
    "text",
  ],
  ["a title that is null", { id: "a", text: "t", title: null }, "field_type", "title"],
  ["a url that is an object", { id: "a", text: "t", url: {} }, "field_type", "url"],
  ["metadata that is a string", { id: "a", text: "t", metadata: "x" }, "field_type", "metadata"],
  ["metadata that is an array", { id: "a", text: "t", metadata: [] }, "field_type", "metadata"],
  ["nested metadata", { id: "a", text: "t", metadata: { x: { y: 1 } } }, "field_type", "metadata.x"],
  ["nested arrays in metadata", { id: "a", text: "t", metadata: { x: [[1]] } }, "field_type", "metadata.x"],
  ["an unknown field", { id: "a", text: "t", body: "x" }, "field_unknown", "body"],
  ["a reserved field", { id: "a", text: "t", _version: 1 }, "field_unknown", "_version"],
  ["a version where none is allowed", { id: "a", text: "t", version: 1 }, "version_not_allowed", "version"],
  ["a version that is a string", { id: "a", text: "t", version: "1" }, "version_invalid", "version"],
  ["a negative version", { id: "a", text: "t", version: -1 }, "version_invalid", "version"],
  ["a version beyond doubles", { id: "a", text: "t", version: 2 ** 53 }, "version_invalid", "version"],
  ["a duplicate id", { id: "good", text: "t" }, "id_duplicate", "id"],
  ["a number", 5, "document_invalid", undefined],
  ["an array", [], "document_invalid", undefined],
  ["null", null, "document_invalid", undefined],
];

describe("a bad document beside a good one", () => {
  it.each(BAD_DOCUMENTS)("with %s: the good one goes in", async (_, document, code, field) => {
    const { request, queue, path } = await makeIndex();
    const body = JSON.stringify([{ id: "good", text: "fine" }, document]);
    const response = await request("POST", path, { headers: JSON_TYPE, body });
    expect(response.status).toBe(202);
    const answer = await response.json<Answer>();
    expect(answer.accepted).toBe(1);
    expect(answer.rejected).toHaveLength(1);
    expect(answer.rejected[0]).toMatchObject({ position: 1, code });
    expect(answer.rejected[0]!.field).toBe(field);
    if (field !== undefined) expect(answer.rejected[0]!.message).toContain(field.split(".")[0]);
    expect(queue.documents().map(({ id }) => id)).toEqual(["good"]);
  });

  it("with __proto__ as a field or in metadata: refused by name", async () => {
    const { request, path } = await makeIndex();
    const body = '[{"id":"a","text":"t","__proto__":1},{"id":"b","text":"t","metadata":{"__proto__":1}}]';
    const answer = await (await request("POST", path, { headers: JSON_TYPE, body })).json<Answer>();
    expect(answer.rejected.map(({ code, field }) => [code, field])).toEqual([
      ["field_unknown", "__proto__"],
      ["field_unknown", "metadata.__proto__"],
    ]);
  });

  it("with nothing in the encoded fields: refused", async () => {
    const { request, path } = await makeIndex({ encodedFields: ["title"] });
    const body = '[{"id":"a","text":"t"},{"id":"b","text":"t","title":"x"}]';
    const answer = await (await request("POST", path, { headers: JSON_TYPE, body })).json<Answer>();
    expect(answer).toMatchObject({
      accepted: 1,
      rejected: [{ position: 0, id: "a", code: "encoded_text_empty" }],
    });
  });

  it("without a version where the index wants them: refused, and given ones are kept", async () => {
    const { request, queue, path } = await makeIndex({ versions: "external" });
    const body = '[{"id":"a","text":"t"},{"id":"b","text":"t","version":41}]';
    const answer = await (await request("POST", path, { headers: JSON_TYPE, body })).json<Answer>();
    expect(answer).toMatchObject({ accepted: 1, rejected: [{ position: 0, code: "version_required" }] });
    expect(queue.documents()).toMatchObject([{ id: "b", version: 41 }]);
  });

  it("of which every string is made well-formed", async () => {
    const { request, queue, path } = await makeIndex();
    await request("POST", path, { headers: JSON_TYPE, body: '[{"id":"a\\ud800","text":"x\\udc00"}]' });
    expect(queue.documents()).toMatchObject([{ id: "a\uFFFD", text: "x\uFFFD" }]);
  });

  it("on malformed NDJSON lines: only those positions are rejected, blank lines have none", async () => {
    const { request, queue, path } = await makeIndex();
    const line = (text: string): Uint8Array => new TextEncoder().encode(text);
    const body = new Uint8Array([
      ...line('{"id":"a","text":"t"}\r\n\n{"id":"b",\n'),
      ...line('{"id":"c","text":"'),
      0xff,
      ...line('"}\n{"id":"d","text":"t"}'),
    ]);
    const answer = await (await request("POST", path, { headers: NDJSON_TYPE, body })).json<Answer>();
    expect(answer.accepted).toBe(2);
    expect(answer.rejected).toMatchObject([
      { position: 1, code: "json_invalid", message: "line 3 is not JSON" },
      { position: 2, code: "utf8_invalid", message: "line 4 is not UTF-8 from its byte 18 on" },
    ]);
    expect(queue.documents().map(({ id, position }) => [id, position])).toEqual([
      ["a", 0],
      ["d", 3],
    ]);
  });

  it("and no good one: 422 with every reason", async () => {
    const { request, queue, path } = await makeIndex();
    const response = await request("POST", path, { headers: JSON_TYPE, body: '[{"id":"a"}]' });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "documents_rejected",
      ingestId: null,
      accepted: 0,
      rejected: [{ position: 0, id: "a", code: "field_missing" }],
    });
    expect(queue.bodies).toEqual([]);
  });
});

/** Requests that are refused whole. */
const BAD_REQUESTS: readonly [
  what: string,
  type: string,
  body: string | Uint8Array,
  status: number,
  code: string,
][] = [
  ["malformed JSON", "application/json", '[{"id":"a","text":"t"},{"id":]', 400, "json_invalid"],
  ["an empty body", "application/json", "", 400, "json_invalid"],
  ["invalid UTF-8", "application/json", new Uint8Array([0x5b, 0x22, 0xc0, 0x22, 0x5d]), 400, "utf8_invalid"],
  ["an object", "application/json", '{"id":"a","text":"t"}', 400, "body_not_array"],
  ["an empty array", "application/json", "[]", 400, "documents_missing"],
  ["blank NDJSON", "application/x-ndjson", "\n\n", 400, "documents_missing"],
  ["501 documents", "application/json", JSON.stringify(Array(501).fill({})), 413, "too_many_documents"],
  ["501 lines", "application/x-ndjson", "{}\n".repeat(501), 413, "too_many_documents"],
  ["more than 5 MB", "application/json", `["${"x".repeat(5 * 1024 * 1024)}"]`, 413, "body_too_large"],
  ["plain text", "text/plain", "[]", 415, "content_type_unsupported"],
  ["a form", "application/x-www-form-urlencoded", "id=a", 415, "content_type_unsupported"],
  ["another charset", "application/json; charset=utf-16", "[]", 415, "content_type_unsupported"],
];

describe("a request that is refused whole", () => {
  it.each(BAD_REQUESTS)("for %s", async (_, type, body, status, code) => {
    const { request, queue, path } = await makeIndex();
    const response = await request("POST", path, { headers: { ...WRITE, "content-type": type }, body });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ code, status });
    expect(queue.bodies).toEqual([]);
  });

  it("names the position and offset of malformed JSON", async () => {
    const { request, path } = await makeIndex();
    const body = '[{"id":"a","text":"[,]"}, {"id":"b" "text":"t"}]';
    const response = await request("POST", path, { headers: JSON_TYPE, body });
    expect(await response.json()).toMatchObject({ code: "json_invalid", position: 1, offset: 26 });
  });

  it("for a body that grows past the limit without saying so", async () => {
    const { request, path } = await makeIndex();
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 64 * 1024;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
    });
    const response = await request("POST", path, { headers: JSON_TYPE, body });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "body_too_large", limitBytes: 5 * 1024 * 1024 });
    expect(sent).toBeLessThan(6 * 1024 * 1024);
  });

  it("for a content encoding", async () => {
    const { request, path } = await makeIndex();
    const headers = { ...JSON_TYPE, "content-encoding": "gzip" };
    const response = await request("POST", path, { headers, body: "x" });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: "content_encoding_unsupported" });
  });

  it.each(["", "x".repeat(256), "caf\u00e9"])("for the Idempotency-Key %j", async (key) => {
    const { request, path } = await makeIndex();
    const headers = { ...JSON_TYPE, "idempotency-key": key };
    const response = await request("POST", path, { headers, body: '[{"id":"a","text":"t"}]' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "idempotency_key_invalid" });
  });
});

describe("a queue that fails", () => {
  /** Three documents, each of which fills a message. */
  const THREE = JSON.stringify(["a", "b", "c"].map((id) => ({ id, text: "x".repeat(150_000) })));

  it("for some messages: those positions are retryable and the catalog has them as failed", async () => {
    const { request, queue, index, path } = await makeIndex();
    queue.refuses = (call) => (call === 1 ? 403 : null);
    const response = await request("POST", path, { headers: JSON_TYPE, body: THREE });
    expect(response.status).toBe(202);
    const answer = await response.json<Answer>();
    expect(answer.accepted).toBe(2);
    expect(answer.rejected).toMatchObject([
      { position: 1, id: "b", code: "queue_unavailable", retryable: true },
    ]);
    const status = await request("GET", `/v1/indexes/${index}/ingests/${answer.ingestId}`, {
      headers: WRITE,
    });
    expect(await status.json()).toMatchObject({ counts: { pending: 2, failed: 1 } });
  });

  it("with an Idempotency-Key: they stay pending, and a repetition sends what is pending", async () => {
    const { request, queue, index, path } = await makeIndex();
    const headers = { ...JSON_TYPE, "idempotency-key": "upload 1" };
    queue.refuses = (call) => (call === 1 ? 403 : null);
    const first = await (await request("POST", path, { headers, body: THREE })).json<Answer>();
    expect(first.rejected).toMatchObject([{ position: 1, retryable: true }]);
    const status = await request("GET", `/v1/indexes/${index}/ingests/${first.ingestId}`, { headers: WRITE });
    expect(await status.json()).toMatchObject({ counts: { pending: 3, failed: 0 } });
    const versions = new Map(queue.documents().map(({ id, version }) => [id, version]));
    queue.bodies.length = 0;
    const second = await (await request("POST", path, { headers, body: THREE })).json<Answer>();
    expect(second).toEqual({ ingestId: first.ingestId, accepted: 3, rejected: [] });
    const repeated = queue.documents();
    expect(repeated.map(({ id }) => id).sort()).toEqual(["a", "b", "c"]);
    expect(repeated.find(({ id }) => id === "a")!.version).toBe(versions.get("a"));
  });

  it("refuses one Idempotency-Key for two requests", async () => {
    const { request, path } = await makeIndex();
    const headers = { ...JSON_TYPE, "idempotency-key": "upload 2" };
    await request("POST", path, { headers, body: '[{"id":"a","text":"t"}]' });
    const response = await request("POST", path, { headers, body: '[{"id":"a","text":"u"}]' });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "idempotency_conflict" });
  });

  it.each([[500], [429], ["network" as const]])("once with %s: is tried again", async (refusal) => {
    const { request, queue, path } = await makeIndex();
    queue.refuses = (call) => (call === 0 ? refusal : null);
    const response = await request("POST", path, { headers: JSON_TYPE, body: '[{"id":"a","text":"t"}]' });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ accepted: 1, rejected: [] });
  });

  it("for everything: 503, and every position is retryable", async () => {
    const { request, queue, path } = await makeIndex();
    queue.refuses = () => 503;
    const response = await request("POST", path, {
      headers: JSON_TYPE,
      body: '[{"id":"a","text":"t"},{"id":"b"}]',
    });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    expect(await response.json()).toMatchObject({
      code: "queue_unavailable",
      accepted: 0,
      rejected: [
        { position: 0, code: "queue_unavailable", retryable: true },
        { position: 1, code: "field_missing" },
      ],
    });
  });

  it("that is not configured: 503 naming the variable, and nothing is accepted", async () => {
    const { request, path } = await makeIndex();
    const response = await request("POST", path, {
      headers: JSON_TYPE,
      body: '[{"id":"a","text":"t"}]',
      env: { SQS_QUEUE_URL: "" },
    });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "not_configured", missing: "SQS_QUEUE_URL" });
  });
});
