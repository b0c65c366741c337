/**
 * Random histories against a brute-force model: publishers with duplicates, reordering, expired leases, aborts, merges,
 * conditions, deletions, rollbacks, pins, retries, and a crash at any operation of the store. After every step the catalog must say
 * what the model says.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Catalog } from "../../../../shared/catalog/catalog.ts";
import type { IngestStatus, Outcome } from "../../../../shared/catalog/commands.ts";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { type CompareResponse, MAX_PINS } from "../../../../shared/catalog/history-commands.ts";
import { MemoryOrderedStore } from "../../../../shared/catalog/memory-ordered-store.ts";
import { isLzeroError } from "../../../../shared/errors.ts";
import { FaultyStore, SimulatedCrash } from "./faulty-store.ts";
import { dumpStore, hexId, located, SETTINGS, START_MS, stageRequest, type Written } from "./harness.ts";

const IDS = ["a", "b", "c", "d", "e", "f"];
const LEASE_MS = 600_000;
const RUNS = 50;

interface Step {
  readonly kind:
    | "accept"
    | "write"
    | "merge"
    | "commit"
    | "abort"
    | "remove"
    | "settle"
    | "collect"
    | "wait"
    | "outbox"
    | "rollback"
    | "pin";
  /** Chooses among what there is to choose from. */
  readonly pick: number;
  readonly picks: readonly number[];
  /** The store operation of the step's command that crashes; none when the command has fewer. */
  readonly crashAt: number;
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constant("accept" as const) },
    { weight: 5, arbitrary: fc.constant("write" as const) },
    { weight: 3, arbitrary: fc.constant("merge" as const) },
    { weight: 7, arbitrary: fc.constant("commit" as const) },
    { weight: 1, arbitrary: fc.constantFrom("abort" as const, "settle" as const, "collect" as const) },
    { weight: 2, arbitrary: fc.constantFrom("remove" as const, "outbox" as const) },
    { weight: 1, arbitrary: fc.constantFrom("wait" as const, "pin" as const) },
    { weight: 1, arbitrary: fc.constant("rollback" as const) },
  ),
  pick: fc.nat(1000),
  picks: fc.array(fc.nat(1000), { minLength: 1, maxLength: 8 }),
  crashAt: fc.oneof(fc.constant(0), fc.nat(60)),
});

interface ModelSegment {
  readonly documents: readonly Written[];
  readonly replaces: readonly number[];
  /** A document that a faulty merge left out. */
  readonly lost: Written | null;
  /** Rollbacks that there had been when it was staged. */
  readonly rollbacks: number;
  leaseUntilMs: number;
  state: "staged" | "committed" | "dead" | "collected";
}

/** What must be true, by the plainest means. */
class Model {
  readonly live = new Map<string, number>();
  readonly deleted = new Map<string, number>();
  readonly segments = new Map<number, ModelSegment>();
  readonly outcomes = new Map<string, Outcome>();
  /** All writes ever accepted; the queue may deliver each any number of times. */
  readonly writes: Written[] = [];
  /** Live versions by generation. */
  readonly history = new Map<number, string>();
  readonly pins = new Set<number>();
  /** With sequence versions: that of the next write or deletion. */
  nextVersion = 1;
  rollbacks = 0;
  contests = 0;
  conflicts = 0;

  commitWrites(documents: readonly Written[]): void {
    const contested = new Set(
      documents.filter(([, , , , ifVersion]) => ifVersion !== undefined).map(([id]) => id),
    );
    const conflicts = new Set<number>();
    const inOrder = [...documents.entries()].sort(([, [, a]], [, [, b]]) => a - b);
    for (const [at, [id, version, ingest, position, ifVersion]] of inOrder) {
      const live = this.live.get(id) ?? null;
      if (version <= (this.deleted.get(id) ?? -1)) continue;
      const hasFailed = this.outcomes.get(`${ingest}/${position}`) === "failed";
      if (ifVersion !== undefined && (ifVersion !== live || hasFailed)) conflicts.add(at);
      else if (version > (live ?? -1)) this.live.set(id, version);
    }
    for (const [at, [id, version, ingest, position]] of documents.entries()) {
      const slot = `${ingest}/${position}`;
      if (this.isFinal(slot)) continue;
      if (conflicts.has(at)) this.conflicts += 1;
      const ended = this.live.get(id) === version ? "indexed" : "superseded";
      this.outcomes.set(slot, conflicts.has(at) ? "failed" : ended);
    }
    this.contests += contested.size;
  }

