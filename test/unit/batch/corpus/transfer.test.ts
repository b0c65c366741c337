import { describe, expect, it } from "vitest";
import { batchKey, makeBatches } from "../../../../batch/corpus/batches.ts";
import type { CorpusRecord } from "../../../../batch/corpus/corpus-file.ts";
import { type IngestClient, ingestIdOf, type SendAnswer } from "../../../../batch/corpus/ingest-client.ts";
import { Transfer } from "../../../../batch/corpus/transfer.ts";
import type { Outcome } from "../../../../shared/catalog/commands.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { MAX_REQUEST_BODY_BYTES } from "../../../../shared/messages/limits.ts";
import { gather } from "../../../support/gather.ts";

const records = (count: number, text = "x"): CorpusRecord[] =>
  Array.from({ length: count }, (_, at) => ({ line: at + 1, document: { id: `d${at}`, text } }));

const collect = async (input: CorpusRecord[]) => {
  const skipped: number[] = [];
  const batches = await gather(makeBatches(input, ({ line }) => void skipped.push(line)));
  return { batches, skipped };
};

describe("makeBatches", () => {
  it("cuts by 500 documents and keeps the lines", async () => {
    const { batches } = await collect(records(1001));
    expect(batches.map(({ number, lines }) => [number, lines.length, lines[0]])).toEqual([
      [0, 500, 1],
      [1, 500, 501],
      [2, 1, 1001],
    ]);
    expect(JSON.parse(batches[2]!.body)).toEqual([{ id: "d1000", text: "x" }]);
  });

  it("cuts by bytes in UTF-8, and names a document that no request can hold", async () => {
    const large = "ä".repeat(1_000_000);
    const { batches, skipped } = await collect([
      ...records(5, large),
      { line: 6, document: { id: "huge", text: "x".repeat(MAX_REQUEST_BODY_BYTES) } },
      { line: 7, error: new LzeroError("corpus_line_invalid", "no") },
    ]);
    expect(batches.map(({ lines }) => lines)).toEqual([[1, 2], [3, 4], [5]]);
    for (const { body } of batches)
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MAX_REQUEST_BODY_BYTES);
    expect(skipped).toEqual([6, 7]);
  });

  it("gives keys that depend on run, place and content alone", async () => {
    const [first] = (await collect(records(2))).batches;
    const [again] = (await collect(records(2))).batches;
    const [other] = (await collect(records(3))).batches;
    expect(batchKey("run", again!)).toBe(batchKey("run", first!));
    expect(new Set([batchKey("run", first!), batchKey("run", other!), batchKey("run2", first!)]).size).toBe(
      3,
    );
    expect(batchKey("run", first!)).not.toBe(batchKey("run", { ...first!, number: 1 }));
  });
});

/** The API's behaviour as far as a transfer sees it; documents stay pending until `work` is called. */
class FakeApi {
  readonly posts: string[] = [];
  readonly ingests = new Map<string, { outcomes: Outcome[]; rejected: number[] }>();
  highestPending = 0;
  /** Called at every look at the index. */
  onStatus: () => void = () => undefined;
  reject: (id: string) => boolean = () => false;
  partialOnce = new Set<number>();

  get pending(): number {
    return [...this.ingests.values()].flatMap(({ outcomes }) => outcomes.filter((o) => o === "pending"))
      .length;
  }

  work(outcome: Outcome = "indexed"): void {
    for (const ingest of this.ingests.values()) {
      ingest.outcomes = ingest.outcomes.map((old) => (old === "pending" ? outcome : old));
    }
  }

