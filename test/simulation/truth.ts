/**
 * What must be true, by the rules of DESIGN in their plainest form: per document the highest version, a deletion that
 * beats what is not above it, and the documents of every generation. It watches the commands that take effect and
 * says how each has to end; of the catalog's own bookkeeping it uses nothing but the list of segments it publishes.
 */
import type { Catalog } from "../../shared/catalog/catalog.ts";
import type {
  AcceptResponse,
  IngestStatus,
  LocateRequest,
  RemoveRequest,
  RemoveResponse,
  StageRequest,
} from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import type { PinRequest, RollbackRequest, RollbackResponse } from "../../shared/catalog/history-commands.ts";
import type { Manifest } from "../../shared/format/manifest.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { CountEvent } from "./coverage.ts";
import { Violation } from "./violation.ts";

export interface WrittenDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly version: number;
  readonly poison: boolean;
  /** A conditional write: the version that it must find, null: none. */
  readonly ifVersion?: number | null;
}

/** One live document of a generation, in the order in which equal scores are ranked. */
export interface LiveDocument extends WrittenDocument {
  readonly segmentId: string;
  readonly ordinal: number;
}

export interface GenerationTruth {
  readonly tables: string | null;
  readonly documents: readonly LiveDocument[];
  readonly pageKeys: readonly string[];
}

const DELETION_EVENTS = {
  absent: "deletionOfAbsent",
  conflict: "deletionConflict",
  deleted: "deletion",
  superseded: "deletionSuperseded",
} as const;

interface Write {
  readonly name: string;
  readonly version: number;
  readonly ifVersion: number | null | undefined;
}

interface Deletion {
  readonly version: number;
  /** The generation that was current when it came. */
  readonly after: number;
}

type Fate = "indexed" | "superseded" | "conflict";

const FATE_EVENTS = {
  indexed: "writeIndexed",
  superseded: "writeSuperseded",
  conflict: "writeConflict",
} as const;

export class Truth {
  readonly generations = new Map<number, GenerationTruth>();
  /** By key: the highest version that is committed and not deleted. */
  readonly live = new Map<string, number>();
  readonly #deletions = new Map<string, Deletion>();
  /** By key: the version at or below which a rollback may have hidden what was indexed. */
  readonly #hidden = new Map<string, number>();
  readonly pins = new Set<number>();
  /** By `ingestId/position`. */
  readonly #writes = new Map<string, WrittenDocument>();
  /** By `key@version`; a write is one text, however often it is sent. */
  readonly #contents = new Map<string, WrittenDocument>();
  readonly #fates = new Map<string, Fate>();
  readonly #staged = new Map<
    string,
    { merge: boolean; documents: (LocateRequest["documents"][number] | undefined)[] }
  >();
  readonly #committed = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #collected = new Set<string>();
  /** Ids of deletion requests that were answered. */
  readonly #removals = new Set<string>();
  readonly #count: CountEvent;
  #nextVersion = 1;
  #generation = -1;

  constructor(count: CountEvent) {
    this.#count = count;
  }

  get generation(): number {
    return this.#generation;
  }

  contentOf(key: string, version: number): WrittenDocument | undefined {
    return this.#contents.get(`${key}@${version}`);
  }

  /** Ingest and position of every write that was accepted. */
  writes(): IterableIterator<[string, WrittenDocument]> {
    return this.#writes.entries();
  }

  fateOf(write: string): Fate | undefined {
    return this.#fates.get(write);
  }

  wasCommitted(segmentId: string): boolean {
    return this.#committed.has(segmentId);
  }

  /** The queue did not take this write, and its client was told. */
  refuse(write: string): void {
    this.#refused.add(write);
    this.#count("writeRefused");
  }

  isRefused(write: string): boolean {
    return this.#refused.has(write);
  }

