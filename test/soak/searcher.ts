/** One client that searches all the time and holds every answer against the ledger. */
import { setTimeout as sleep } from "node:timers/promises";
import { isLzeroError } from "../../shared/errors.ts";
import type { Random } from "../simulation/random.ts";
import type { SoakCorpus } from "./corpus.ts";
import type { Ledger } from "./ledger.ts";
import type { Violations } from "./violations.ts";

export interface SearchCounts {
  searches: number;
  /** Of these, the ones whose answer had to hold one certain document, or had to lack it. */
  decisive: number;
  /** Not answered: 5xx, or no connection. */
  unavailable: number;
  slowestMs: number;
}

export interface SearcherOptions {
  readonly url: string;
  readonly index: string;
  readonly corpus: SoakCorpus;
  readonly ledger: Ledger;
  readonly violations: Violations;
  readonly random: Random;
  /** Changes when the edge was started again: a new isolate knows nothing of what the old one answered. */
  readonly edgeStarts: () => number;
  /** Told of the generation of each answer that nobody had to ask for. */
  readonly onGeneration: (generation: number) => void;
}

interface Answer {
  readonly generation: number;
  readonly hits: readonly { readonly id: string; readonly text: string }[];
}

const PAUSE_MS = 15;
const TIMEOUT_MS = 10_000;
const HITS = 10;
/** Entries to choose from: the newest are the ones that change. */
const RECENT = 3000;

export class Searcher {
  readonly counts: SearchCounts = { searches: 0, decisive: 0, unavailable: 0, slowestMs: 0 };
  readonly #options: SearcherOptions;
  #lastGeneration = 0;
  #lastStarts = 0;

  constructor(options: SearcherOptions) {
    this.#options = options;
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#searchOnce();
      await sleep(PAUSE_MS);
    }
  }

  async #searchOnce(): Promise<void> {
    const { ledger, random, corpus } = this.#options;
    const id = this.#pickId();
    const entry = id === null || random.chance(0.1) ? null : ledger.entries.get(id)!;
    const before = entry?.writes.length ?? 0;
    const query = entry?.key ?? `${corpus.filler(random)} ${corpus.filler(random)}`;
    const generation = entry?.writes.at(-1)?.generation ?? null;
    // Now and then as a client that has just written: it may ask for the generation that it was told.
    const minGeneration = generation !== null && random.chance(0.1) ? generation : null;
    const starts = this.#options.edgeStarts();
    const answer = await this.#ask(query, minGeneration);
    if (answer === null) return;
    this.#noteGeneration(answer, starts, minGeneration);
    ledger.checkHits(answer.hits, answer.generation);
    if (entry !== null && ledger.checkEntry(entry, before, answer.hits, answer.generation))
      this.counts.decisive += 1;
  }

  #pickId(): string | null {
    const { ledger, random } = this.#options;
    const { length } = ledger.ids;
    if (length === 0) return null;
    const oldest = random.chance(0.5) ? 0 : Math.max(0, length - RECENT);
    return ledger.ids[random.between(oldest, length - 1)]!;
  }

  #noteGeneration({ generation }: Answer, starts: number, least: number | null): void {
    const { violations, onGeneration, edgeStarts } = this.#options;
    if (least === null) onGeneration(generation);
    else if (generation < least)
      violations.add("wentBack", `generation ${least} was asked for, ${generation} answered`);
    // An answer of before a restart may arrive after one of later.
    if (starts !== edgeStarts() || starts !== this.#lastStarts) {
      this.#lastStarts = edgeStarts();
      this.#lastGeneration = 0;
      return;
    }
    if (generation < this.#lastGeneration)
      violations.add("wentBack", `generation ${generation} came after ${this.#lastGeneration}`);
    this.#lastGeneration = generation;
  }

  async #ask(query: string, minGeneration: number | null): Promise<Answer | null> {
    const { url, index } = this.#options;
    const startedMs = performance.now();
    this.counts.searches += 1;
    try {
      const response = await fetch(`${url}/v1/indexes/${index}/search`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ q: query, k: HITS, ...(minGeneration === null ? {} : { minGeneration }) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status >= 500) {
        await response.arrayBuffer();
        this.counts.unavailable += 1;
        return null;
      }
      if (!response.ok) throw new Error(`a search was refused: ${await response.text()}`);
      const answer = (await response.json()) as Answer;
      this.counts.slowestMs = Math.max(this.counts.slowestMs, performance.now() - startedMs);
      return answer;
    } catch (error) {
      const isConnection = error instanceof TypeError || (error as Error).name === "TimeoutError";
      if (!isConnection || isLzeroError(error)) throw error;
      this.counts.unavailable += 1;
      return null;
    }
  }
}
