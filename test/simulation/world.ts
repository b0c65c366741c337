/**
 * One simulated deployment: an index, its catalog, KV, queue, batch jobs, isolates and clients, all driven by one seed.
 * A run does its work under faults, then lets the faults end, drains, collects, and checks what is left.
 */
import type { BoundModel } from "../../batch/publish/publish-target.ts";
import { type IndexSettings, indexSettingsSchema } from "../../shared/catalog/commands.ts";
import { type CatalogConfig, DEFAULT_CATALOG_CONFIG } from "../../shared/catalog/config.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { decodeManifest } from "../../shared/format/manifest.ts";
import type { IdfMode } from "../../shared/model/idf.ts";
import { manifestKey } from "../../shared/storage/keys.ts";
import { BROKEN_VARIANTS, type BrokenParts } from "./broken-variants.ts";
import { CatalogHost } from "./catalog-host.ts";
import type { PortOptions } from "./catalog-ports.ts";
import { startConsumer, startOperator } from "./consumer-actor.ts";
import { type CountEvent, Coverage } from "./coverage.ts";
import { drawFaults, type FaultRates, NO_FAULTS } from "./faults.ts";
import { Isolate, type Session } from "./isolate-actor.ts";
import { simulatedModel } from "./model.ts";
import { Network } from "./network.ts";
import { Random } from "./random.ts";
import { KvPlace, SimulatedKv } from "./simulated-kv.ts";
import { SimulatedQueue } from "./simulated-queue.ts";
import { Actor, Timeline } from "./timeline.ts";
import { Truth } from "./truth.ts";
import { Violation } from "./violation.ts";
import { startWriter, type WriterMemory } from "./writer-actor.ts";

export const MINUTE_MS = 60_000;
/** The product's rules with shorter times, so that leases end and generations are forgotten within a run. */
export const CONFIG: CatalogConfig = {
  ...DEFAULT_CATALOG_CONFIG,
  leaseMs: 75_000,
  generationRetentionMs: 2 * MINUTE_MS,
  maxRetainedGenerations: 20,
  // Longer than messages and clock jumps take together.
  deletionRetentionMs: 24 * 60 * MINUTE_MS,
};

const MODEL = simulatedModel();
const MAX_CLOCK_JUMP_MS = 20 * MINUTE_MS;
/**
 * The catalog's clock jumps no more often than this. No number of confirmations is enough for the outbox when every one
 * of them comes early because the clock jumps ahead.
 */
const CLOCK_JUMP_PAUSE_MS = 3 * MINUTE_MS;

export class World {
  readonly seed: number;
  readonly index = "simulated";
  readonly random: Random;
  readonly timeline = new Timeline();
  readonly truth: Truth;
  readonly network: Network;
  readonly kv: SimulatedKv;
  readonly queue: SimulatedQueue;
  readonly host: CatalogHost;
  readonly ports: PortOptions;
  readonly model: BoundModel = MODEL;
  readonly versions: "sequence" | "external";
  readonly documentIds: readonly string[];
  readonly largeTexts: boolean;
  readonly pauseMs: number;
  /** How often an operator who thinks of going back does so. */
  readonly rollbackRate: number;
  /** Of writes. */
  readonly conditionRate: number;
  readonly breakCache: NonNullable<BrokenParts["breakCache"]>;
  readonly roamers: Session[] = [];
  readonly writers: WriterMemory[] = [];
  readonly actors = new Set<Actor>();
  /** Writes (`ingestId/position`) that a client was told are accepted. */
  readonly owed = new Set<string>();
  readonly logLines: string[] = [];
  isQuiet = false;
  violation: Violation | null = null;
  readonly coverage = new Coverage();
  readonly #faults: FaultRates;
  readonly #maxLogLines: number;
  readonly #restarts = new Map<Actor, (actor: Actor) => void>();
  /** By document: the external versions that were drawn. */
  readonly #versions = new Map<string, Set<number>>();