  /** @param documents by position; `version` null: assigned, in order */
  accepted(
    ingestId: string,
    { firstVersion, conflicts = [] }: AcceptResponse,
    documents: readonly (Omit<WrittenDocument, "version"> & { version: number | null })[],
  ): void {
    if (this.#writes.has(`${ingestId}/0`)) {
      this.#count("requestRepeated");
      return;
    }
    this.#count("write", documents.length);
    const sequence = documents[0]!.version === null;
    if (sequence && firstVersion !== this.#nextVersion) {
      throw new Violation("versions in sequence", `version ${firstVersion} after ${this.#nextVersion - 1}`);
    }
    if (sequence) this.#nextVersion += documents.length;
    documents.forEach((document, position) => {
      const written = { ...document, version: document.version ?? firstVersion + position };
      this.#writes.set(`${ingestId}/${position}`, written);
      this.#contents.set(`${documentKey(document.id)}@${written.version}`, written);
    });
    for (const { position } of conflicts) {
      const { id, ifVersion } = documents[position]!;
      if (ifVersion === undefined || ifVersion === this.#standing(documentKey(id))) {
        throw new Violation("conditions", `${ingestId}/${position} is refused although its condition holds`);
      }
      this.#fates.set(`${ingestId}/${position}`, "conflict");
      this.#count("conflictAtOnce");
    }
  }

