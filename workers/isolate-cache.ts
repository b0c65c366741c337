/**
 * What an isolate keeps between requests: pages, query models and manifests, bounded by bytes. In: a key and how to
 * load its value. Out: the value, loaded once however many requests ask at the same time. The Worker's entry makes one: it
 * is its one mutable module state, and losing it costs reads, never correctness.
 */
import type { Manifest } from "../shared/format/manifest.ts";
import type { QueryAlgorithm } from "../shared/query/algorithm.ts";
import { createWindowed } from "../shared/query/windowed.ts";

/** An isolate has 128 MB; decoding and the answer need their share. */
export const CACHE_BUDGET_BYTES = 48 * 1024 * 1024;
/**
 * How long a request waits for a value that another request is loading. Workers may end that other request with its
 * reads unfinished (its client left), and its promise would then never settle.
 */
const SHARED_LOAD_WAIT_MS = 1500;
/** Generations remembered per index, so that they never go back; the least recently used index is forgotten. */
const MAX_FLOORS = 10_000;

export interface HeldManifest {
  readonly manifest: Manifest;
  /** When this isolate read it from KV or the catalog. */
  readonly readAtMs: number;
  readonly sizeBytes: number;
}

export interface Loaded<Value> {
  readonly value: Value;
  readonly sizeBytes: number;
}

export class IsolateCache {
  /** Pages that were found right; they never change, so that a checksum is computed once for as long as one is held. */
  readonly verified = new WeakSet<Uint8Array>();
  /** With buffers that queries use one after another: scoring a segment waits for nothing. */
  readonly algorithm: QueryAlgorithm;

  private readonly budgetBytes: number;
  /** In order of use, the least recent first (a Map keeps insertion order). */
  private readonly entries = new Map<string, Loaded<unknown>>();
  private readonly loading = new Map<string, Promise<unknown>>();
  private readonly floors = new Map<string, number>();
  private usedBytes = 0;

  constructor(budgetBytes: number = CACHE_BUDGET_BYTES, algorithm: QueryAlgorithm = createWindowed()) {
    this.budgetBytes = budgetBytes;
    this.algorithm = algorithm;
  }

  /** Bytes of all values held; never above the budget. */
  get sizeBytes(): number {
    return this.usedBytes;
  }

  get(key: string): unknown {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: unknown, sizeBytes: number): void {
    this.drop(key);
    if (sizeBytes > this.budgetBytes) return;
    this.entries.set(key, { value, sizeBytes });
    this.usedBytes += sizeBytes;
    for (const oldest of this.entries.keys()) {
      if (this.usedBytes <= this.budgetBytes) break;
      this.drop(oldest);
    }
  }

  /**
   * The value of a key, loaded at most once at a time. A load that gives null or throws leaves nothing behind.
   * @param load must always give the same kind of value for a key: the caller vouches for `Value`
   */
  async getOrLoad<Value>(key: string, load: () => Promise<Loaded<Value> | null>): Promise<Value | null> {
    const held = this.get(key);
    if (held !== undefined) return held as Value;
    return this.share(key, async () => {
      const loaded = await load();
      if (loaded !== null) this.set(key, loaded.value, loaded.sizeBytes);
      return loaded?.value ?? null;
    });
  }

  /** Gives all who ask for a key at the same time the outcome of one load, and keeps nothing. */
  async share<Value>(key: string, load: () => Promise<Value>): Promise<Value> {
    const shared = this.loading.get(key) as Promise<Value> | undefined;
    if (shared !== undefined) {
      const outcome = await waitBriefly(shared);
      if (outcome !== LATE) return outcome as Value;
    }
    const started = load();
    this.loading.set(key, started);
    try {
      return await started;
    } finally {
      if (this.loading.get(key) === started) this.loading.delete(key);
    }
  }

  heldManifest(index: string): HeldManifest | null {
    return (this.get(`manifest:${index}`) as HeldManifest | undefined) ?? null;
  }

  /** Keeps a manifest, or the newer one that is held already. @returns the one to use */
  holdManifest(index: string, read: HeldManifest): HeldManifest {
    const held = this.heldManifest(index);
    const isOlder = held !== null && held.manifest.generation > read.manifest.generation;
    const kept = isOlder ? { ...held, readAtMs: read.readAtMs } : read;
    this.set(`manifest:${index}`, kept, kept.sizeBytes);
    return kept;
  }

  /** The highest generation of an index that this isolate has answered from. */
  generationFloor(index: string): number {
    return this.floors.get(index) ?? 0;
  }

  raiseFloor(index: string, generation: number): void {
    const floor = Math.max(generation, this.generationFloor(index));
    this.floors.delete(index);
    this.floors.set(index, floor);
    const oldest = this.floors.keys().next().value;
    if (this.floors.size > MAX_FLOORS && oldest !== undefined) this.floors.delete(oldest);
  }

  private drop(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.usedBytes -= entry.sizeBytes;
  }
}

const LATE = Symbol("late");

async function waitBriefly(shared: Promise<unknown>): Promise<unknown> {
  let giveUp: (outcome: typeof LATE) => void = () => undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    giveUp = resolve;
  });
  const timer = setTimeout(() => giveUp(LATE), SHARED_LOAD_WAIT_MS);
  try {
    return await Promise.race([shared, late]);
  } finally {
    clearTimeout(timer);
  }
}