  constructor(seed: number, variant: string | null, maxLogLines: number) {
    this.seed = seed;
    this.#maxLogLines = maxLogLines;
    this.random = new Random(seed);
    const count: CountEvent = (event, times) => this.coverage.count(event, times);
    this.truth = new Truth(count);
    const { random, timeline, truth } = this;
    this.#faults = drawFaults(random);
    const broken = variant === null ? null : BROKEN_VARIANTS[variant]!();
    const rates = () => this.rates();
    const log = (line: () => string) => this.log(line);
    this.network = new Network({
      timeline,
      random,
      rates,
      crash: (actor, where) => this.crash(actor, where),
      log,
      count,
    });
    const { network } = this;
    this.kv = new SimulatedKv({
      ...{ timeline, random, network, rates, count, onPut: (key, value) => this.#watchPut(key, value) },
      ...broken?.kv,
    });
    this.queue = new SimulatedQueue({ timeline, random, network, rates, count, ...broken?.queue });
    this.host = new CatalogHost({
      ...{
        index: this.index,
        config: { ...CONFIG, ...broken?.config },
        timeline,
        random,
        network,
        rates,
        kv: this.kv,
        truth,
        log,
        count,
      },
      onIdleOutbox: () => this.#checkPublished(),
      ...broken?.host,
    });
    this.ports = { host: this.host, timeline, truth, count, ...broken?.ports };
    this.versions = random.pick(["sequence", "external"]);
    this.documentIds = Array.from({ length: random.pick([6, 20, 40]) }, (_, n) => `d${n}`);
    this.largeTexts = random.chance(0.1);
    this.pauseMs = random.pick([4000, 20_000, 60_000]);
    this.breakCache = broken?.breakCache ?? (() => undefined);
    this.conditionRate = random.pick([0, 0.2, 0.6]);
    this.rollbackRate = random.pick([0, 0.3, 1]);
  }

  rates(): FaultRates {
    return this.isQuiet ? NO_FAULTS : this.#faults;
  }

  log(line: () => string): void {
    if (this.#maxLogLines === 0) return;
    this.logLines.push(
      `${((this.timeline.nowMs - 1_700_000_000_000) / 1000).toFixed(3).padStart(10)} ${line()}`,
    );
    if (this.logLines.length > this.#maxLogLines) this.logLines.shift();
  }

  /** Notes a violation; the run ends after the event. */
  fail(invariant: string, message: string): void {
    this.violation ??= new Violation(invariant, message);
  }

  /** An external version. Clients do not know of each other's order, so that now and then one is skipped or late. */
  nextVersion(id: string): number {
    const drawn = this.#versions.get(id) ?? new Set([0]);
    this.#versions.set(id, drawn);
    const highest = Math.max(...drawn);
    const lower = highest - this.random.between(1, 4);
    const isLate = this.random.chance(0.3) && lower > 0 && !drawn.has(lower);
    const version = isLate ? lower : highest + this.random.between(1, 3);
    drawn.add(version);
    return version;
  }

  /**
   * What a conditional request asks for: no document, the version that is live, one that was (or, with external
   * versions, one that is still to be committed).
   */
  drawStanding(id: string): number | null {
    const { random, truth } = this;
    const live = truth.live.get(documentKey(id)) ?? null;
    const drawn = [...(this.#versions.get(id) ?? [])];
    return random.pick([
      null,
      live,
      live,
      live,
      live === null ? null : Math.max(1, live - 1),
      drawn.at(-2) ?? live,
    ]);
  }

  settings(idf: IdfMode): IndexSettings {
    return indexSettingsSchema.parse({ versions: this.versions, encodedFields: ["title"], idf });
  }

  /** Makes an actor that starts anew, with empty memory, some time after each of its crashes. */
  async spawn(name: string, begin: (actor: Actor) => void): Promise<Actor> {
    const actor = new Actor(name);
    actor.skewMs = this.random.chance(0.3) ? this.random.between(-5000, 5000) : 0;
    this.actors.add(actor);
    this.#restarts.set(actor, begin);
    await this.timeline.start(actor, () => begin(actor));
    return actor;
  }

  crash(actor: Actor, where: string): void {
    if (!actor.alive) return;
    this.log(() => `${actor.name} crashes ${where}`);
    const begin = this.#restarts.get(actor);
    this.stop(actor);
    if (begin === undefined) {
      this.host.crash(where);
      return;
    }
    this.coverage.count("jobCrash");
    const [name, incarnation = "1"] = actor.name.split("#");
    const next = new Actor(`${name}#${Number(incarnation) + 1}`);
    next.skewMs = actor.skewMs;
    this.actors.add(next);
    this.#restarts.set(next, begin);
    this.timeline.schedule(this.random.between(500, 20_000), next, () => begin(next));
  }

  stop(actor: Actor): void {
    actor.alive = false;
    this.actors.delete(actor);
  }

  /** What a put or a deletion in KV must never do, whoever asked for it. @throws Violation */
  #watchPut(key: string, value: Uint8Array | null): void {
    const { index, truth } = this;
    if (key === manifestKey(index) && value !== null) {
      const before = this.kv.latest(key);
      const generation = decodeManifest(value, index, key).generation;
      if (before !== null && decodeManifest(before, index, key).generation > generation)
        this.coverage.count("manifestWentBack");
    } else if (value === null && truth.retainedKeys(this.host.catalog()).has(key)) {
      throw new Violation("nothing half", `${key} is deleted while a generation needs it`);
    }
  }

  /** An outbox that has nothing to do has published the newest generation. */
  #checkPublished(): void {
    const key = manifestKey(this.index);
    const value = this.kv.latest(key);
    const published = value === null ? null : decodeManifest(value, this.index, key).generation;
    const { generation } = this.truth;
    if (published !== generation)
      this.fail("publication", `the outbox is done, KV shows ${published}, the catalog is at ${generation}`);
  }

  /** Lets time pass. @throws Violation */
  async advance(durationMs: number, until: () => boolean = () => false): Promise<boolean> {
    const reached = await this.timeline.advance(durationMs, () => this.violation !== null || until());
    if (this.violation !== null) throw this.violation;
    return reached;
  }

  async populate(): Promise<void> {
    const { random } = this;
    this.host.catalog("create").create(this.settings("blend"));
    this.truth.watch(this.host.catalog());
    this.host.jumpClock(0);
    for (let n = 0; n < 2; n++) this.roamers.push({ name: `roamer${n}`, generation: 0, at: null });
    for (let n = 0; n < 2; n++) await this.spawn(`consumer${n}`, (actor) => startConsumer(this, actor));
    await this.spawn("operator", (actor) => void startOperator(this, actor));
    for (let n = 0; n < 2; n++) {
      const place = new KvPlace();
      await this.spawn(`isolate${n}`, (actor) => new Isolate(this, actor, place).start());
    }
    for (let n = 0; n < 3; n++) {
      const memory = {
        name: `writer${n}`,
        left: random.between(4, 14),
        unfinished: null,
        isBusy: false,
        acknowledged: [],
        nextText: 0,
      };
      this.writers.push(memory);
      await this.spawn(memory.name, (actor) => void startWriter(this, actor, memory));
    }
    this.#jumpClocks();
  }

  #jumpClocks(catalogSteadyUntilMs = 0): void {
    this.timeline.schedule(MINUTE_MS / 2, null, () => {
      if (this.isQuiet) return;
      if (this.random.chance(this.rates().clockJump)) {
        const byMs = Math.round((this.random.next() ** 2 * 2 - 0.7) * MAX_CLOCK_JUMP_MS);
        const actors = [...this.actors];
        const isCatalog = this.random.chance(0.5) && this.timeline.nowMs >= catalogSteadyUntilMs;
        const actor = isCatalog ? null : this.random.pick(actors);
        this.coverage.count("clockJump");
        this.log(() => `the clock of ${actor?.name ?? "the catalog"} jumps by ${byMs} ms`);
        if (actor !== null) {
          actor.skewMs += byMs;
        } else {
          this.host.jumpClock(byMs);
          catalogSteadyUntilMs = this.timeline.nowMs + CLOCK_JUMP_PAUSE_MS;
        }
      }
      this.#jumpClocks(catalogSteadyUntilMs);
    });
  }
}