  staged({ segmentId, replaces, documents }: StageRequest): void {
    if (this.#staged.has(segmentId)) return;
    this.#staged.set(segmentId, { merge: replaces.length > 0, documents: Array.from({ length: documents }) });
  }

  located({ segmentId, firstOrdinal, documents }: LocateRequest): void {
    const staged = this.#staged.get(segmentId)!;
    documents.forEach((document, at) => {
      staged.documents[firstOrdinal + at] = document;
    });
  }

  /** @param tombstoned its documents that were dead from the start */
  committed(segmentId: string, tombstoned: number): void {
    if (this.#committed.has(segmentId)) {
      this.#count("commitAgain");
      return;
    }
    this.#committed.add(segmentId);
    const { merge, documents } = this.#staged.get(segmentId)!;
    this.#count(merge ? "merge" : "commit");
    if (merge && tombstoned > 0) this.#count("mergeBornTombstoned");
    if (merge) return;
    const byKey = new Map<string, Write[]>();
    for (const [key, version, ingestId, position, ifVersion] of documents.map((document) => document!)) {
      byKey.set(key, [...(byKey.get(key) ?? []), { name: `${ingestId}/${position}`, version, ifVersion }]);
    }
    for (const [key, writes] of byKey) this.#decide(key, writes);
  }

  /** Of one document, the writes that one commit brings: each in turn, by its version. */
  #decide(key: string, writes: readonly Write[]): void {
    const fates = new Map<string, Fate>();
    const decide = (name: string, fate: Fate) => fates.set(name, fates.get(name) ?? fate);
    for (const write of writes.toSorted((a, b) => a.version - b.version)) {
      const { name, version, ifVersion } = write;
      const standing = this.#standing(key);
      // What a client was told to have failed stays so, whatever is delivered again.
      const hasFailed = this.#fates.get(name) === "conflict";
      if (version <= this.#deletedAt(key)) {
        decide(name, "superseded");
      } else if (hasFailed || (ifVersion !== undefined && ifVersion !== standing)) {
        decide(name, "conflict");
      } else {
        decide(name, "indexed");
        if (standing !== null && version <= standing) continue;
        this.live.set(key, version);
        if (version <= this.hiddenAt(key)) this.#count("hiddenCameBack");
        if (ifVersion !== undefined) this.#count("conditionHeld");
      }
    }
    const standing = this.#standing(key);
    for (const { name, version } of writes) {
      if (this.#fates.has(name)) continue;
      // Overtaken in the very commit that brought it.
      const isOvertaken = fates.get(name) === "indexed" && version !== standing;
      const fate = isOvertaken ? "superseded" : fates.get(name)!;
      this.#fates.set(name, fate);
      this.#count(FATE_EVENTS[fate]);
    }
  }

  /** Pages of these segments are gone, as the catalog was told. */
  collected(segmentIds: readonly string[]): void {
    for (const segmentId of segmentIds) {
      this.#count(this.#collected.has(segmentId) ? "segmentCollectedAgain" : "segmentCollected");
      this.#collected.add(segmentId);
    }
  }

  removed({ documents, removal }: RemoveRequest, { outcomes }: RemoveResponse): void {
    if (removal !== undefined && this.#removals.has(removal.id)) {
      this.#count("deletionRepeated");
      return;
    }
    if (removal !== undefined) this.#removals.add(removal.id);
    documents.forEach(({ key, version: given, ifVersion }, at) => {
      const version = given ?? this.#nextVersion++;
      const live = this.live.get(key);
      const isConflict = ifVersion !== undefined && live !== ifVersion;
      const isLower = live !== undefined && live > version;
      const expected = isConflict
        ? "conflict"
        : isLower
          ? "superseded"
          : live === undefined
            ? "absent"
            : "deleted";
      if (outcomes[at] !== expected) {
        throw new Violation("deletions", `${key} at ${version} is ${outcomes[at]}, it should be ${expected}`);
      }
      this.#count(DELETION_EVENTS[expected]);
      if (isConflict || isLower) return;
      this.live.delete(key);
      if (version > this.#deletedAt(key)) this.#deletions.set(key, { version, after: this.#generation });
    });
  }

  /** The documents of an older generation are live again, but for those that were deleted after it was current. */
  rolledBack({ to }: RollbackRequest, { generation, withheld }: RollbackResponse): void {
    if (generation <= this.#generation) {
      this.#count("rollbackAgain");
      return;
    }
    this.#count("rollback");
    for (const [key, version] of this.live) this.#hidden.set(key, Math.max(version, this.hiddenAt(key)));
    this.live.clear();
    let deletedSince = 0;
    for (const { id, version } of this.generations.get(to)!.documents) {
      const key = documentKey(id);
      const deletion = this.#deletions.get(key);
      const isDeleted = deletion !== undefined && deletion.after >= to && deletion.version >= version;
      if (isDeleted) deletedSince += 1;
      else this.live.set(key, version);
    }
    if (withheld !== deletedSince) {
      throw new Violation(
        "deletions",
        `the rollback to ${to} withheld ${withheld} instead of ${deletedSince}`,
      );
    }
    this.#count("rollbackWithheld", withheld);
  }

  pinned({ generation, pinned }: PinRequest): void {
    this.#count(pinned ? "pin" : "unpin");
    if (pinned) this.pins.add(generation);
    else this.pins.delete(generation);
  }

  /** Looks at every generation that is retained: it must be as it was when it was made, and pinned ones be among them. */
  checkRetained(catalog: Catalog): void {
    const { generations } = catalog.generations();
    const retained = new Set(generations.map(({ generation }) => generation));
    for (const generation of this.pins) {
      if (!retained.has(generation)) throw new Violation("pins", `generation ${generation} is gone`);
      if (generations.every((other) => other.pinned || other.generation > generation))
        this.#count("pinOutlived");
    }
    for (const generation of retained) {
      const found = this.#describe(catalog.manifest(generation)).map(placeOf);
      const expected = this.generations.get(generation)?.documents.map(placeOf);
      if (found.join() !== expected?.join()) {
        throw new Violation(
          "generations never change",
          `${generation} has ${found.join(" ")}, it was made with ${expected?.join(" ")}`,
        );
      }
    }
  }

  /** What must stay in KV: the pages of every generation that the catalog retains. */
  retainedKeys(catalog: Catalog): Set<string> {
    const { generations } = catalog.generations();
    return new Set(generations.flatMap(({ generation }) => this.generations.get(generation)!.pageKeys));
  }

  /** What is indexed at or below this version may be hidden by a rollback. */
  hiddenAt(key: string): number {
    return this.#hidden.get(key) ?? -1;
  }

  #standing(key: string): number | null {
    return this.live.get(key) ?? null;
  }

  #deletedAt(key: string): number {
    return this.#deletions.get(key)?.version ?? -1;
  }

