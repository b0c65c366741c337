/**
 * Going back: a new generation with the list of an older one. Nothing is removed by it, so that going forward again is
 * another rollback, for as long as the generation that it replaced is retained.
 */
import { LzeroError } from "../errors.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { type GenerationEdit, publishGeneration, readGeneration, requireGeneration } from "./generations.ts";
import type { RollbackRequest, RollbackResponse } from "./history-commands.ts";
import { afterKey, generationKey, kindPrefix, timedId } from "./keys.ts";
import { DocumentFinder } from "./locations.ts";
import { prefixRange } from "./ordered-store.ts";
import { decodeJsonRow, decodeKnownSince, type GenerationRow, type IndexState } from "./rows.ts";
import { TombstoneView } from "./tombstones.ts";

/** Deletions that are looked at at once. */
const PAGE_ROWS = 1000;

export function rollback(context: CatalogContext, request: RollbackRequest): RollbackResponse {
  const state = readState(context);
  const { to, expected } = request;
  const done = findRepeated(context, state, request);
  if (done !== null) return done;
  if (expected !== null && expected !== state.generation) {
    throw new LzeroError(
      "generation_conflict",
      `generation ${state.generation} is current, not ${expected}: the index has changed meanwhile`,
      { expected, actual: state.generation },
    );
  }
  const { segments } = requireGeneration(context, state, to);
  const replaced = state.generation;
  if (to === replaced) return { generation: replaced, replaced, withheld: 0 };

  const tombstones = new TombstoneView(context.store, to);
  for (const { segment } of segments) tombstones.restore(segment);
  const withheld = withholdDeleted(context, { live: segments, tombstones }, to);
  const edit = { live: readGeneration(context, replaced).segments, tombstones };
  const restored = { generation: to, withheld };
  const generation = publishGeneration(context, state, edit, segments, {
    why: "rollback",
    force: true,
    restored,
  });
  writeState(context, state);
  return { generation, replaced, withheld };
}

/** What the same request made before: it was sent again because its answer was lost. */
function findRepeated(
  context: CatalogContext,
  state: IndexState,
  { to, expected }: RollbackRequest,
): RollbackResponse | null {
  const generation = expected === null ? state.generation : expected + 1;
  const value = context.store.get(generationKey(generation));
  const restored = value === null ? undefined : decodeJsonRow<GenerationRow>(value).restored;
  if (restored?.generation !== to) return null;
  return { generation, replaced: generation - 1, withheld: restored.withheld };
}

/**
 * Lets a deletion outlast the rollback: sets tombstones for the documents of the restored list that were deleted since
 * it was current. Which these are says the generation that knew first, not a clock.
 * @returns how many
 */
function withholdDeleted(context: CatalogContext, restored: GenerationEdit, to: number): number {
  const finder = new DocumentFinder(context, restored);
  const { end } = prefixRange(kindPrefix("q"));
  let start = kindPrefix("q");
  let withheld = 0;
  for (;;) {
    const rows = context.store.list({ start, limit: PAGE_ROWS, ...(end === undefined ? {} : { end }) });
    for (const { key, value } of rows) {
      const knownSince = decodeKnownSince(value);
      if (knownSince !== null && knownSince <= to) continue;
      const { live, deletion } = finder.find(timedId(key));
      if (live === null || deletion === null || live.version > deletion.version) continue;
      if (restored.tombstones.add(live.segment, live.ordinal)) withheld += 1;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return withheld;
    start = afterKey(last.key);
  }
}
