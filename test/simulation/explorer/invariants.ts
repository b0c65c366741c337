/** What must hold in every state that an exploration reaches. Each throws the violation that it finds. */
import type { Catalog } from "../../../shared/catalog/catalog.ts";
import type { Manifest } from "../../../shared/format/manifest.ts";
import { Violation } from "../violation.ts";
import { ingestIdOf, openCatalog, type Scope, type State, segmentNameOf } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";

export const INVARIANTS = [
  "the current generation holds every live document once, at its highest version, and no deleted one",
  "the pages of every retained generation are in KV",
  "generations rise by one, and each stays as it was made for as long as it is retained",
  "an acknowledged message has been decided, position by position, and its ingest says how",
  "an outbox that is done has left the newest manifest in KV",
  "no client's generation goes back",
] as const;

/** @param before the state that led here; what did not change since is not looked at again */
export function checkState(scope: Scope, before: State | null, state: State, variant: ExplorerVariant): void {
  const isSame = (...parts: readonly (keyof State)[]): boolean =>
    before !== null && parts.every((part) => before[part] === state[part]);
  const catalog = openCatalog(state.store, state.nowMs, variant);
  // A request that arrives late may be any command.
  if (!isSame("facts", "generations", "committed", "collector", "late")) {
    checkDocuments(state, catalog.manifest());
    checkGenerations(state, catalog);
    checkOutcomes(scope, state, catalog);
  }
  if (!isSame("generations", "pages", "collector", "late")) checkPages(state, catalog);
  if (!isSame("acknowledged")) checkAcknowledged(scope, state);
  if (!isSame("store", "shown", "putting", "nowMs")) checkOutbox(state, catalog);
}

function checkDocuments(state: State, manifest: Manifest): void {
  if (manifest.generation !== state.generations.length - 1) {
    throw new Violation("generations rise", `${manifest.generation} after ${state.generations.length - 1}`);
  }
  const found = new Map<string, number>();
  for (const { segmentId, tombstones } of manifest.segments) {
    const dead = new Set(tombstones);
    state.segments[segmentNameOf(segmentId)]!.forEach(([document, version], ordinal) => {
      if (dead.has(ordinal)) return;
      if (found.has(document))
        throw new Violation("exactly once", `${document} is twice in ${manifest.generation}`);
      found.set(document, version);
    });
  }
  const { live } = state.facts;
  for (const [document, version] of found) {
    if (live[document] === undefined) throw new Violation("nothing deleted", `${document} is live`);
    if (live[document] !== version) {
      throw new Violation(
        "highest version",
        `${document} is at ${version}, it should be at ${live[document]}`,
      );
    }
  }
  for (const document of Object.keys(live)) {
    if (!found.has(document))
      throw new Violation("nothing lost", `${document} is not in ${manifest.generation}`);
  }
}

function checkGenerations(state: State, catalog: Catalog): void {
  for (const { generation } of catalog.generations().generations) {
    const { segments } = catalog.manifest(generation);
    const made = state.generations[generation]!;
    const isSame =
      segments.length === made.segments.length &&
      segments.every(({ segmentId, tombstones }, at) => {
        const name = segmentNameOf(segmentId);
        return made.segments[at] === name && [...tombstones].join() === made.dead[name]!.join();
      });
    if (!isSame) throw new Violation("generations never change", `${generation} is another one now`);
  }
}

function checkPages(state: State, catalog: Catalog): void {
  for (const { generation } of catalog.generations().generations) {
    for (const segment of state.generations[generation]!.segments) {
      if (!state.pages.includes(segment)) {
        throw new Violation(
          "nothing half",
          `the page of ${segment} is not in KV, generation ${generation} needs it`,
        );
      }
    }
  }
}

function checkOutcomes({ messages }: Scope, state: State, catalog: Catalog): void {
  messages.forEach((_, message) => {
    for (const { position, outcome } of catalog.ingestStatus(ingestIdOf(message)).documents) {
      const expected = state.facts.fates[`${message}/${position}`] ?? "pending";
      if (outcome !== expected) {
        throw new Violation(
          "truthful outcomes",
          `${message}/${position} is ${outcome}, it should be ${expected}`,
        );
      }
    }
  });
}

function checkAcknowledged({ messages }: Scope, { acknowledged, facts }: State): void {
  for (const message of acknowledged) {
    messages[message]!.forEach((_, position) => {
      if (facts.fates[`${message}/${position}`] === undefined) {
        throw new Violation("nothing lost", `message ${message} is deleted, position ${position} is nowhere`);
      }
    });
  }
}

function checkOutbox(state: State, catalog: Catalog): void {
  if (state.putting !== null || catalog.outboxNextAtMs() !== null) return;
  const newest = state.generations.length - 1;
  if (state.shown !== newest) {
    throw new Violation(
      "publication",
      `the outbox is done, KV shows ${state.shown}, the catalog is at ${newest}`,
    );
  }
}