  /** Looks at the generation that is current now: every live document must be in it once, at its version. */
  watch(catalog: Catalog): void {
    const manifest = catalog.manifest();
    if (manifest.generation === this.#generation) return;
    if (manifest.generation < this.#generation) {
      throw new Violation("generations rise", `${manifest.generation} after ${this.#generation}`);
    }
    this.#generation = manifest.generation;
    const documents = this.#describe(manifest);
    const tables = manifest.model?.tables ?? null;
    this.#count("generation");
    if (tables !== (this.generations.get(manifest.generation - 1)?.tables ?? null))
      this.#count("tablesChanged");
    const pageKeys = manifest.segments.flatMap(({ segmentId, pages }) =>
      Array.from({ length: pages }, (_, page) => pageKey(manifest.index, segmentId, page)),
    );
    this.generations.set(manifest.generation, { tables, documents, pageKeys });
    const found = new Map<string, number>();
    for (const { id, version } of documents) {
      const key = documentKey(id);
      if (found.has(key)) throw new Violation("exactly once", `${id} is twice in ${manifest.generation}`);
      found.set(key, version);
    }
    for (const [key, version] of this.live) {
      if (found.get(key) !== version) {
        throw new Violation(
          "highest version",
          `${this.contentOf(key, version)?.id} is at ${found.get(key) ?? "nothing"} in generation ${manifest.generation}, it should be at ${version}`,
        );
      }
    }
    for (const [key, version] of found) {
      if (!this.live.has(key)) {
        throw new Violation(
          "nothing deleted",
          `${this.contentOf(key, version)?.id} is in ${manifest.generation}`,
        );
      }
    }
  }

  /** An ingest's outcomes must be those that the commits gave, and nothing may be called failed without a reason. */
  checkOutcomes({ ingestId, documents, generation }: IngestStatus): void {
    let hasPending = false;
    for (const { position, outcome } of documents) {
      const write = `${ingestId}/${position}`;
      const fate = this.#fates.get(write);
      hasPending ||= outcome === "pending";
      const isRight =
        fate !== undefined
          ? outcome === (fate === "conflict" ? "failed" : fate)
          : outcome === "pending" ||
            (outcome === "dead" && this.#writes.get(write)?.poison === true) ||
            (outcome === "failed" && this.#refused.has(write));
      if (!isRight) throw new Violation("truthful outcomes", `${write} is ${outcome}, it should be ${fate}`);
    }
    if ((generation === null) !== hasPending) {
      throw new Violation("truthful outcomes", `${ingestId} names generation ${generation}`);
    }
    if (generation !== null && generation > this.#generation) {
      throw new Violation("truthful outcomes", `${ingestId} names a generation that is not there`);
    }
  }

  #describe({ segments, generation }: Manifest): LiveDocument[] {
    return segments.flatMap(({ segmentId, tombstones, documents: count }) => {
      const dead = new Set(tombstones);
      const documents: LiveDocument[] = [];
      for (let ordinal = 0; ordinal < count; ordinal++) {
        if (dead.has(ordinal)) continue;
        const located = this.#staged.get(segmentId)?.documents[ordinal];
        const content = located && this.contentOf(located[0], located[1]);
        if (content === undefined) {
          throw new Violation("known documents", `${segmentId}:${ordinal} of generation ${generation}`);
        }
        documents.push({ ...content, segmentId, ordinal });
      }
      return documents;
    });
  }
}

function placeOf({ id, version, segmentId, ordinal }: LiveDocument): string {
  return `${id}@${version} in ${segmentId.slice(0, 6)}:${ordinal}`;
}
