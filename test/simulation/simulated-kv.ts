/**
 * Workers KV as it promises to be, and no better: a write is seen at once by some and by others minutes later, a place
 * keeps what it read (misses too) for as long as the reader lets it, requests fail, and bulk writes fail in part.
 */
import { LzeroError } from "../../shared/errors.ts";
import type { PageEntry, PageStore } from "../../shared/storage/page-store.ts";
import type { CountEvent } from "./coverage.ts";
import { type FaultRates, MAX_STALE_MS } from "./faults.ts";
import { type Network, NetworkError } from "./network.ts";
import type { Random } from "./random.ts";
import type { Actor, Timeline } from "./timeline.ts";

interface Version {
  readonly atMs: number;
  readonly value: Uint8Array | null;
}

/** A data centre's cache, which outlives the isolates there. */
export class KvPlace {
  readonly cached = new Map<string, Version>();
  /** What its Cache API holds, by address. */
  readonly pages = new Map<string, Uint8Array>();
}

export interface KvOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly rates: () => FaultRates;
  readonly count: CountEvent;
  /** Sees what a put or a deletion does, before it does it. */
  readonly onPut?: (key: string, value: Uint8Array | null) => void;
  /** Where a key's value is stored; for a variant that uses keys again. */
  readonly keyOf?: (key: string) => string;
}

const ATTEMPTS = 3;
const RETRY_DELAY_MS = 1000;

export class SimulatedKv {
  readonly #options: KvOptions;
  /** Oldest first. */
  readonly #versions = new Map<string, Version[]>();

  constructor(options: KvOptions) {
    this.#options = options;
  }

  /** The newest value. */
  latest(key: string): Uint8Array | null {
    return this.#versions.get(this.#keyOf(key))?.at(-1)?.value ?? null;
  }

  keys(): string[] {
    return [...this.#versions].filter(([, versions]) => versions.at(-1)!.value !== null).map(([key]) => key);
  }

  put(key: string, value: Uint8Array | null): void {
    this.#options.onPut?.(key, value);
    const stored = this.#keyOf(key);
    const versions = this.#versions.get(stored) ?? [];
    const { nowMs } = this.#options.timeline;
    versions.push({ atMs: nowMs, value: value?.slice() ?? null });
    while (versions.length > 1 && versions[1]!.atMs < nowMs - MAX_STALE_MS) versions.shift();
    this.#versions.set(stored, versions);
  }

  /** What a reader may see now. @param ttlMs how old an answer of the place's cache may be */
  read(key: string, place: KvPlace | null, ttlMs: number): Uint8Array | null {
    const { timeline, random, rates, count } = this.#options;
    const versions = this.#versions.get(this.#keyOf(key)) ?? [];
    const latest = versions.at(-1)?.value ?? null;
    const cached = place?.cached.get(key);
    if (cached !== undefined && timeline.nowMs - cached.atMs < ttlMs) {
      if (!isEqual(cached.value, latest)) count(cached.value === null ? "kvCachedMiss" : "kvStaleRead");
      return cached.value;
    }
    const lagMs = random.chance(rates().stale) ? random.between(0, MAX_STALE_MS) : 0;
    const asOfMs = timeline.nowMs - lagMs;
    const value = versions.findLast(({ atMs }) => atMs <= asOfMs)?.value ?? null;
    if (!isEqual(value, latest)) count("kvStaleRead");
    place?.cached.set(key, { atMs: timeline.nowMs, value });
    return value;
  }

  /** The binding of a Worker, as much of it as the Worker uses. */
  binding(actor: Actor, place: KvPlace): KVNamespace {
    const get = async (key: string, { cacheTtl = 60 }: { cacheTtl?: number } = {}) => {
      const value = await this.#call(actor, `KV get ${key}`, () => this.read(key, place, cacheTtl * 1000));
      return value === null ? null : value.slice().buffer;
    };
    return { get } as unknown as KVNamespace;
  }

  /** The manifest put of the catalog's object. @throws Error when it was refused or its outcome is unknown */
  putFrom(actor: Actor, key: string, value: Uint8Array): Promise<void> {
    return this.#call(actor, `KV put ${key}`, () => this.put(key, value));
  }

  /** The store of the batch side: failed requests are sent again a few times, bulk writes go in a few requests. */
  store(actor: Actor): PageStore {
    return {
      read: async (key) => {
        const read = () => this.read(key, null, 0);
        return (
          (await this.#repeat(actor, `KV read ${key}`, "storage_read_failed", [key], read))?.slice() ?? null
        );
      },
      write: (entries) => this.#write(actor, entries),
      delete: async (keys) => {
        for (const part of this.#split(keys)) {
          await this.#repeat(actor, `KV delete ${part.join(" ")}`, "storage_delete_failed", part, () => {
            for (const key of part) this.put(key, null);
          });
        }
      },
    };
  }

  async #write(actor: Actor, entries: readonly PageEntry[]): Promise<void> {
    const { random, rates, count } = this.#options;
    for (const part of this.#split(entries)) {
      const keys = part.map(({ key }) => key);
      await this.#repeat(actor, `KV write ${keys.join(" ")}`, "storage_write_failed", keys, () => {
        const fails = random.chance(rates().partialWrite);
        const stored = fails ? part.slice(0, random.between(0, part.length - 1)) : part;
        for (const { key, value } of stored) this.put(key, value);
        if (!fails) return;
        count("kvPartialWrite");
        throw new NetworkError(`${part.length - stored.length} keys were not stored`);
      });
    }
  }

  async #repeat<Answer>(
    actor: Actor,
    what: string,
    code: string,
    keys: readonly string[],
    effect: () => Answer,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#call(actor, what, effect);
      } catch (cause) {
        if (attempt === ATTEMPTS) throw new LzeroError(code, what, { keys }, cause);
        await this.#options.timeline.sleep(actor, RETRY_DELAY_MS);
      }
    }
  }

  #call<Answer>(actor: Actor, what: string, effect: () => Answer): Promise<Answer> {
    const { network, random, rates, count } = this.#options;
    return network.call(actor, what, () => {
      if (!random.chance(rates().kvRefused)) return effect();
      count("kvRefused");
      throw new NetworkError(random.pick(["429", "500"]));
    });
  }

  #split<Item>(items: readonly Item[]): Item[][] {
    const size = Math.max(1, Math.ceil(items.length / this.#options.random.between(1, 3)));
    return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
      items.slice(at * size, (at + 1) * size),
    );
  }

  #keyOf(key: string): string {
    return this.#options.keyOf?.(key) ?? key;
  }
}

function isEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === b || (a !== null && b !== null && Buffer.compare(a, b) === 0);
}
