/**
 * The soak: writers, searchers and faults at once over the real stack with two consumers, and a look at everything
 * afterwards. In: how many operations. Out: what happened, and what must not have.
 */

import { IngestClient } from "../../batch/corpus/ingest-client.ts";
import { Random } from "../simulation/random.ts";
import { FaultStack } from "../support/fault-stack.ts";
import { SoakCorpus } from "./corpus.ts";
import { checkFinalState, type FinalState } from "./final-check.ts";
import { FreshnessWatch } from "./freshness.ts";
import { Injector } from "./injector.ts";
import { Ledger } from "./ledger.ts";
import { type MemorySeries, MemoryWatch } from "./memory.ts";
import { Searcher } from "./searcher.ts";
import { Settler } from "./settler.ts";
import { type ViolationKind, Violations } from "./violations.ts";
import { Writer } from "./writer.ts";

export interface SoakOptions {
  readonly operations: number;
  readonly seed: number;
  readonly writers?: number;
  readonly searchers?: number;
  readonly meanFaultPauseMs?: number;
  /** Weight of killing the edge among the faults. */
  readonly edgeShare?: number;
  /** Writers begin nothing new after this. */
  readonly maxSeconds?: number;
  readonly consumerArgs?: readonly string[];
  readonly onProgress?: (line: string) => void;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly samples: number;
}

export interface SoakReport {
  readonly seed: number;
  readonly operations: { readonly inserts: number; readonly updates: number; readonly deletions: number };
  readonly requests: number;
  readonly repeatedRequests: number;
  /** Until the last operation was answered, and until nothing was pending. */
  readonly seconds: { readonly writing: number; readonly settled: number };
  readonly operationsPerSecond: number;
  readonly searches: {
    readonly searches: number;
    readonly decisive: number;
    readonly unavailable: number;
    readonly slowestMs: number;
  };
  readonly faults: Readonly<Record<string, number>>;
  /** Requests that met a fault, by proxy and kind. */
  readonly faultyRequests: Readonly<Record<string, number>>;
  readonly processesEnded: Readonly<Record<string, number>>;
  readonly violations: Readonly<Record<ViolationKind, number>>;
  readonly examples: readonly string[];
  readonly final: FinalState | null;
  /** Seconds from the 202 until an ingest was settled, and from a commit until the edge answered from it. */
  readonly settling: Quantiles;
  readonly freshness: Quantiles;
  readonly memory: Readonly<Record<string, MemorySeries>>;
  /** Null: the run was too short to tell. */
  readonly isMemoryFlat: boolean | null;
}

