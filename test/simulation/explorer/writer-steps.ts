/**
 * Publishers and the merger: the steps of batch/publish/write-segment.ts, in its order, each a request. What they decide
 * between the steps follows publisher.ts and merger.ts.
 */
import type { Done, Effect, Origin } from "./effects.ts";
import { type Request, type Transition, ways } from "./requests.ts";
import { CONFIG, type Position, type Scope, type State, type Written } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";

/** The order in which a segment becomes part of an index; a test holds it against the real code. */
export const WRITE_STEPS = ["stage", "write", "locate", "commit"] as const;
export const GIVE_UP_STEP = "abort";
type Step = (typeof WRITE_STEPS)[number] | typeof GIVE_UP_STEP;

interface Writer {
  readonly name: string;
  readonly position: Position;
  readonly origins: readonly Origin[];
  readonly replaces: readonly string[];
  readonly move: (state: State, position: Position) => State;
  /** Where it stands after the commit, and after an attempt that came to nothing. */
  readonly committed: Position;
  readonly failed: Position;
}

export function publisherSteps(
  scope: Scope,
  state: State,
  number: number,
  variant: ExplorerVariant,
): Transition[] {
  const position = state.publishers[number]!;
  const batches = scope.batches[number]!;
  const batch = batches[position.batch];
  if (batch === undefined) return [];
  const name = `p${number}`;
  const move = (from: State, to: Position): State => ({
    ...from,
    publishers: from.publishers.with(number, to),
  });
  const isEarly = variant.acknowledgesBeforeCommit === true;
  const isGone = isEarly && batch.every((message) => state.acknowledged.includes(message));
  const failed: Position = {
    ...position,
    at: "idle",
    segment: null,
    batch: position.batch + (isGone ? 1 : 0),
  };
  const ended: Position = { ...failed, batch: position.batch + 1 };
  const origins = batch.flatMap((message) => scope.messages[message]!.map((_, at): Origin => [message, at]));
  const documents = batch.flatMap((message) => scope.messages[message]!);
  const committed: Position = isEarly ? ended : { ...position, at: "acknowledge" };
  const writer = { name, position, origins, replaces: [], move, committed, failed };
  if (position.at === "idle") {
    if (position.attempts === scope.attempts) return [];
    return begin(
      { ...writer, position: { ...position, attempts: position.attempts + 1 } },
      documents,
      state,
      variant,
    );
  }
  if (position.at !== "acknowledge") return writeSteps(writer, state, variant);

  const acknowledged = [...new Set([...state.acknowledged, ...batch])].sort();
  const next: Position = isEarly ? { ...position, at: "commit" } : ended;
  const label = `${name}: delete ${batch.map((message) => `message ${message}`).join(", ")}`;
  const ends = [{ label, state: move({ ...state, acknowledged }, next) }];
  // A deletion that is not heard of, or a crash before it: the message comes again.
  if (state.losses > 0 && !isEarly) {
    const losses = state.losses - 1;
    ends.push({ label: `${label}, which comes again`, state: move({ ...state, losses }, failed) });
  }
  return ends;
}

export function mergerSteps(scope: Scope, state: State, variant: ExplorerVariant): Transition[] {
  const { merger: position } = state;
  const move = (from: State, merger: Position): State => ({ ...from, merger });
  const failed: Position = { ...position, at: "idle", segment: null, segments: [] };
  const replaces = position.segments;
  const writer = { name: "m", position, origins: [], replaces, move, committed: failed, failed };
  switch (position.at) {
    case "idle": {
      const { segments } = state.generations.at(-1)!;
      if (position.batch === scope.merges || segments.length < 2) return [];
      const chosen: Position = { ...position, at: "read", batch: position.batch + 1, segments };
      return [{ label: `m: chooses ${segments.join(" ")}`, state: move(state, chosen) }];
    }
    case "read":
      if (!replaces.every((segment) => state.pages.includes(segment))) {
        return [{ label: "m: a page is missing", state: move(state, failed) }];
      }
      return mergedDocuments(state, replaces).flatMap(({ documents, generation }) =>
        begin(writer, documents, state, variant).map((way) => ({
          ...way,
          label: `${way.label} (read at ${generation ?? "no generation"})`,
        })),
      );
    default:
      return writeSteps(writer, state, variant);
  }
}