  client(): IngestClient {
    const client: Pick<IngestClient, "status" | "ingestStatus" | "sendDocuments"> = {
      status: async () => {
        this.onStatus();
        return { pending: this.pending } as never;
      },
      ingestStatus: async (_index, ingestId) => {
        const ingest = this.ingests.get(ingestId);
        if (ingest === undefined) return null;
        const counts: Record<string, number> = { pending: 0, expired: 0 };
        for (const outcome of ingest.outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
        const documents = ingest.outcomes.map((outcome, position) => ({ position, outcome }));
        return { counts, documents } as never;
      },
      sendDocuments: async (index, body, key): Promise<SendAnswer> => {
        this.posts.push(key);
        const ingestId = ingestIdOf(index, key);
        const documents = JSON.parse(body) as { id: string }[];
        const rejected = documents.flatMap(({ id }, position) =>
          this.reject(id) ? [{ position, id, code: "text_empty", message: "text is empty" }] : [],
        );
        const bad = new Set(rejected.map(({ position }) => position));
        const known = this.ingests.get(ingestId);
        this.ingests.set(ingestId, {
          rejected: [...bad],
          outcomes: known?.outcomes ?? documents.map((_, at) => (bad.has(at) ? "failed" : "pending")),
        });
        this.highestPending = Math.max(this.highestPending, this.pending);
        if (this.partialOnce.delete(this.posts.length)) {
          const refusal = { position: 0, code: "queue_unavailable", message: "again", retryable: true };
          return { ingestId, accepted: documents.length - bad.size - 1, rejected: [refusal, ...rejected] };
        }
        return { ingestId, accepted: documents.length - bad.size, rejected };
      },
    };
    return client as IngestClient;
  }
}

const makeTransfer = (api: FakeApi, count: number, options: { resume?: boolean; maxPending?: number } = {}) =>
  new Transfer({
    client: api.client(),
    index: "demo",
    run: "run",
    openBatches: (onSkipped) => makeBatches(records(count), onSkipped),
    resume: options.resume ?? false,
    maxPending: options.maxPending ?? 10_000,
    pollMs: 1,
    stallMs: 20,
  });

describe("Transfer", () => {
  it("sends each batch once and ends when nothing is pending", async () => {
    const api = new FakeApi();
    api.onStatus = () => api.work();
    const result = await makeTransfer(api, 1200).run();
    expect(api.posts).toHaveLength(3);
    expect(result).toEqual({ counts: expect.objectContaining({ indexed: 1200 }), lost: [], sentNow: 1200 });
  });

  it("resumes: settled batches are not sent again, pending ones are", async () => {
    const api = new FakeApi();
    const first = makeTransfer(api, 1200);
    await first.send();
    const [done] = api.ingests.values();
    done!.outcomes = done!.outcomes.map(() => "indexed");
    api.posts.length = 0;
    api.onStatus = () => api.work();
    const result = await makeTransfer(api, 1200, { resume: true }).run();
    expect(api.posts).toHaveLength(2);
    expect(result.counts.indexed).toBe(1200);
    api.posts.length = 0;
    expect((await makeTransfer(api, 1200, { resume: true }).run()).sentNow).toBe(0);
    expect(api.posts).toEqual([]);
  });

  it("sends pending batches again when the queue lost them, and when nothing moves", async () => {
    const api = new FakeApi();
    let looks = 0;
    const transfer = makeTransfer(api, 600);
    api.onStatus = () => {
      if (++looks === 2) transfer.reportLostQueue();
      // Nothing moves for a while: after 20 ms it sends a third time, and only then the work is done.
      if (api.posts.length >= 6) api.work();
    };
    const result = await transfer.run();
    expect(api.posts).toHaveLength(6);
    expect(result.counts.indexed).toBe(600);
  });

  it("keeps the documents that wait for the batch job bounded", async () => {
    const api = new FakeApi();
    api.onStatus = () => api.work();
    await makeTransfer(api, 5000, { maxPending: 900 }).run();
    expect(api.highestPending).toBeLessThanOrEqual(900 + 500);
  });

  it("repeats a batch that the queue took in part, under the same key", async () => {
    const api = new FakeApi();
    api.partialOnce.add(1);
    api.onStatus = () => api.work();
    const result = await makeTransfer(api, 10).run();
    expect(api.posts).toHaveLength(2);
    expect(new Set(api.posts).size).toBe(1);
    expect(result.lost).toEqual([]);
  });

  it("names refused documents by line with their reason, also after waiting", async () => {
    const api = new FakeApi();
    api.reject = (id) => id === "d501";
    api.onStatus = () => api.work();
    const result = await makeTransfer(api, 600).run();
    expect(result.lost).toEqual([{ line: 502, id: "d501", code: "text_empty", message: "text is empty" }]);
    expect(result.counts).toMatchObject({ indexed: 599, failed: 1 });
  });

  it("names dead documents, and sends expired ones under a new key", async () => {
    const api = new FakeApi();
    api.onStatus = () => api.work(api.posts.length === 1 ? "expired" : "dead");
    const result = await makeTransfer(api, 1).run();
    expect(new Set(api.posts).size).toBe(2);
    expect(result.lost).toEqual([{ line: 1, id: null, code: "dead", message: "dead" }]);
  });
});
