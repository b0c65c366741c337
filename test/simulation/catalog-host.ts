/**
 * The catalog's object as Cloudflare runs it: one instance over durable storage, commands one after the other, an
 * alarm that puts the manifest. It follows workers/catalog-object.ts, which needs workerd, line by line; the rules
 * are the real catalog's. The object can crash within a command or while a put is under way; its storage stays.
 */
import { Catalog } from "../../shared/catalog/catalog.ts";
import type { CatalogConfig } from "../../shared/catalog/config.ts";
import { MemoryOrderedStore } from "../../shared/catalog/memory-ordered-store.ts";
import type { KeyRange, OrderedStore, StoredEntry } from "../../shared/catalog/ordered-store.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { encodeManifest } from "../../shared/format/manifest.ts";
import { manifestKey } from "../../shared/storage/keys.ts";
import type { CountEvent, CoverageEvent } from "./coverage.ts";
import type { FaultRates } from "./faults.ts";
import { ForwardingStore } from "./forwarding-store.ts";
import { type Network, NetworkError } from "./network.ts";
import type { Random } from "./random.ts";
import type { SimulatedKv } from "./simulated-kv.ts";
import { Actor, type Timeline } from "./timeline.ts";
import type { Truth } from "./truth.ts";

export interface CatalogHostOptions {
  readonly index: string;
  readonly config: CatalogConfig;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly rates: () => FaultRates;
  readonly kv: SimulatedKv;
  readonly truth: Truth;
  readonly log: (line: () => string) => void;
  readonly count: CountEvent;
  /** Called when the outbox has nothing more to put. */
  readonly onIdleOutbox: () => void;
  /** A variant: the store as one command sees it. */
  readonly breakStore?: (store: OrderedStore, command: string, nowMs: number) => OrderedStore;
  /** A variant: a put that failed counts as done. */
  readonly forgetsFailedPuts?: boolean;
}

/** How long the runtime takes to start an object again. */
const RESTART_MS = 3000;
const REFUSALS: Readonly<Record<string, CoverageEvent>> = {
  lease_expired: "fenced",
  segment_not_staged: "fenced",
  segment_exists: "fenced",
  merge_conflict: "mergeConflict",
  generation_conflict: "rollbackRefused",
  generation_collected: "rollbackRefused",
};
const MAKES_GENERATIONS = /^(create|commit|remove|weigh|rollback)/;

export class CatalogHost {
  readonly store = new MemoryOrderedStore();
  readonly #options: CatalogHostOptions;
  #actor = new Actor("catalog");
  #skewMs = 0;
  /** The alarm as storage keeps it: it outlives a crash, and rings again when one interrupts it. */
  #alarmAtMs: number | null = null;
  #cancelAlarm: () => void = () => undefined;
  #isPutting = false;

  constructor(options: CatalogHostOptions) {
    this.#options = options;
  }

  /** A catalog over what is stored now. */
  catalog(command = "read"): Catalog {
    const { index, config, timeline, breakStore } = this.#options;
    const nowMs = timeline.nowMs + this.#skewMs;
    const store = breakStore?.(this.store, command, nowMs) ?? this.store;
    return new Catalog(store, index, { now: () => nowMs, config });
  }

  /** The object's clock jumps; what is stored keeps its times. */
  jumpClock(byMs: number): void {
    this.#skewMs += byMs;
    this.#armAlarm();
  }

  /**
   * Runs a command as one request of an actor.
   * @param observe sees the answer in the same moment, before anything else happens
   * @throws NetworkError, or what the command throws
   */
  call<Answer>(
    actor: Actor,
    command: string,
    run: (catalog: Catalog) => Answer,
    observe: (answer: Answer) => void = () => undefined,
  ): Promise<Answer> {
    const { network, truth } = this.#options;
    return network.call(actor, `catalog ${command}`, () => {
      const answer = this.#run(command, run);
      observe(answer);
      if (MAKES_GENERATIONS.test(command)) truth.watch(this.catalog());
      return answer;
    });
  }

  crash(where: string): void {
    const { timeline, log, count } = this.#options;
    count("catalogCrash");
    log(() => `the catalog's object crashes ${where}`);
    this.#actor.alive = false;
    this.#actor = new Actor("catalog");
    this.#isPutting = false;
    this.#cancelAlarm();
    if (this.#alarmAtMs !== null) this.#ringAt(timeline.nowMs + RESTART_MS);
  }

  #run<Answer>(command: string, run: (catalog: Catalog) => Answer): Answer {
    const { random, rates, count } = this.#options;
    if (!random.chance(rates().catalogCrash)) {
      try {
        return run(this.catalog(command));
      } catch (error) {
        const refusal = isLzeroError(error) ? REFUSALS[error.code] : undefined;
        if (refusal !== undefined) count(refusal);
        throw error;
      } finally {
        this.#armAlarm();
      }
    }
    const failing = new FailingStore(this.store, random.between(1, 30));
    try {
      const { index, config, timeline } = this.#options;
      const answer = run(new Catalog(failing, index, { now: () => timeline.nowMs + this.#skewMs, config }));
      this.#armAlarm();
      return answer;
    } catch (error) {
      if (!(error instanceof StorageGone)) throw error;
      this.crash(`in ${command}`);
      throw new NetworkError("the object was reset");
    }
  }

  #armAlarm(): void {
    if (this.#isPutting) return;
    const nextAtMs = this.catalog().outboxNextAtMs();
    if (nextAtMs === null) {
      this.#options.onIdleOutbox();
      return;
    }
    this.#ringAt(nextAtMs - this.#skewMs);
  }

  #ringAt(atMs: number): void {
    const { timeline } = this.#options;
    this.#cancelAlarm();
    this.#alarmAtMs = atMs;
    const actor = this.#actor;
    this.#cancelAlarm = timeline.schedule(atMs - timeline.nowMs, actor, () => void this.#alarm(actor));
  }

  async #alarm(actor: Actor): Promise<void> {
    const { index, kv, log, forgetsFailedPuts } = this.#options;
    this.#isPutting = true;
    let put: ReturnType<Catalog["outboxDue"]> = null;
    try {
      put = this.catalog().outboxDue();
      if (put !== null) {
        await kv.putFrom(actor, manifestKey(index), encodeManifest(put.manifest));
        this.catalog().outboxAcknowledged(put.generation);
      }
    } catch (error) {
      if (error instanceof LzeroError) throw error;
      log(() => `the put of generation ${put?.generation} failed`);
      if (forgetsFailedPuts === true && put !== null) this.catalog().outboxAcknowledged(put.generation);
    }
    this.#isPutting = false;
    this.#alarmAtMs = null;
    this.#armAlarm();
  }
}

class StorageGone extends Error {}

/** Storage that is gone after a number of operations. */
class FailingStore extends ForwardingStore {
  #left: number;

  constructor(store: OrderedStore, operations: number) {
    super(store);
    this.#left = operations;
  }

  override get(key: Uint8Array): Uint8Array | null {
    this.#use();
    return super.get(key);
  }

  override put(key: Uint8Array, value: Uint8Array): void {
    this.#use();
    super.put(key, value);
  }

  override delete(key: Uint8Array): void {
    this.#use();
    super.delete(key);
  }

  override list(range: KeyRange): StoredEntry[] {
    this.#use();
    return super.list(range);
  }

  #use(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new StorageGone();
  }
}
