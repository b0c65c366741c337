/**
 * Isolates that answer searches, each for clients of its own and for one client that roams between them and says what
 * it has seen. The decisions are those of workers/search (current-manifest.ts, answer-search.ts).
 */
import { Violation } from "../violation.ts";
import type { Transition } from "./requests.ts";
import type { Reader, State } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";

export function readerSteps(state: State, number: number, variant: ExplorerVariant): Transition[] {
  const reader = state.readers[number]!;
  const name = `r${number}`;
  const move = (to: Partial<Reader>): State => ({
    ...state,
    readers: state.readers.with(number, { ...reader, ...to }),
  });
  if (reader.at === null) {
    if (reader.left === 0) return [];
    const isRoaming = state.readers.some(({ at, roams }) => at !== null && roams);
    return [false, ...(isRoaming ? [] : [true])].flatMap((roams) =>
      [...manifests(state, reader, roams, variant)].map(([manifest, source]) => ({
        label: `${name}: ${roams ? "the roaming client" : "a client"} searches in ${manifest}, from ${source}`,
        state: move({ at: "pages", roams, manifest, held: Math.max(manifest, reader.held ?? 0) }),
      })),
    );
  }
  const manifest = reader.manifest!;
  const { segments } = state.generations[manifest]!;
  const isThere = segments.every((segment) => state.pages.includes(segment));
  const ends: Transition[] = [];
  if (isThere) ends.push({ label: `${name}: answers from ${manifest}`, state: answer(state, number) });
  if (segments.length === 0) return ends;
  // A page may look absent although it was written: KV keeps misses for a while.
  if (reader.at === "pages") {
    const current = state.generations.length - 1;
    const label = `${name}: misses a page, takes ${current} from the catalog`;
    ends.push({ label, state: move({ at: "pages again", manifest: current, held: current }) });
  } else {
    ends.push({
      label: `${name}: refuses`,
      state: move({ at: null, left: reader.left - 1, manifest: null }),
    });
  }
  return ends;
}

/** The generations that a search may be answered from, with where the manifest comes from. */
function manifests(
  { put, generations, session }: State,
  { held, floor }: Reader,
  roams: boolean,
  variant: ExplorerVariant,
): Map<number, string> {
  const least = Math.max(variant.forgetsFloor === true ? 0 : floor, roams ? session : 0);
  const newest = generations.length - 1;
  const found = new Map<number, string>();
  if (held !== null && held >= least) found.set(held, "memory");
  for (const seen of put) {
    const read = variant.forgetsFloor === true ? seen : Math.max(seen, held ?? 0);
    if (read >= least && !found.has(read)) found.set(read, "KV");
    if (read < least && !found.has(newest)) found.set(newest, "the catalog");
  }
  if (put.length === 0 && !found.has(newest)) found.set(newest, "the catalog");
  return found;
}

/** @throws Violation when a client would go back */
function answer(state: State, number: number): State {
  const reader = state.readers[number]!;
  const { manifest, roams, floor } = reader;
  const generation = manifest!;
  if (generation < floor || (roams && generation < state.session)) {
    const seen = roams ? Math.max(floor, state.session) : floor;
    throw new Violation(
      "generations never go back",
      `reader ${number} answers from ${generation} after ${seen}`,
    );
  }
  const next: Reader = {
    ...reader,
    at: null,
    left: reader.left - 1,
    manifest: null,
    roams: false,
    floor: Math.max(floor, generation),
  };
  const session = roams ? generation : state.session;
  return { ...state, readers: state.readers.with(number, next), session };
}
