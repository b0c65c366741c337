/** A catalog over memory with a clock that tests move, and short ways to say what publishers do. */
import { expect } from "vitest";
import { Catalog } from "../../../../shared/catalog/catalog.ts";
import type {
  CommitResponse,
  IndexSettings,
  LocatedDocument,
  ModelBinding,
  StageRequest,
} from "../../../../shared/catalog/commands.ts";
import type { CatalogConfig } from "../../../../shared/catalog/config.ts";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { MemoryOrderedStore } from "../../../../shared/catalog/memory-ordered-store.ts";
import type { OrderedStore } from "../../../../shared/catalog/ordered-store.ts";

export const START_MS = 1_763_884_800_000;
export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

export const SETTINGS: IndexSettings = {
  encoder: "onnx",
  versions: "external",
  encodedFields: ["text"],
  idf: "blend",
  averageLength: null,
};

export const MODEL: ModelBinding = {
  fingerprint: "a".repeat(32),
  tables: "b".repeat(32),
  maxWeight: 3.5,
  impactBits: 8,
  averageLength: null,
};

/** A segment or ingest id that a number stands for. */
export function hexId(number: number): string {
  return number.toString(16).padStart(32, "0");
}

/** What a test says of a document: its id and version, of which ingest and position it is, and its condition. */
export type Written = readonly [
  id: string,
  version: number,
  ingest?: number,
  position?: number,
  ifVersion?: number | null | undefined,
];

export function located(documents: readonly Written[]): LocatedDocument[] {
  return documents.map(([id, version, ingest, position, ifVersion]): LocatedDocument => {
    const write = [
      documentKey(id),
      version,
      ingest === undefined ? null : hexId(ingest),
      position ?? null,
    ] as const;
    return ifVersion === undefined ? [...write] : [...write, ifVersion];
  });
}

export function stageRequest(
  segment: number,
  documents: number,
  replaces: readonly number[] = [],
): StageRequest {
  return {
    segmentId: hexId(segment),
    model: MODEL,
    checksum: `c${segment}`,
    pages: 2,
    documents,
    sizeBytes: 1000 + segment,
    replaces: replaces.map(hexId),
  };
}

export class CatalogHarness {
  nowMs = START_MS;
  readonly store: OrderedStore;
  readonly catalog: Catalog;

  constructor(config: Partial<CatalogConfig> = {}, settings: IndexSettings | null = SETTINGS) {
    this.store = new MemoryOrderedStore();
    this.catalog = new Catalog(this.store, "demo", { now: () => this.nowMs, config });
    if (settings !== null) this.catalog.create(settings);
  }

  accept(ingest: number, positions: number, rejected: number[] = []) {
    return this.catalog.accept({ ingestId: hexId(ingest), positions, rejected, digest: `d${ingest}` });
  }

  /** Stages and locates a segment. */
  prepare(segment: number, documents: readonly Written[], replaces: readonly number[] = []): void {
    this.catalog.stage(stageRequest(segment, documents.length, replaces));
    if (documents.length > 0) {
      this.catalog.locate({ segmentId: hexId(segment), firstOrdinal: 0, documents: located(documents) });
    }
  }

  commit(segment: number): CommitResponse {
    return this.catalog.commit({ segmentId: hexId(segment) });
  }

  publish(segment: number, documents: readonly Written[], replaces: readonly number[] = []): CommitResponse {
    this.prepare(segment, documents, replaces);
    return this.commit(segment);
  }

  /** Tombstones of a generation by the number of their segment, in the manifest's order. */
  tombstones(generation?: number): [segment: number, ordinals: number[]][] {
    return this.catalog
      .manifest(generation)
      .segments.map(({ segmentId, tombstones }) => [Number.parseInt(segmentId, 16), [...tombstones]]);
  }

  version(id: string): number | null {
    return this.catalog.lookup(documentKey(id))?.version ?? null;
  }

  remove(id: string, version: number | null, ifVersion?: number) {
    const condition = ifVersion === undefined ? {} : { ifVersion };
    return this.catalog.remove({ documents: [{ key: documentKey(id), version, ...condition }] });
  }

  outcomes(ingest: number): string[] {
    return this.catalog.ingestStatus(hexId(ingest)).documents.map(({ outcome }) => outcome);
  }

  collectable(graceMs = 0, collected: readonly number[] = []): number[] {
    return this.catalog
      .collect({ collected: collected.map(hexId), graceMs })
      .segments.map(({ segmentId }) => Number.parseInt(segmentId, 16));
  }

  dump(): [string, string][] {
    return dumpStore(this.store);
  }
}

export function dumpStore(store: OrderedStore): [string, string][] {
  return store.list({}).map(({ key, value }) => [toHex(key), toHex(value)]);
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function expectCode(command: () => unknown, code: string): void {
  expect(command).toThrow(expect.objectContaining({ code }));
}
