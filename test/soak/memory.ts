/** Resident memory of processes over time, and whether it stays where it is. */
import type { FaultStack } from "../support/fault-stack.ts";

export interface MemorySeries {
  /** MiB, one a sample; what happened when a process was started anew begins a new series. */
  readonly medianOfSecondQuarter: number;
  readonly medianOfLastQuarter: number;
  readonly most: number;
  /** MiB a minute over the second half, by least squares. */
  readonly slopePerMinute: number;
  readonly samples: number;
  /** A thinned series, for a plot. */
  readonly series: readonly number[];
}

const MIB = 1024 ** 2;
const MAX_POINTS = 120;

export class MemoryWatch {
  readonly #stack: FaultStack;
  readonly #intervalMs: number;
  readonly #samples = new Map<string, number[]>();
  #timer: NodeJS.Timeout | null = null;

  constructor(stack: FaultStack, intervalMs = 1000) {
    this.#stack = stack;
    this.#intervalMs = intervalMs;
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const [name, bytes] of Object.entries(this.#stack.memory())) {
        const list = this.#samples.get(name) ?? [];
        list.push(bytes / MIB);
        this.#samples.set(name, list);
      }
    }, this.#intervalMs);
  }

  stop(): Record<string, MemorySeries> {
    if (this.#timer !== null) clearInterval(this.#timer);
    return Object.fromEntries(
      [...this.#samples].map(([name, samples]) => [name, describeSeries(samples, this.#intervalMs)]),
    );
  }
}

export function describeSeries(samples: readonly number[], intervalMs: number): MemorySeries {
  const quarter = samples.length >> 2;
  const step = Math.max(1, Math.ceil(samples.length / MAX_POINTS));
  const half = samples.slice(samples.length >> 1);
  return {
    medianOfSecondQuarter: median(samples.slice(quarter, Math.max(1, 2 * quarter))),
    medianOfLastQuarter: median(samples.slice(3 * quarter)),
    most: Math.max(...samples),
    slopePerMinute: slope(half) * (60_000 / intervalMs),
    samples: samples.length,
    series: samples.filter((_, at) => at % step === 0).map(Math.round),
  };
}

/** Least squares, per sample. */
function slope(values: readonly number[]): number {
  const { length } = values;
  if (length < 2) return 0;
  const meanAt = (length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / length;
  let covariance = 0;
  let variance = 0;
  values.forEach((value, at) => {
    covariance += (at - meanAt) * (value - mean);
    variance += (at - meanAt) ** 2;
  });
  return covariance / variance;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
