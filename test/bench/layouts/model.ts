/**
 * What reads cost where nobody can measure them here: a stated model of time and the list prices. In: sizes of the values
 * that a query reads, phase by phase. Out: rounds, milliseconds, dollars. Every figure that comes from here is simulated.
 */

/** Connections that wait for their headers at once; a seventh queues (Cloudflare docs, Workers limits). */
export const CONNECTIONS = 6;

/** Where KV has a value: in the data centre, in a regional tier, or only in the central stores. */
export const TEMPERATURES = ["hot", "regional", "cold"] as const;
export type Temperature = (typeof TEMPERATURES)[number];

export interface ReadTime {
  /** Until the headers are there; a connection counts against the six until then. */
  readonly firstByteMs: number;
  readonly bytesPerMs: number;
}

/**
 * First bytes: public figures, 6–8 ms hot and 100–300 ms cold, the middle of each; regional lies between them and is
 * assumed. Throughputs are assumed, the slower the farther. Whoever has the account measures them by page size.
 */
export const READ_TIMES: Readonly<Record<Temperature, ReadTime>> = {
  hot: { firstByteMs: 7, bytesPerMs: 200_000 },
  regional: { firstByteMs: 40, bytesPerMs: 80_000 },
  cold: { firstByteMs: 200, bytesPerMs: 40_000 },
};

/** Sizes in bytes of the values of one phase: none is asked for before all of the phase before have come. */
export type Phase = readonly number[];

/** How many waves of six the phases take. */
export function roundsOf(phases: readonly Phase[]): number {
  return phases.reduce((sum, phase) => sum + Math.ceil(phase.length / CONNECTIONS), 0);
}

/** Milliseconds from the first request to the last byte. */
export function millisecondsOf(
  phases: readonly Phase[],
  { firstByteMs, bytesPerMs }: ReadTime = READ_TIMES.cold,
): number {
  let now = 0;
  for (const phase of phases) {
    let end = now;
    phase.forEach((bytes, at) => {
      const headersAt = now + (Math.floor(at / CONNECTIONS) + 1) * firstByteMs;
      end = Math.max(end, headersAt + bytes / bytesPerMs);
    });
    now = end;
  }
  return now;
}

/** Dollars per million of: requests, CPU milliseconds, KV reads (list prices). */
const REQUEST_DOLLARS = 0.3;
const CPU_MS_DOLLARS = 0.02;
const READ_DOLLARS = 0.5;

/** Dollars that a million such queries cost. */
export function dollarsPerMillion(cpuMs: number, billedReads: number): number {
  return REQUEST_DOLLARS + CPU_MS_DOLLARS * cpuMs + READ_DOLLARS * billedReads;
}