/**
 * Whether a writer's next step is the same whatever the others do before it, and theirs the same after it: then it may
 * be taken first, and the orders in which it comes later are left out (a persistent set, Godefroid 1996). Nobody looks
 * at a page before its segment is committed but a collector after the lease, nor at where documents are said to be; and
 * nobody at all at which messages are deleted.
 */
export function isAlone({ at, leaseMs }: Position, { ticks, nowMs }: State): boolean {
  return at === "acknowledge" || ((at === "write" || at === "locate") && ticks === 0 && nowMs < leaseMs);
}

/** What a merge may be made of: the manifest that it reads says what is dead, and may be any that KV ever had. */
function mergedDocuments(
  state: State,
  replaces: readonly string[],
): { generation: number | null; documents: readonly Written[] }[] {
  const found = new Map<string, { generation: number | null; documents: readonly Written[] }>();
  for (const generation of [...state.put, ...(state.put.length === 0 ? [null] : [])]) {
    const dead = generation === null ? {} : state.generations[generation]!.dead;
    const documents = replaces.flatMap((segment) =>
      state.segments[segment]!.filter((_, ordinal) => !dead[segment]?.includes(ordinal)),
    );
    found.set(JSON.stringify(documents), { generation, documents });
  }
  return [...found.values()];
}

/** A new segment, and the first request for it. */
function begin(
  writer: Writer,
  documents: readonly Written[],
  state: State,
  variant: ExplorerVariant,
): Transition[] {
  const { name, position, move } = writer;
  const segment = `${name}.${name === "m" ? position.batch : position.attempts}`;
  const begun: Position = { ...position, at: "stage", segment, leaseMs: state.nowMs + CONFIG.leaseMs };
  const failed: Position = { ...writer.failed, attempts: position.attempts };
  const committed: Position = { ...writer.committed, attempts: position.attempts };
  const segments = { ...state.segments, [segment]: documents };
  return writeSteps(
    { ...writer, position: begun, failed, committed },
    move({ ...state, segments }, begun),
    variant,
  );
}

function writeSteps(writer: Writer, state: State, variant: ExplorerVariant): Transition[] {
  const { name, position, origins, replaces, move, failed } = writer;
  const { segment: given, at } = position;
  const segment = given!;
  const step = at as Step;
  const effect: Effect =
    step === "stage"
      ? { to: step, segment, replaces }
      : step === "locate" || step === "commit"
        ? { to: step, segment, origins }
        : { to: step, segment };
  const answered = ({ state: after, error }: Done): State =>
    move(after, nextPosition(writer, step, error, state, variant));
  const request: Request = { actor: name, effect, answered, crashed: (from) => move(from, failed) };
  const ends = ways(request, state, variant);
  if (step === "write" && state.losses > 0) {
    // The store gives up on it: as it may still arrive, the segment is left to its lease.
    const losses = state.losses - 1;
    const late = [...state.late, effect];
    ends.push({
      label: `${name}: write ${segment} is late, another attempt`,
      state: move({ ...state, losses, late }, failed),
    });
  }
  return ends;
}

function nextPosition(
  { name, position, committed, failed }: Writer,
  step: Step,
  error: string | null,
  { segments }: State,
  variant: ExplorerVariant,
): Position {
  if (step === GIVE_UP_STEP) return error === "segment_committed" ? committed : failed;
  if (error !== null) return { ...position, at: GIVE_UP_STEP };
  const order = stepsOf(name, variant);
  const next = order[order.indexOf(step) + 1];
  const isEmpty = segments[position.segment!]!.length === 0;
  if (next === "locate" && isEmpty) return { ...position, at: "commit" };
  return next === undefined ? committed : { ...position, at: next };
}

function stepsOf(
  writer: string,
  { commitsBeforePages, acknowledgesBeforeCommit }: ExplorerVariant,
): readonly string[] {
  if (commitsBeforePages === true) return ["stage", "locate", "commit", "write"];
  if (acknowledgesBeforeCommit === true && writer !== "m")
    return ["stage", "write", "locate", "acknowledge", "commit"];
  return WRITE_STEPS;
}
