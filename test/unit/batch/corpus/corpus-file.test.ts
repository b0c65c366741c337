import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CorpusRecord, readCorpusFile } from "../../../../batch/corpus/corpus-file.ts";
import { splitRecord } from "../../../../batch/corpus/csv.ts";
import { gather } from "../../../support/gather.ts";
import { describeWithShared, sharedPath } from "../../../support/shared-data.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lzero-corpus-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(name: string, content: string | Uint8Array): Promise<CorpusRecord[]> {
  const path = join(folder, name);
  await writeFile(path, content);
  return await gather(readCorpusFile(path));
}

const errorAt = (line: number, message: RegExp) => ({
  line,
  error: expect.objectContaining({
    code: "corpus_line_invalid",
    details: expect.objectContaining({ line }),
    message: expect.stringMatching(message),
  }),
});

describe("readCorpusFile with JSONL", () => {
  it("reads documents with their lines, Windows line ends, a byte order mark and no last line end", async () => {
    const text = '\uFEFF{"id":"a","text":"ä"}\r\n\r\n{"id":"b","text":"x","metadata":{"year":2024}}';
    expect(await read("plain.jsonl", text)).toEqual([
      { line: 1, document: { id: "a", text: "ä" } },
      { line: 3, document: { id: "b", text: "x", metadata: { year: 2024 } } },
    ]);
  });

  it("reads BEIR's layout: _id is the id, what is empty is left out, unknown fields stay for the API to judge", async () => {
    const line = { _id: "1", title: "", text: "t", url: null, metadata: {}, colour: "red" };
    expect(await read("beir.jsonl.gz", gzipSync(`${JSON.stringify(line)}\n`))).toEqual([
      { line: 1, document: { id: "1", text: "t", colour: "red" } },
    ]);
  });

  it("gives a malformed line an error with file and line, and goes on", async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"id":"a","text":"x"}\n{"id":\n[1]\nnull\n"text"\n'),
      Buffer.from([0x22, 0xff, 0x22, 0x0a]),
      Buffer.from('{"id":"b","text":"y"}\n'),
    ]);
    expect(await read("malformed.jsonl", bytes)).toEqual([
      { line: 1, document: { id: "a", text: "x" } },
      errorAt(2, /malformed\.jsonl:2: not JSON/),
      errorAt(3, /not a JSON object/),
      errorAt(4, /not a JSON object/),
      errorAt(5, /not a JSON object/),
      errorAt(6, /not UTF-8/),
      { line: 7, document: { id: "b", text: "y" } },
    ]);
  });

  it("keeps every document of any text, whatever the chunks", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "binary" }), { maxLength: 20 }), async (texts) => {
        const documents = texts.map((text, at) => ({ id: String(at), text: text.repeat(50) }));
        const content = documents.map((document) => `${JSON.stringify(document)}\n`).join("");
        const records = await read("any.ndjson.gz", gzipSync(content));
        expect(records).toEqual(documents.map((document, at) => ({ line: at + 1, document })));
      }),
      { numRuns: 30 },
    );
  });

  it("refuses a gzip stream that is cut off", async () => {
    const whole = gzipSync(`${JSON.stringify({ id: "a", text: "x".repeat(1000) })}\n`);
    await expect(read("cut.jsonl.gz", whole.subarray(0, -9))).rejects.toMatchObject({
      code: "corpus_unreadable",
    });
  });

  it("refuses a file that is not there, and a name that says nothing", async () => {
    await expect(gather(readCorpusFile(join(folder, "absent.jsonl")))).rejects.toMatchObject({
      code: "corpus_unreadable",
    });
    expect(() => readCorpusFile("corpus.parquet")).toThrow(
      expect.objectContaining({ code: "corpus_format_unknown" }),
    );
  });
});

describe("readCorpusFile with CSV", () => {
  it("reads fields by the header; other columns are metadata; quoted fields hold commas, quotes and line ends", async () => {
    const text = 'id,title,text,year\n1,One,"a, ""b""\nc",2024\n2,,plain,\n';
    expect(await read("plain.csv", text)).toEqual([
      { line: 2, document: { id: "1", title: "One", text: 'a, "b"\nc', metadata: { year: "2024" } } },
      { line: 4, document: { id: "2", text: "plain" } },
    ]);
  });

  it("gives a malformed row an error with its first line, and goes on", async () => {
    expect(await read("malformed.csv", 'id,text\n1\n2,a"b"\n3,ok\n4,"open\n')).toEqual([
      errorAt(2, /1 fields, the header has 2/),
      errorAt(3, /quote/),
      { line: 4, document: { id: "3", text: "ok" } },
      errorAt(5, /quote/),
    ]);
  });

  it.each(["id,id\n", '"id\n'])("refuses the header %j", async (text) => {
    await expect(read("header.csv", text)).rejects.toMatchObject({ code: "corpus_header_missing" });
  });
});

describe("splitRecord", () => {
  it("gives back any fields that were quoted", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (fields) => {
        const row = fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(",");
        expect(splitRecord(row)).toEqual(fields);
      }),
    );
  });
});

describeWithShared("a BEIR collection", ["data/scifact/corpus.jsonl.gz"], () => {
  it("reads all of scifact", async () => {
    const records = await gather(readCorpusFile(sharedPath("data", "scifact", "corpus.jsonl.gz")));
    expect(records).toHaveLength(5183);
    expect(records.every((record) => "document" in record && typeof record.document.id === "string")).toBe(
      true,
    );
  });
});
