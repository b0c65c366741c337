/**
 * One client that writes: inserts, updates and deletions of documents that are its own, in requests of all sizes, over
 * a network that loses answers. Rounds follow each other; within a round no document is touched twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { IngestClient } from "../../batch/corpus/ingest-client.ts";
import { requestWithRetry } from "../../batch/http-retry.ts";
import type { Random } from "../simulation/random.ts";
import type { SoakCorpus } from "./corpus.ts";
import type { Ledger, Write } from "./ledger.ts";

export interface SentIngest {
  readonly ingestId: string;
  /** By position. */
  readonly writes: readonly Write[];
  readonly acceptedAtMs: number;
}

export interface WriterOptions {
  readonly number: number;
  readonly operations: number;
  readonly index: string;
  /** Of the Worker as clients reach it. */
  readonly url: string;
  readonly writeKey: string;
  readonly client: IngestClient;
  readonly corpus: SoakCorpus;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly onIngest: (ingest: SentIngest) => void;
  /** No further round begins when it says so. */
  readonly isOver: () => boolean;
}

export interface WriterCounts {
  inserts: number;
  updates: number;
  deletions: number;
  requests: number;
  repetitions: number;
}

/** Operations of a round; mostly few, now and then as many as a request takes. */
const ROUND_SIZES = [1, 3, 10, 30, 60, 120, 250, 500];
const DELETES_AT_ONCE = 6;
const REPEATED_SHARE = 0.05;
const PARTIAL_DELAY_MS = 300;
const RETRY = { attempts: 12, minDelayMs: 100, maxDelayMs: 3000, timeoutMs: 20_000, maxRetryAfterMs: 30_000 };

export class Writer {
  readonly counts: WriterCounts = { inserts: 0, updates: 0, deletions: 0, requests: 0, repetitions: 0 };
  readonly #options: WriterOptions;
  /** Ids of documents that exist, as far as this writer's order goes. */
  readonly #live: string[] = [];
  #nextId = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  get operations(): number {
    return this.counts.inserts + this.counts.updates + this.counts.deletions;
  }

  async run(): Promise<void> {
    for (let round = 0; this.operations < this.#options.operations && !this.#options.isOver(); round++)
      await this.#round(round);
  }

  async #round(round: number): Promise<void> {
    const { random, corpus, ledger } = this.#options;
    const left = this.#options.operations - this.operations;
    // Of few operations there shall be many rounds all the same.
    const most = Math.max(1, this.#options.operations >> 4);
    const size = Math.min(left, most, random.pick(ROUND_SIZES));
    const documents: { id: string; text: string }[] = [];
    const writes: Write[] = [];
    const deletions: { id: string; write: Write }[] = [];
    /** Taken out of the live ones for this round. */
    const touched: string[] = [];
    for (let at = 0; at < size; at++) {
      const kind = random.next();
      const place = kind < 0.6 || this.#live.length === 0 ? null : random.between(0, this.#live.length - 1);
      const id = place === null ? `w${this.#options.number}-${this.#nextId++}` : takeAt(this.#live, place);
      const entry = ledger.entries.get(id);
      const key = entry?.key ?? corpus.newKey(random);
      if (place !== null && kind >= 0.8) {
        deletions.push({ id, write: ledger.begin(id, key, null) });
        this.counts.deletions += 1;
        continue;
      }
      const text = corpus.textOf(key, 1 + (entry?.writes.length ?? 0), random);
      documents.push({ id, text });
      writes.push(ledger.begin(id, key, text));
      touched.push(id);
      if (place === null) this.counts.inserts += 1;
      else this.counts.updates += 1;
    }
    await Promise.all([this.#send(round, documents, writes), this.#delete(deletions)]);
    this.#live.push(...touched);
  }

  async #send(round: number, documents: readonly object[], writes: readonly Write[]): Promise<void> {
    const { client, index, number, random, onIngest } = this.#options;
    if (documents.length === 0) return;
    const key = `writer-${number}-${round}`;
    const body = JSON.stringify(documents);
    for (;;) {
      const answer = await client.sendDocuments(index, body, key);
      this.counts.requests += 1;
      const refused = answer.rejected.filter(({ retryable }) => retryable !== true);
      if (refused.length > 0) throw new Error(`a document was refused: ${JSON.stringify(refused[0])}`);
      if (answer.rejected.length === 0) {
        onIngest({ ingestId: answer.ingestId!, writes, acceptedAtMs: performance.now() });
        break;
      }
      await sleep(PARTIAL_DELAY_MS);
    }
    if (random.chance(REPEATED_SHARE)) {
      this.counts.repetitions += 1;
      await client.sendDocuments(index, body, key);
    }
  }

  async #delete(deletions: readonly { readonly id: string; readonly write: Write }[]): Promise<void> {
    const { url, index, writeKey } = this.#options;
    const queue = deletions.values();
    const work = async (): Promise<void> => {
      for (const { id, write } of queue) {
        const what = `deletion of ${id}`;
        const answer = await requestWithRetry(
          {
            method: "DELETE",
            url: `${url}/v1/indexes/${index}/documents/${id}`,
            headers: { authorization: `Bearer ${writeKey}` },
            what,
          },
          RETRY,
        );
        const text = new TextDecoder().decode(answer.body);
        if (answer.status !== 200) throw new Error(`${what}: status ${answer.status}: ${text}`);
        write.generation = (JSON.parse(text) as { generation: number }).generation;
      }
    };
    await Promise.all(Array.from({ length: DELETES_AT_ONCE }, work));
  }
}

/** Takes an item out, in no time: the order of the rest does not matter. */
function takeAt<Item>(items: Item[], place: number): Item {
  const item = items[place]!;
  items[place] = items.at(-1)!;
  items.pop();
  return item;
}