const INDEX = "soak";
const CONSUMERS = 2;
const CONSUMER_ARGS = [
  ...["--visibility-seconds", "6", "--flush-seconds", "2", "--request-timeout-seconds", "3"],
  ...["--pollers", "8", "--threads", "1"],
];
const PROGRESS_MS = 5000;
/** A median of the last quarter above that of the second by more than this share and this many MiB is growth. */
const GROWTH_SHARE = 0.25;
const GROWTH_MIB = 24;
/** A minute of samples: before that processes only warm up. */
const MIN_SAMPLES = 60;

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { operations, seed, onProgress = () => undefined } = options;
  const violations = new Violations();
  const ledger = new Ledger(violations);
  const corpus = await SoakCorpus.load();
  const stack = await FaultStack.start({
    consumers: CONSUMERS,
    consumerArgs: options.consumerArgs ?? CONSUMER_ARGS,
  });
  try {
    await stack.waitUntilConsuming();
    await stack.client.createIndex(INDEX, { encoder: "bm25", encodedFields: ["text"] });
    const startedMs = performance.now();
    const elapsed = () => (performance.now() - startedMs) / 1000;
    const settler = new Settler(stack.client, INDEX, violations);
    const writers = Array.from(
      { length: options.writers ?? 4 },
      (_, number, list = options.writers ?? 4) =>
        new Writer({
          number,
          operations: Math.floor(operations / list) + (number < operations % list ? 1 : 0),
          index: INDEX,
          url: stack.proxies.client.origin,
          writeKey: stack.keys.writeKey,
          client: stack.client,
          corpus,
          ledger,
          random: new Random(seed * 1000 + number),
          onIngest: (ingest) => settler.add(ingest),
          isOver: () => elapsed() > (options.maxSeconds ?? Number.POSITIVE_INFINITY),
        }),
    );
    const freshness = new FreshnessWatch();
    const searchers = Array.from(
      { length: options.searchers ?? 3 },
      (_, number) =>
        new Searcher({
          url: stack.proxies.client.origin,
          index: INDEX,
          corpus,
          ledger,
          violations,
          random: new Random(seed * 1000 + 100 + number),
          edgeStarts: () => stack.endings.filter(({ name }) => name === "edge").length,
          onGeneration: (generation) => freshness.noteSearch(generation),
        }),
    );
    const injector = new Injector({
      stack,
      random: new Random(seed * 1000 + 200),
      meanPauseMs: options.meanFaultPauseMs ?? 1500,
      edgeShare: options.edgeShare ?? 0.3,
    });
    const memory = new MemoryWatch(stack);
    memory.start();
    const done = () => writers.reduce((sum, writer) => sum + writer.operations, 0);
    const progress = setInterval(() => {
      const searches = searchers.reduce((sum, { counts }) => sum + counts.searches, 0);
      onProgress(
        `${elapsed().toFixed(0)} s: ${done()} operations, ${settler.pending} ingests pending, ${searches} searches, ${violations.total} violations`,
      );
    }, PROGRESS_MS);

    let isSearchingOver = false;
    const searching = Promise.all([
      ...searchers.map((searcher) => searcher.run(() => isSearchingOver)),
      freshness.run(new IngestClient({ url: stack.url }), INDEX, () => isSearchingOver),
    ]);
    const injecting = injector.run();
    const settling = settler.run();
    let writing = 0;
    try {
      await Promise.race([
        Promise.all(writers.map((writer) => writer.run())),
        // These end only when they are told to, or by an error that nobody expected.
        Promise.all([searching, injecting, settling]),
      ]);
      writing = elapsed();
      injector.stop();
      await injecting;
      settler.finish();
      await settling;
    } finally {
      isSearchingOver = true;
      injector.stop();
      settler.finish();
      clearInterval(progress);
    }
    const settled = elapsed();
    const series = memory.stop();
    await searching;
    onProgress(`${settled.toFixed(0)} s: all is settled, now everything is compared`);
    const final = await checkFinalState({
      stack,
      index: INDEX,
      ledger,
      violations,
      corpus,
      random: new Random(seed * 1000 + 300),
      garbage: injector.garbage,
    });
    const sum = (name: "inserts" | "updates" | "deletions" | "requests" | "repetitions") =>
      writers.reduce((total, { counts }) => total + counts[name], 0);
    const add = (name: "searches" | "decisive" | "unavailable") =>
      searchers.reduce((total, { counts }) => total + counts[name], 0);
    const watched = ["consumer-2", "workerd"].flatMap((name) => series[name] ?? []);
    return {
      seed,
      operations: { inserts: sum("inserts"), updates: sum("updates"), deletions: sum("deletions") },
      requests: sum("requests"),
      repeatedRequests: sum("repetitions"),
      seconds: { writing, settled },
      operationsPerSecond: done() / settled,
      searches: {
        searches: add("searches"),
        decisive: add("decisive"),
        unavailable: add("unavailable"),
        slowestMs: Math.max(...searchers.map(({ counts }) => counts.slowestMs)),
      },
      faults: injector.counts,
      faultyRequests: countFaultyRequests(stack),
      processesEnded: countEndings(stack),
      violations: violations.counts,
      examples: violations.examples,
      final,
      settling: quantiles(settler.delays),
      freshness: quantiles(freshness.delays()),
      memory: series,
      isMemoryFlat: isFlat(watched),
    };
  } catch (error) {
    onProgress(stack.describeLogs(30));
    throw error;
  } finally {
    await stack.end();
  }
}

/** @returns null where there are too few samples to tell */
export function isFlat(watched: readonly MemorySeries[]): boolean | null {
  const long = watched.filter(({ samples }) => samples >= MIN_SAMPLES);
  if (long.length === 0) return null;
  return long.every(
    ({ medianOfSecondQuarter: before, medianOfLastQuarter: after }) =>
      after <= before * (1 + GROWTH_SHARE) + GROWTH_MIB,
  );
}

function countFaultyRequests(stack: FaultStack): Record<string, number> {
  return Object.fromEntries(
    Object.entries(stack.proxies).flatMap(([name, { faults }]) =>
      [...faults].map(([kind, count]) => [`${name} ${kind}`, count]),
    ),
  );
}

function countEndings(stack: FaultStack): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name, reason } of stack.endings) {
    const ending = `${name}: ${reason}`;
    counts[ending] = (counts[ending] ?? 0) + 1;
  }
  return counts;
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), samples: sorted.length };
}
