/**
 * What a query's work costs in processor time, measured here and now on the engine itself: checking a byte, and scoring a
 * posting. The results name the machine and its load; at rest the figures are of the record.
 */
import { crc32c } from "../../../shared/format/crc32c.ts";
import type { Trace } from "./segments.ts";

/** HTTP, tokenizer and JSON: assumed; `npm run bench -- http` measures all of a request. */
export const REQUEST_CPU_MS = 0.5;

export interface CpuCosts {
  readonly msPerCheckedByte: number;
  readonly msPerPosting: number;
  /** Of a search without postings: plans, top k, ten documents. */
  readonly msPerSearch: number;
}

const PROBE_BYTES = 2 ** 20;
const PROBES = 40;

export function measureChecking(): number {
  const bytes = Uint8Array.from({ length: PROBE_BYTES }, (_, at) => Math.imul(at, 0x9e3779b1) >>> 24);
  let best = Number.POSITIVE_INFINITY;
  for (let probe = 0; probe < PROBES; probe++) {
    const startedMs = performance.now();
    crc32c(bytes);
    best = Math.min(best, performance.now() - startedMs);
  }
  return best / PROBE_BYTES;
}

/** Fits time = search + postings · each by least squares over traces, the slowest tenth left out. */
export function fitCpu(traces: readonly Trace[]): CpuCosts {
  const kept = traces.toSorted((a, b) => a.cpuMs - b.cpuMs).slice(0, Math.ceil(traces.length * 0.9));
  const mean = (of: (trace: Trace) => number) =>
    kept.reduce((sum, trace) => sum + of(trace), 0) / kept.length;
  const meanPostings = mean(({ postingsDecoded }) => postingsDecoded);
  const meanMs = mean(({ cpuMs }) => cpuMs);
  const covariance = mean((trace) => (trace.postingsDecoded - meanPostings) * (trace.cpuMs - meanMs));
  const variance = mean(({ postingsDecoded }) => (postingsDecoded - meanPostings) ** 2);
  const msPerPosting = variance === 0 ? 0 : Math.max(0, covariance / variance);
  return {
    msPerCheckedByte: measureChecking(),
    msPerPosting,
    msPerSearch: Math.max(0, meanMs - msPerPosting * meanPostings),
  };
}

/** Processor time of a query that must check `checkedBytes` of new values. */
export function cpuOf(costs: CpuCosts, postings: number, checkedBytes: number): number {
  return (
    REQUEST_CPU_MS + costs.msPerSearch + costs.msPerPosting * postings + costs.msPerCheckedByte * checkedBytes
  );
}
