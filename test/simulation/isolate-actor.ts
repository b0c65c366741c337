/// <reference path="./workers-globals.d.ts" />
/**
 * A Worker isolate that answers searches and look-ups with the real code, for clients that stay with it and clients
 * that move between isolates and say which generation they have seen.
 */
import { documentKey } from "../../shared/catalog/document-key.ts";
import { isLzeroError } from "../../shared/errors.ts";
import type { CatalogClient } from "../../workers/catalog-client.ts";
import { IsolateCache } from "../../workers/isolate-cache.ts";
import { IsolateRootCache } from "../../workers/isolate-root-cache.ts";
import { CachedPageReader } from "../../workers/kv-page-reader.ts";
import { answerSearch, type SearchAnswer } from "../../workers/search/answer-search.ts";
import type { ReadContext } from "../../workers/search/read-context.ts";
import { readStoredDocument } from "../../workers/search/stored-pages.ts";
import { searchByBruteForce } from "./brute-force.ts";
import { workerClient } from "./catalog-ports.ts";
import { drawWords } from "./model.ts";
import { SimulatedEdgeCache } from "./simulated-edge-cache.ts";
import type { KvPlace } from "./simulated-kv.ts";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

/** One who searches and remembers what generation the answers came from. */
export interface Session {
  readonly name: string;
  generation: number;
  /** The isolate that is answering it. */
  at: Actor | null;
}

/** Errors with a meaning to clients that a search or a look-up may end in while faults happen. */
const ALLOWED_ERRORS = new Set([
  "catalog_unavailable",
  "document_not_found",
  "generation_not_reached",
  "index_not_found",
  "page_missing",
  "storage_read_failed",
  "tables_missing",
]);
const CONCURRENT_REQUESTS = 2;
/** Of isolates; the least holds next to nothing. */
const CACHE_BUDGETS_BYTES = [400, 20_000, 20_000, 2 ** 25, 2 ** 25, 2 ** 25];

export class Isolate {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #kv: KVNamespace;
  readonly #cache: IsolateCache;
  /** Null on hosts where the Cache API does nothing. */
  readonly #edge: SimulatedEdgeCache | null;
  readonly #catalog: CatalogClient;

  constructor(world: World, actor: Actor, place: KvPlace) {
    this.#world = world;
    this.#actor = actor;
    this.#kv = world.kv.binding(actor, place);
    // A small budget drops held manifests, so that only the floor keeps generations from going back.
    this.#cache = new IsolateCache(world.random.pick(CACHE_BUDGETS_BYTES));
    world.breakCache(this.#cache);
    this.#edge = world.random.chance(0.5) ? new SimulatedEdgeCache(world, actor, place) : null;
    this.#catalog = workerClient(actor, world.ports) as CatalogClient;
  }

  start(): void {
    for (let n = 0; n < CONCURRENT_REQUESTS; n++) {
      void this.#serve({ name: `${this.#actor.name}.client${n}`, generation: 0, at: null });
    }
  }

  /** Searches and compares the answer with brute force. @throws LzeroError where no answer can be given */
  async search(query: string, k: number, minGeneration?: number): Promise<SearchAnswer> {
    const request = { q: query, k, offset: 0, highlight: false };
    const answer = await answerSearch(
      this.#context(),
      minGeneration === undefined ? request : { ...request, minGeneration },
    );
    this.#check(answer, query, k);
    return answer;
  }

  async #serve(own: Session): Promise<void> {
    const { timeline, random, roamers } = this.#world;
    for (;;) {
      await timeline.sleep(this.#actor, random.between(500, 30_000));
      const free = roamers.filter(({ at }) => at === null || !at.alive);
      const session = free.length > 0 && random.chance(0.4) ? random.pick(free) : own;
      session.at = this.#actor;
      try {
        await (random.chance(0.15) ? this.#lookUp() : this.#searchFor(session, session !== own));
        this.#world.coverage.count("search");
      } catch (error) {
        const isAllowed = isLzeroError(error) && ALLOWED_ERRORS.has(error.code);
        if (!isAllowed) this.#world.fail("typed errors", `a search threw ${describe(error)}`);
        this.#world.coverage.count("searchRefused");
      }
      session.at = null;
    }
  }

  async #searchFor(session: Session, isRoaming: boolean): Promise<void> {
    const { random } = this.#world;
    const query = drawWords(random, random.between(1, 3));
    const minGeneration = isRoaming ? session.generation : undefined;
    const answer = await this.search(query, random.pick([1, 3, 10]), minGeneration);
    if (answer.generation < session.generation) {
      this.#world.fail(
        "generations never go back",
        `${session.name} saw ${session.generation}, then ${answer.generation} of ${this.#actor.name}`,
      );
    }
    session.generation = answer.generation;
  }

  async #lookUp(): Promise<void> {
    const { random, truth } = this.#world;
    const id = random.pick(this.#world.documentIds);
    const location = await this.#catalog.lookup(documentKey(id));
    if (location === null) return;
    const document = await readStoredDocument(this.#context(), location);
    const expected = truth.contentOf(documentKey(id), location.version);
    if (
      document.id !== id ||
      document.version !== location.version ||
      document.fields.text !== expected?.text
    ) {
      this.#world.fail("look-ups", `${id} is ${document.id} at ${document.version}`);
    }
  }

  #context(): ReadContext {
    return {
      index: this.#world.index,
      kv: this.#kv,
      cache: this.#cache,
      catalog: this.#catalog,
      pages: new CachedPageReader(this.#kv, this.#cache, this.#edge?.ofRequest() ?? null),
      roots: new IsolateRootCache(this.#cache),
      nowMs: () => this.#world.timeline.clockMs(),
    };
  }

  #check(answer: SearchAnswer, query: string, k: number): void {
    const generation = this.#world.truth.generations.get(answer.generation);
    if (generation === undefined) {
      this.#world.fail("searches", `generation ${answer.generation} was never made`);
      return;
    }
    const expected = searchByBruteForce(generation, this.#world.kv, query, k);
    const wanted = expected.map(({ document, score }) => `${document.text} ${score}`);
    const found = answer.hits.map(({ text, score }) => `${text} ${score}`);
    if (wanted.join("\n") !== found.join("\n")) {
      const short = (lines: string[]) => lines.map((line) => line.replace(/·+/, "…")).join(", ");
      this.#world.fail(
        "searches",
        `"${query}" in ${answer.generation} gave [${short(found)}], it should give [${short(wanted)}]`,
      );
    }
  }
}

function describe(error: unknown): string {
  return isLzeroError(error)
    ? `${error.code}: ${error.stack}`
    : error instanceof Error
      ? String(error.stack)
      : String(error);
}
