/**
 * A state of the explored system: the catalog's storage, KV, what is under way between them, and where every actor
 * stands in its steps. States are never changed; a step makes another one.
 */
import { Catalog } from "../../../shared/catalog/catalog.ts";
import { indexSettingsSchema, type ModelBinding } from "../../../shared/catalog/commands.ts";
import { type CatalogConfig, DEFAULT_CATALOG_CONFIG } from "../../../shared/catalog/config.ts";
import type { Effect } from "./effects.ts";
import { digestOf, SnapshotStore } from "./snapshot-store.ts";
import type { ExplorerVariant } from "./variants.ts";

export interface Scope {
  readonly name: string;
  /** Documents with versions, by message. */
  readonly messages: readonly (readonly Written[])[];
  /** What each publisher receives, in order: numbers of messages, each batch one segment. */
  readonly batches: readonly (readonly (readonly number[])[])[];
  /** Segments that a publisher makes at most, over all its batches and crashes. */
  readonly attempts: number;
  readonly deletions: readonly Written[];
  readonly merges: number;
  readonly collections: number;
  readonly rollbacks: number;
  readonly readers: number;
  /** Of each reader. */
  readonly searches: number;
  /** Crashes of publishers, merger, collector and of the catalog's object, all together. */
  readonly crashes: number;
  /** Requests that are lost, late, or whose answer is lost, all together. */
  readonly losses: number;
  /** How often time passes: leases, retention and the grace period end. */
  readonly ticks: number;
}

export type Written = readonly [document: string, version: number];

/** What an actor is at: a step's name, and what it has learnt. */
export interface Position {
  readonly at: string;
  readonly batch: number;
  readonly attempts: number;
  readonly segment: string | null;
  /** Until when its lease runs at least. */
  readonly leaseMs: number;
  /** Segments: to collect, or to merge. */
  readonly segments: readonly string[];
}

export interface Reader {
  readonly left: number;
  /** Null: between two searches. */
  readonly at: "pages" | "pages again" | null;
  /** Whether the client came from the other reader. */
  readonly roams: boolean;
  readonly manifest: number | null;
  readonly held: number | null;
  readonly floor: number;
}

/** What has to be true by the rules alone (../truth.ts says more). */
export interface Facts {
  readonly live: Readonly<Record<string, number>>;
  readonly deleted: Readonly<Record<string, { readonly version: number; readonly after: number }>>;
  /** How each position ended, by `message/position`. */
  readonly fates: Readonly<Record<string, "indexed" | "superseded">>;
}

export interface Generation {
  readonly segments: readonly string[];
  /** Ordinals of tombstones, by segment. */
  readonly dead: Readonly<Record<string, readonly number[]>>;
  readonly live: Facts["live"];
}

export interface State {
  readonly store: SnapshotStore;
  readonly nowMs: number;
  /** Segments whose page is in KV. */
  readonly pages: readonly string[];
  /** Generations that were put to KV at some time, ascending: what a reader may see. */
  readonly put: readonly number[];
  /** The one that KV has; null before the first. */
  readonly shown: number | null;
  /** All that were made. */
  readonly generations: readonly Generation[];
  readonly committed: readonly string[];
  /** Documents of every segment that was begun, by its name. */
  readonly segments: Readonly<Record<string, readonly Written[]>>;
  readonly facts: Facts;
  /** Messages that were deleted from the queue. */
  readonly acknowledged: readonly number[];
  readonly publishers: readonly Position[];
  readonly merger: Position;
  readonly collector: Position;
  /** The generation whose manifest is being put. */
  readonly putting: number | null;
  readonly deletions: number;
  readonly rollbacks: number;
  readonly readers: readonly Reader[];
  /** The newest generation that the roaming client has seen. */
  readonly session: number;
  /** Requests whose senders have given up and that may still take effect. */
  readonly late: readonly Effect[];
  readonly crashes: number;
  readonly losses: number;
  readonly ticks: number;
}

export const INDEX = "explored";
/** Longer than everything that ends by itself. */
export const TICK_MS = 1000;
export const START_MS = 1_700_000_000_000;

/** Times are one tick each; the outbox may put at any time. */
export const CONFIG: CatalogConfig = {
  ...DEFAULT_CATALOG_CONFIG,
  leaseMs: TICK_MS,
  generationRetentionMs: TICK_MS,
  deletionRetentionMs: 100 * TICK_MS,
  outboxIntervalMs: 0,
  outboxMaxBackoffMs: 0,
  outboxConfirmMs: TICK_MS,
};

export const MODEL: ModelBinding = {
  fingerprint: "a".repeat(32),
  tables: "b".repeat(32),
  maxWeight: 4,
  impactBits: 8,
  averageLength: null,
};

export function openCatalog(
  store: SnapshotStore,
  nowMs: number,
  variant: ExplorerVariant,
  command = "",
): Catalog {
  const seen = variant.breakStore?.(store, command) ?? store;
  return new Catalog(seen, INDEX, { now: () => nowMs, config: { ...CONFIG, ...variant.config } });
}

export function ingestIdOf(message: number): string {
  return String(message).padStart(32, "e");
}

/** A segment's id, from a short name such as `p0.1`. */
export function segmentIdOf(name: string): string {
  return Buffer.from(name).toString("hex").padEnd(32, "0");
}

export function segmentNameOf(segmentId: string): string {
  return Buffer.from(segmentId.replace(/(00)+$/, ""), "hex").toString();
}

const IDLE: Position = { at: "idle", batch: 0, attempts: 0, segment: null, leaseMs: 0, segments: [] };

export function firstState(scope: Scope, variant: ExplorerVariant): State {
  const store = new SnapshotStore();
  const catalog = openCatalog(store, START_MS, variant);
  catalog.create(indexSettingsSchema.parse({ versions: "external" }));
  scope.messages.forEach((documents, message) => {
    const ingestId = ingestIdOf(message);
    catalog.accept({ ingestId, positions: documents.length, rejected: [], digest: ingestId });
  });
  const { crashes, losses, ticks, deletions, rollbacks } = scope;
  return {
    store,
    nowMs: START_MS,
    pages: [],
    put: [],
    shown: null,
    generations: [{ segments: [], dead: {}, live: {} }],
    committed: [],
    segments: {},
    facts: { live: {}, deleted: {}, fates: {} },
    acknowledged: [],
    publishers: scope.batches.map(() => IDLE),
    merger: IDLE,
    collector: IDLE,
    putting: null,
    deletions: deletions.length,
    rollbacks,
    readers: Array.from({ length: scope.readers }, () => ({
      left: scope.searches,
      at: null,
      roams: false,
      manifest: null,
      held: null,
      floor: 0,
    })),
    session: 0,
    late: [],
    crashes,
    losses,
    ticks,
  };
}

/** A short text that is equal for equal states, and different for others but with a chance of 2^-64 a pair. */
export function digestState({ store, late, ...rest }: State): string {
  const underWay = late.map((effect) => JSON.stringify(effect)).sort();
  const [low, high] = digestOf(`${store.digest} ${JSON.stringify(rest)} ${underWay.join()}`);
  return String.fromCharCode(low & 0xffff, low >>> 16, high & 0xffff, high >>> 16);
}