  /** What failed did so by its condition: that stays, as what a commit has decided does. */
  isFinal(slot: string): boolean {
    return ["indexed", "superseded", "failed"].includes(this.outcomes.get(slot) ?? "pending");
  }

  /** Conditions that can hold no more: the document, or its deletion, has passed them. */
  isPast(id: string, ifVersion: number | null): boolean {
    const live = this.live.get(id) ?? null;
    if (ifVersion === null) return live !== null;
    return (live !== null && live > ifVersion) || (this.deleted.get(id) ?? -1) >= ifVersion;
  }

  remove(id: string, version: number): string {
    const live = this.live.get(id);
    if (live !== undefined && live > version) return "superseded";
    this.deleted.set(id, Math.max(version, this.deleted.get(id) ?? -1));
    return this.live.delete(id) ? "deleted" : "absent";
  }

  /** @returns documents that were live then and stay deleted */
  rollBack(generation: number): number {
    this.rollbacks += 1;
    this.live.clear();
    let withheld = 0;
    for (const [id, version] of JSON.parse(this.history.get(generation)!) as [string, number][]) {
      if ((this.deleted.get(id) ?? -1) >= version) withheld += 1;
      else this.live.set(id, version);
    }
    return withheld;
  }

  describe(): string {
    return JSON.stringify([...this.live].sort());
  }
}

class World {
  nowMs = START_MS;
  readonly memory = new MemoryOrderedStore();
  readonly store = new FaultyStore(this.memory);
  readonly model = new Model();
  readonly sequence: boolean;
  #nextIngest = 1;
  #nextSegment = 1000;
  crashes = 0;

  constructor(sequence: boolean) {
    this.sequence = sequence;
    const settings = { ...SETTINGS, versions: sequence ? ("sequence" as const) : ("external" as const) };
    this.#run(0, (catalog) => catalog.create(settings));
    this.#run(0, (catalog) => catalog.create(settings));
  }

