/**
 * Queries replayed through the caches of a deployment: isolates (the Worker's own cache class), the data centre's cache,
 * KV. In: what each query reads, and a scenario. Out: who answered, what is billed, how long it would have taken by the
 * model. Values are never touched, only their sizes.
 */

import { IsolateCache } from "../../../workers/isolate-cache.ts";
import { MANIFEST_HOLD_MS } from "../../../workers/search/current-manifest.ts";
import { type CpuCosts, cpuOf } from "../layouts/cpu.ts";
import { CONNECTIONS, dollarsPerMillion, READ_TIMES, type ReadTime } from "../layouts/model.ts";
import { type Spread, spreadOf } from "../layouts/statistics.ts";
import { EDGE_IDLE_MS, EDGE_MAX_AGE_MS, KV_CACHE_TTL_MS, type Scenario } from "./scenarios.ts";

export interface ReplayedPage {
  readonly key: string;
  readonly sizeBytes: number;
  /** What the isolate holds of it, where that is not the value. */
  readonly heldBytes?: number;
}

/** What a query reads, phase by phase, after the manifest. */
export interface ReplayedQuery {
  readonly phases: readonly (readonly ReplayedPage[])[];
  readonly postings: number;
}

export interface ReplayOptions {
  readonly scenario: Scenario;
  readonly hasEdge: boolean;
  readonly isolateBytes: number;
  readonly manifestBytes: number;
  readonly cpu: CpuCosts;
  readonly random: () => number;
}

export interface ReplayResult {
  /** Values that queries needed, manifests included. */
  readonly values: number;
  /** Shares of those. */
  readonly isolateHits: number;
  readonly edgeHits: number;
  /** KV reads a query. */
  readonly billed: number;
  readonly billedManifests: number;
  /** By thirds of the stream: caches fill. */
  readonly billedByThird: readonly number[];
  readonly cpuMs: Spread;
  readonly ms: Spread;
  readonly dollars: number;
}

interface Isolate {
  cache: IsolateCache;
  bornMs: number;
}

interface Kept {
  storedMs: number;
  usedMs: number;
}

/** What is near a data centre's readers. */
class Location {
  readonly isolates: Isolate[];
  readonly edge = new Map<string, Kept>();
  /** When KV last fetched a key for this location. */
  readonly kvNear = new Map<string, number>();

  constructor(isolates: Isolate[]) {
    this.isolates = isolates;
  }
}

const HELD = Symbol("held");

export function replay(stream: Iterable<ReplayedQuery>, options: ReplayOptions): ReplayResult {
  const { scenario, hasEdge, isolateBytes, manifestBytes, cpu, random } = options;
  const lifetimeMs = scenario.lifetimeMinutes * 60_000;
  const newIsolate = (bornMs: number): Isolate => ({ cache: new IsolateCache(isolateBytes), bornMs });
  const locations = Array.from(
    { length: scenario.locations },
    // Not all of them are born at once.
    () => new Location(Array.from({ length: scenario.isolates }, () => newIsolate(-random() * lifetimeMs))),
  );
  const kvAnywhere = new Map<string, number>();
  const costs: { billed: number; cpuMs: number; ms: number }[] = [];
  let [nowMs, values, isolateHits, edgeHits, billedManifests] = [0, 0, 0, 0, 0];

  for (const query of stream) {
    // Arrivals of a Poisson process.
    nowMs += (-Math.log(1 - random()) * 1000) / scenario.queriesPerSecond;
    const location = locations[Math.floor(random() * locations.length)]!;
    const place = Math.floor(random() * location.isolates.length);
    let isolate = location.isolates[place]!;
    if (nowMs - isolate.bornMs > lifetimeMs) isolate = location.isolates[place] = newIsolate(nowMs);
    let billed = 0;
    let checkedBytes = 0;
    let ms = 0;

    const readKv = (key: string): ReadTime => {
      billed++;
      const nearMs = location.kvNear.get(key);
      const anywhereMs = kvAnywhere.get(key);
      const isNear = nearMs !== undefined && nowMs - nearMs < KV_CACHE_TTL_MS;
      const isWarm = anywhereMs !== undefined && nowMs - anywhereMs < KV_CACHE_TTL_MS;
      if (!isNear) location.kvNear.set(key, nowMs);
      kvAnywhere.set(key, nowMs);
      return isNear ? READ_TIMES.hot : isWarm ? READ_TIMES.regional : READ_TIMES.cold;
    };
    const read = ({
      key,
      sizeBytes,
      heldBytes,
    }: ReplayedPage): { time: ReadTime; sizeBytes: number } | null => {
      values++;
      if (isolate.cache.get(key) !== undefined) {
        isolateHits++;
        return null;
      }
      isolate.cache.set(key, HELD, heldBytes ?? sizeBytes);
      checkedBytes += sizeBytes;
      const kept = hasEdge ? location.edge.get(key) : undefined;
      if (
        kept !== undefined &&
        nowMs - kept.usedMs < EDGE_IDLE_MS &&
        nowMs - kept.storedMs < EDGE_MAX_AGE_MS
      ) {
        kept.usedMs = nowMs;
        edgeHits++;
        return { time: READ_TIMES.hot, sizeBytes };
      }
      if (hasEdge) location.edge.set(key, { storedMs: nowMs, usedMs: nowMs });
      return { time: readKv(key), sizeBytes };
    };

    values++;
    const held = isolate.cache.get("manifest") as { readAtMs: number } | undefined;
    if (held !== undefined && nowMs - held.readAtMs < MANIFEST_HOLD_MS) isolateHits++;
    else {
      isolate.cache.set("manifest", { readAtMs: nowMs }, manifestBytes);
      const { firstByteMs, bytesPerMs } = readKv("manifest");
      ms += firstByteMs + manifestBytes / bytesPerMs;
      billedManifests++;
    }
    for (const phase of query.phases) ms += phaseMs(phase.map(read).filter((each) => each !== null));
    const cpuMs = cpuOf(cpu, query.postings, checkedBytes);
    costs.push({ billed, cpuMs, ms: ms + cpuMs });
  }
  const billed = costs.map((cost) => cost.billed);
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  const third = Math.ceil(billed.length / 3);
  return {
    values,
    isolateHits: isolateHits / values,
    edgeHits: edgeHits / values,
    billed: mean(billed),
    billedManifests: billedManifests / costs.length,
    billedByThird: [0, 1, 2].map((at) => mean(billed.slice(at * third, (at + 1) * third))),
    cpuMs: spreadOf(costs.map(({ cpuMs }) => cpuMs)),
    ms: spreadOf(costs.map((cost) => cost.ms)),
    dollars: dollarsPerMillion(mean(costs.map(({ cpuMs }) => cpuMs)), mean(billed)),
  };
}

/** Six connections wait for headers; the next read takes the one that is free first. */
function phaseMs(reads: readonly { readonly time: ReadTime; readonly sizeBytes: number }[]): number {
  const freeAtMs = new Array<number>(CONNECTIONS).fill(0);
  let endMs = 0;
  for (const { time, sizeBytes } of reads) {
    const connection = freeAtMs.indexOf(Math.min(...freeAtMs));
    const headersAtMs = freeAtMs[connection]! + time.firstByteMs;
    freeAtMs[connection] = headersAtMs;
    endMs = Math.max(endMs, headersAtMs + sizeBytes / time.bytesPerMs);
  }
  return endMs;
}
