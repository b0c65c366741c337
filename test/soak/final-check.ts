/**
 * The end of a soak: what the index holds is what was written, nothing else and nothing twice; every page verifies; and
 * searches through the edge give what the plain computation over all documents gives.
 */
import type { Manifest } from "../../shared/format/manifest.ts";
import { decodeQueryTables } from "../../shared/format/query-tables.ts";
import { encodeQuery } from "../../shared/query/query-vector.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import { Vocabulary } from "../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import { readManifest, verifyIndex } from "../../shared/verify/verify-index.ts";
import type { Random } from "../simulation/random.ts";
import type { FaultStack } from "../support/fault-stack.ts";
import { type FoundDocument, readIndex } from "../support/read-index.ts";
import type { SoakCorpus } from "./corpus.ts";
import type { Ledger } from "./ledger.ts";
import type { Violations } from "./violations.ts";

export interface FinalState {
  readonly documents: number;
  readonly segments: number;
  readonly generation: number;
  readonly searchesCompared: number;
}

const COMPARED_SEARCHES = 200;
const HITS = 20;
/** Far longer than consumers that have nothing else to do take between two merges. */
const STILL_MS = 8000;
const STILL_TIMEOUT_MS = 600_000;
/** An API score is the integer one times maxWeight / (255 · 256). */
const SCALE = 255 * 256;

export interface FinalCheckOptions {
  readonly stack: FaultStack;
  readonly index: string;
  readonly ledger: Ledger;
  readonly violations: Violations;
  readonly corpus: SoakCorpus;
  readonly random: Random;
  /** Messages in the dead-letter queue that belong there. */
  readonly garbage: number;
}

export async function checkFinalState(options: FinalCheckOptions): Promise<FinalState> {
  const { stack, index, ledger, violations } = options;
  await stack.waitFor("an empty queue", async () => (await stack.countQueued()) === 0, 120_000);
  await waitUntilStill(stack, index);
  const manifest = await newestManifest(stack, index);
  const report = await verifyIndex(stack.store, manifest);
  for (const problem of report.problems) violations.add("wrong", `verify: ${JSON.stringify(problem)}`);

  const found = await readIndex(stack.store, manifest);
  const expected = ledger.expected();
  const seen = new Map<string, string>();
  for (const { id, text } of found) {
    if (seen.has(id)) violations.add("doubled", `${id} is in the index twice`);
    seen.set(id, text);
    if (expected.get(id) !== text)
      violations.add("wrong", `the index has ${id} as ${text}, not ${expected.get(id)}`);
  }
  for (const id of expected.keys()) if (!seen.has(id)) violations.add("lost", `${id} is not in the index`);
  const status = (await stack.client.status(index))!;
  if (status.documents !== expected.size)
    violations.add(
      "wrong",
      `the catalog counts ${status.documents} documents, ${expected.size} were written`,
    );

  const dead = await stack.takeDead();
  // An unreadable message may have been sent to the dead-letter queue, and its deletion from the queue have failed.
  const foreign = dead.filter(({ Body }) => Body !== "{ not a message");
  if (foreign.length > 0) violations.add("lost", `${foreign.length} messages are in the dead-letter queue`);
  if (dead.length < options.garbage)
    violations.add(
      "lost",
      `${options.garbage} unreadable messages were sent, ${dead.length} are in the dead-letter queue`,
    );

  const searchesCompared = await compareSearches(options, manifest, found);
  const { generation, segments } = manifest;
  return { documents: found.length, segments: segments.length, generation, searchesCompared };
}

/** Merges go on for a while after the last document: what is compared must not change meanwhile. */
async function waitUntilStill(stack: FaultStack, index: string): Promise<void> {
  let last = -1;
  let sinceMs = performance.now();
  await stack.waitFor(
    "an index that changes no more",
    async () => {
      const { generation } = (await stack.client.status(index))!;
      if (generation !== last) {
        last = generation;
        sinceMs = performance.now();
      }
      return performance.now() - sinceMs > STILL_MS;
    },
    STILL_TIMEOUT_MS,
  );
}

async function newestManifest(stack: FaultStack, index: string): Promise<Manifest> {
  let manifest: Manifest | null = null;
  await stack.waitFor("the newest manifest in KV", async () => {
    const status = (await stack.client.status(index))!;
    if (status.publishedGeneration !== status.generation) return false;
    manifest = await readManifest(stack.store, index);
    return manifest.generation === status.generation;
  });
  return manifest!;
}

/** @returns how many searches were compared */
async function compareSearches(
  { stack, index, ledger, violations, corpus, random }: FinalCheckOptions,
  manifest: Manifest,
  found: readonly FoundDocument[],
): Promise<number> {
  const { model } = manifest;
  if (model === null) return 0;
  const key = tablesKey(model.tables);
  const tables = decodeQueryTables((await stack.store.read(key))!, model.tables, key);
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(tables.vocabulary));
  for (let at = 0; at < COMPARED_SEARCHES; at++) {
    const entry = ledger.entries.get(random.pick(ledger.ids))!;
    const text = random.chance(0.5)
      ? entry.key
      : `${corpus.filler(random)} ${entry.key} ${corpus.filler(random)}`;
    const query = encodeQuery(text, tokenizer, tables);
    const weightOf = new Map(Array.from(query.termIds, (termId, place) => [termId, query.weights[place]!]));
    const scores = new Map<string, number>();
    for (const { id, terms } of found) {
      let sum = 0;
      for (const [termId, impact] of terms) sum += (weightOf.get(termId) ?? 0) * impact;
      if (sum > 0) scores.set(id, sum);
    }
    const wanted = [...scores.values()].sort((left, right) => right - left).slice(0, HITS);
    const { generation, hits } = await stack.client.search(index, text, HITS, manifest.generation);
    const toInteger = (score: number) => Math.round((score * SCALE) / model.maxWeight);
    const got = hits.map(({ score }) => toInteger(score));
    const isRight =
      generation === manifest.generation &&
      JSON.stringify(got) === JSON.stringify(wanted) &&
      hits.every(({ id }, place) => scores.get(id) === got[place]);
    if (!isRight) violations.add("wrong", `"${text}" scores ${got}, computed ${wanted}`);
  }
  return COMPARED_SEARCHES;
}