  step({ kind, pick, picks, crashAt }: Step): void {
    const { model } = this;
    switch (kind) {
      case "accept": {
        const ingest = this.#nextIngest++;
        const conditions = picks.flatMap((number, position) => {
          const id = IDS[number % IDS.length]!;
          if (number % 7 > 2) return [];
          const ifVersion = number % 7 === 0 ? number % 11 : (model.live.get(id) ?? null);
          return [{ position, key: documentKey(id), id, ifVersion }];
        });
        const request = {
          ingestId: hexId(ingest),
          positions: picks.length,
          rejected: [],
          digest: "d",
          conditions: conditions.map(({ position, key, ifVersion }) => ({ position, key, ifVersion })),
        };
        const first = this.#run(crashAt, (catalog) => catalog.accept(request));
        const again = this.#run(0, (catalog) => catalog.accept(request));
        expect(again).toEqual(first);
        const past = conditions.filter(({ id, ifVersion }) => model.isPast(id, ifVersion));
        const conflicts = past.map(({ position }) => position);
        expect((first.conflicts ?? []).map(({ position }) => position)).toEqual(conflicts);
        picks.forEach((number, position) => {
          const version = this.sequence ? first.firstVersion + position : (number >>> 3) % 12;
          const ifVersion = conditions.find((one) => one.position === position)?.ifVersion;
          const hasFailed = conflicts.includes(position);
          // What failed at once is never sent.
          if (!hasFailed)
            model.writes.push([IDS[number % IDS.length]!, version, ingest, position, ifVersion]);
          model.outcomes.set(`${ingest}/${position}`, hasFailed ? "failed" : "pending");
        });
        if (this.sequence) {
          expect(first.firstVersion).toBe(model.nextVersion);
          model.nextVersion += picks.length;
        }
        return;
      }
      case "write": {
        if (model.writes.length === 0) return;
        const documents = picks.map((number) => model.writes[number % model.writes.length]!);
        this.#stage(documents, [], null, crashAt);
        return;
      }
      case "merge": {
        const { segments } = this.#catalog().manifest();
        const chosen = segments.filter((_, i) => picks.some((number) => number % segments.length === i));
        if (chosen.length === 0) return;
        const documents = chosen.flatMap(({ segmentId, tombstones }) =>
          this.#documentsOf(segmentId, tombstones).map(([id, version]): Written => [id, version]),
        );
        const lost = pick % 4 === 0 ? (documents.pop() ?? null) : null;
        this.#stage(
          documents,
          chosen.map(({ segmentId }) => Number.parseInt(segmentId, 16)),
          lost,
          crashAt,
        );
        return;
      }
      case "commit":
        this.#commit(pick, crashAt);
        return;
      case "abort": {
        const chosen = this.#choose(pick);
        if (chosen === null) return;
        const [number, segment] = chosen;
        const failed = this.#attempt(crashAt, (catalog) => catalog.abort({ segmentId: hexId(number) }));
        expect(failed).toBe(segment.state === "committed" ? "segment_committed" : null);
        if (segment.state === "staged") segment.state = "dead";
        return;
      }
      case "remove": {
        const id = IDS[pick % IDS.length]!;
        const version = (pick >>> 3) % 12;
        const documents = [{ key: documentKey(id), version: this.sequence ? null : version }];
        const { outcomes } = this.#run(crashAt, (catalog) => catalog.remove({ documents }));
        expect(outcomes).toEqual([model.remove(id, this.sequence ? model.nextVersion++ : version)]);
        return;
      }
      case "settle": {
        const [, , ingest, position] = model.writes[pick % Math.max(1, model.writes.length)] ?? [];
        if (ingest === undefined || position === undefined) return;
        const reason = { outcome: "dead" as const, code: "c", message: "m" };
        const outcomes = [{ ...reason, ingestId: hexId(ingest), position }];
        this.#run(crashAt, (catalog) => catalog.settle({ outcomes }));
        const slot = `${ingest}/${position}`;
        if (!model.isFinal(slot)) model.outcomes.set(slot, "dead");
        return;
      }
      case "collect":
        this.#collect(crashAt);
        return;
      case "wait":
        this.nowMs += [1000, LEASE_MS / 2, LEASE_MS, 2 * 3_600_000][pick % 4]!;
        return;
      case "rollback":
        this.#rollBack(pick, crashAt);
        return;
      case "pin": {
        const known = [...model.history.keys()];
        const generation = known[pick % Math.max(1, known.length)];
        if (generation === undefined) return;
        const pinned = picks.length % 3 > 0;
        const request = { generation, pinned };
        const code = this.#attempt(crashAt, (catalog) => catalog.pin(request));
        if (code !== null) {
          expect(code).toBe("too_many_pins");
          expect(model.pins.size).toBe(MAX_PINS);
        } else if (pinned) model.pins.add(generation);
        else model.pins.delete(generation);
        return;
      }
      case "outbox": {
        const due = this.#run(crashAt, (catalog) => catalog.outboxDue());
        if (due !== null && pick % 3 > 0) {
          this.#run(0, (catalog) => catalog.outboxAcknowledged(due.generation));
        }
        return;
      }
    }
  }

  /** Everything that must hold after every step. */
  check(): void {
    const { model } = this;
    const catalog = this.#catalog();
    const manifest = catalog.manifest();
    const status = catalog.status();
    const found = this.#liveDocuments(manifest.segments);
    expect(found).toBe(model.describe()); // each exactly once, at its highest version
    expect(status.documents).toBe(model.live.size);
    expect(status.segments.map(({ tombstones }) => tombstones)).toEqual(
      manifest.segments.map(({ tombstones }) => tombstones.length),
    );
    for (const id of IDS) {
      const location = catalog.lookup(documentKey(id));
      expect(location?.version ?? null).toBe(model.live.get(id) ?? null);
      if (location === null) continue;
      const held = model.segments.get(Number.parseInt(location.segmentId, 16))!.documents[location.ordinal]!;
      expect(held.slice(0, 2)).toEqual([id, location.version]);
    }
    const known = model.history.get(manifest.generation);
    if (known !== undefined) expect(found).toBe(known); // a generation never changes
    model.history.set(manifest.generation, found);
    const listed = new Set(catalog.generations().generations.map(({ generation }) => generation));
    for (const [generation, live] of model.history) {
      if (!listed.has(generation)) {
        expect(model.pins.has(generation)).toBe(false);
        model.history.delete(generation);
        continue;
      }
      const { segments } = catalog.manifest(generation);
      expect(this.#liveDocuments(segments)).toBe(live);
      for (const { segmentId } of segments) {
        expect(model.segments.get(Number.parseInt(segmentId, 16))!.state).toBe("committed"); // its pages are there
      }
    }
    let pending = 0;
    let state: IngestStatus | null = null;
    for (const [slot, outcome] of model.outcomes) {
      const [ingest, position] = slot.split("/").map(Number) as [number, number];
      if (state?.ingestId !== hexId(ingest)) state = catalog.ingestStatus(hexId(ingest));
      expect(state.documents[position]!.outcome).toBe(outcome);
      if (outcome === "pending") pending += 1;
      if (state.generation !== null) expect(state.generation).toBeLessThanOrEqual(manifest.generation);
      expect(state.generation === null).toBe(state.counts.pending > 0);
    }
    expect(status.pending).toBe(pending);
    const stillPending = catalog
      .pending({ limit: 10_000 })
      .ingests.reduce((sum, { positions }) => sum + positions.length, 0);
    expect(stillPending).toBe(pending);
  }

  #stage(
    documents: readonly Written[],
    replaces: readonly number[],
    lost: Written | null,
    crashAt: number,
  ): void {
    const number = this.#nextSegment++;
    const request = stageRequest(number, documents.length, replaces);
    const { leaseUntilMs } = this.#run(crashAt, (catalog) => catalog.stage(request));
    const half = Math.ceil(documents.length / 2);
    for (const [firstOrdinal, end] of [
      [half, documents.length],
      [0, half],
    ] as const) {
      if (firstOrdinal === end) continue;
      const chunk = located(documents.slice(firstOrdinal, end));
      const locate = { segmentId: hexId(number), firstOrdinal, documents: chunk };
      this.#run(crashAt, (catalog) => catalog.locate(locate));
      this.#run(0, (catalog) => catalog.locate(locate));
    }
    const { rollbacks } = this.model;
    this.model.segments.set(number, { documents, replaces, lost, rollbacks, leaseUntilMs, state: "staged" });
  }

  #rollBack(pick: number, crashAt: number): void {
    const { model } = this;
    const { generation: current } = this.#catalog().status();
    const known = [...model.history.keys()];
    const to = known[pick % Math.max(1, known.length)];
    if (to === undefined) return;
    const expected = pick % 3 === 0 ? null : pick % 7 === 0 ? current - 1 : current;
    const before = model.history.get(current)!;
    const differences = this.#compare(current, to);
    const command = (catalog: Catalog) => catalog.rollback({ to, expected });
    const code = this.#attempt(crashAt, command);
    if (code !== null) {
      expect(code).toBe("generation_conflict");
      expect(expected).toBe(current - 1);
      return;
    }
    // A repetition is the same rollback; one that expects nothing finds itself done.
    const answer = this.#run(0, command);
    if (answer.generation !== current) {
      expect(answer).toEqual({ generation: current + 1, replaced: current, withheld: model.rollBack(to) });
    }
    const olds = new Map(JSON.parse(before) as [string, number][]);
    const news = new Map(JSON.parse(model.history.get(to)!) as [string, number][]);
    const hidden = [...olds].filter(([id, version]) => news.get(id) !== version);
    const wanted = hidden.map(([id, version]) => [id, version, news.get(id) ?? null]).sort();
    expect(differences).toEqual(wanted);
  }

  /** What `compare` says, in small parts: ids and versions of what differs. */
  #compare(of: number, against: number): unknown[] {
    const found: [string, number, number | null][] = [];
    let after: { segmentId: string; ordinal: number } | null = null;
    do {
      const answer: CompareResponse = this.#catalog().compare({ of, against, after, limit: 2 });
      for (const { segmentId, ordinal, version, other } of answer.documents) {
        const [id, held] = this.model.segments.get(Number.parseInt(segmentId, 16))!.documents[ordinal]!;
        expect(held).toBe(version);
        found.push([id, version, other]);
      }
      after = answer.next;
    } while (after !== null);
    return found.sort();
  }

  #commit(pick: number, crashAt: number): void {
    const chosen = this.#choose(pick);
    if (chosen === null) return;
    const [number, segment] = chosen;
    const before = this.model.describe();
    const loses = this.#losesDocuments(segment);
    const command = (catalog: Catalog) => catalog.commit({ segmentId: hexId(number) });
    const failed = this.#attempt(crashAt, command);
    if (segment.state === "dead" || segment.state === "collected") {
      expect(failed).toBe("segment_not_staged");
    } else if (segment.state === "committed") {
      expect(failed).toBeNull();
      expect(this.model.describe()).toBe(before);
    } else if (this.nowMs >= segment.leaseUntilMs) {
      expect(failed).toBe("lease_expired");
    } else if (failed === null) {
      expect(loses).toBe(false);
      segment.state = "committed";
      if (segment.replaces.length === 0) this.model.commitWrites(segment.documents);
      const answer = this.#run(0, command);
      expect(this.#run(0, command)).toEqual(answer);
      expect(answer.live + answer.tombstoned).toBe(segment.documents.length);
    } else {
      // A merge is refused exactly when it would lose a document, or another one replaced a segment of it first.
      expect(failed).toBe("merge_conflict");
      const committed = [...this.model.segments].filter(
        ([other, { state }]) => other !== number && state !== "staged",
      );
      const replaced = committed.some(([, { replaces }]) =>
        replaces.some((one) => segment.replaces.includes(one)),
      );
      expect(loses || replaced || this.model.rollbacks > segment.rollbacks).toBe(true);
    }
  }

  /** Whether a document that is alive in the segments to replace is not in the merged one. */
  #losesDocuments({ documents, replaces }: ModelSegment): boolean {
    const merged = new Set(documents.map(([id, version]) => `${id} ${version}`));
    return this.#catalog()
      .manifest()
      .segments.filter(({ segmentId }) => replaces.includes(Number.parseInt(segmentId, 16)))
      .flatMap(({ segmentId, tombstones }) => this.#documentsOf(segmentId, tombstones))
      .some(([id, version]) => !merged.has(`${id} ${version}`));
  }

  #collect(crashAt: number): void {
    const offered = this.#run(crashAt, (catalog) =>
      catalog.collect({ collected: [], graceMs: 1000 }),
    ).segments;
    const live = new Set(
      [...this.model.history.keys()]
        .filter((generation) => this.model.pins.has(generation))
        .concat(this.#catalog().status().generation)
        .flatMap((generation) => this.#catalog().manifest(generation).segments)
        .map(({ segmentId }) => segmentId),
    );
    for (const { segmentId } of offered) {
      const segment = this.model.segments.get(Number.parseInt(segmentId, 16))!;
      expect(live.has(segmentId)).toBe(false);
      if (segment.state === "staged") {
        expect(this.nowMs).toBeGreaterThanOrEqual(segment.leaseUntilMs);
        segment.state = "dead";
      }
    }
    const collected = offered.slice(0, 2).map(({ segmentId }) => segmentId);
    this.#run(crashAt, (catalog) => catalog.collect({ collected, graceMs: 1000 }));
    for (const segmentId of collected)
      this.model.segments.get(Number.parseInt(segmentId, 16))!.state = "collected";
  }

  #choose(pick: number): [number, ModelSegment] | null {
    const segments = [...this.model.segments];
    const recent = segments.slice(-4);
    const from = pick % 5 === 0 ? segments : recent;
    return from[pick % Math.max(1, from.length)] ?? null;
  }

  #documentsOf(segmentId: string, tombstones: Uint32Array): Written[] {
    const { documents } = this.model.segments.get(Number.parseInt(segmentId, 16))!;
    return documents.filter((_, ordinal) => !tombstones.includes(ordinal));
  }

  #liveDocuments(segments: readonly { segmentId: string; tombstones: Uint32Array }[]): string {
    const live = segments.flatMap(({ segmentId, tombstones }) =>
      this.#documentsOf(segmentId, tombstones).map(([id, version]) => [id, version]),
    );
    return JSON.stringify(live.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
  }

  /** A new instance for every command: nothing may live in memory between them. */
  #catalog(): Catalog {
    return new Catalog(this.store, "demo", { now: () => this.nowMs });
  }

  /** Runs a command; when it crashes nothing may have changed, and it is run again. */
  #run<T>(crashAt: number, command: (catalog: Catalog) => T): T {
    if (crashAt > 0) {
      const before = dumpStore(this.memory);
      this.store.crashAt(crashAt);
      try {
        return command(this.#catalog());
      } catch (cause) {
        expect(dumpStore(this.memory)).toEqual(before);
        if (!(cause instanceof SimulatedCrash)) throw cause;
        this.crashes += 1;
      } finally {
        this.store.crashAt(0);
      }
    }
    return command(this.#catalog());
  }

  /** @returns the code of the error that the command ended with, or null */
  #attempt(crashAt: number, command: (catalog: Catalog) => unknown): string | null {
    const before = dumpStore(this.memory);
    try {
      this.#run(crashAt, command);
      return null;
    } catch (cause) {
      if (!isLzeroError(cause)) throw cause;
      expect(dumpStore(this.memory)).toEqual(before); // a refused command changes nothing
      return cause.code;
    }
  }
}

describe("Catalog against a brute-force model", () => {
  it.each(["external", "sequence"] as const)(
    "agrees after every step of any history, %s versions",
    (versions) => {
      let crashes = 0;
      let commits = 0;
      let merges = 0;
      let rollbacks = 0;
      let contests = 0;
      let conflicts = 0;
      fc.assert(
        fc.property(fc.array(stepArbitrary, { minLength: 20, maxLength: 60, size: "max" }), (steps) => {
          const world = new World(versions === "sequence");
          for (const step of steps) {
            world.step(step);
            world.check();
          }
          crashes += world.crashes;
          rollbacks += world.model.rollbacks;
          contests += world.model.contests;
          conflicts += world.model.conflicts;
          const committed = [...world.model.segments.values()].filter(({ state }) => state === "committed");
          commits += committed.length;
          merges += committed.filter(({ replaces }) => replaces.length > 0).length;
        }),
        { numRuns: RUNS },
      );
      // The histories must have reached what they are for; how often varies widely from run to run.
      for (const times of [crashes, commits, contests]) expect(times).toBeGreaterThan(RUNS / 5);
      for (const times of [merges, rollbacks, conflicts]) expect(times).toBeGreaterThan(0);
    },
  );
});
