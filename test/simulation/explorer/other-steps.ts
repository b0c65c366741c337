/** The collector, the outbox, clients that delete, an operator who goes back, and time. */
import { applyEffect } from "./effects.ts";
import { type Transition, ways } from "./requests.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { openCatalog, type Position, type Scope, type State, TICK_MS } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";

/** The order of batch/publish/collector.ts; a test holds it against the real code. */
export const COLLECT_STEPS = ["collect", "erase", "collect"] as const;

export function collectorSteps(scope: Scope, state: State, variant: ExplorerVariant): Transition[] {
  const { collector: position } = state;
  const move = (from: State, collector: Position): State => ({ ...from, collector });
  const idle: Position = { ...position, at: "idle", segments: [] };
  const crashed = (from: State): State => move(from, idle);
  const { segments } = position;
  if (position.at === "erase") {
    const effect = { to: "erase", segments } as const;
    const answered = ({ state: after }: { state: State }): State =>
      move(after, { ...position, at: "erased" });
    return ways({ actor: "c", effect, answered, crashed }, state, variant);
  }
  if (position.at === "idle" && position.batch === scope.collections) return [];
  const begun = { ...position, batch: position.batch + (position.at === "idle" ? 1 : 0) };
  const gone = { ...idle, batch: begun.batch };
  return ways(
    {
      actor: "c",
      effect: { to: "collect", collected: segments },
      answered: ({ state: after, offered }) =>
        move(after, offered.length === 0 ? gone : { ...begun, at: "erase", segments: offered }),
      crashed: (from) => move(from, gone),
    },
    state,
    variant,
  );
}

/** The alarm of the catalog's object: begins a put, puts, acknowledges; the object may crash with a put under way. */
export function outboxSteps(state: State, variant: ExplorerVariant): Transition[] {
  const { putting } = state;
  if (putting === null) {
    const store = new SnapshotStore(state.store);
    const due = openCatalog(store, state.nowMs, variant).outboxDue();
    if (due === null) return [];
    return [
      { label: `o: begins to put ${due.generation}`, state: { ...state, store, putting: due.generation } },
    ];
  }
  const effect = { to: "put", generation: putting } as const;
  const idle: State = { ...state, putting: null };
  const put = applyEffect(idle, effect, variant).state;
  const failed = (from: State): State =>
    variant.forgetsFailedPuts === true ? acknowledge(from, putting, variant) : from;
  const label = `o: put ${putting}`;
  const ends = [{ label, state: acknowledge(put, putting, variant) }];
  if (state.losses > 0) {
    const losses = state.losses - 1;
    const late = [...state.late, effect];
    ends.push({ label: `${label} is refused`, state: failed({ ...idle, losses }) });
    ends.push({ label: `${label} is late`, state: failed({ ...idle, losses, late }) });
    ends.push({ label: `${label}, no answer`, state: failed({ ...put, losses }) });
  }
  if (state.crashes > 0) {
    const crashes = state.crashes - 1;
    const late = [...state.late, effect];
    ends.push({ label: `${label} is late, the object crashes`, state: { ...idle, crashes, late } });
    ends.push({ label: `${label}, the object crashes`, state: { ...put, crashes } });
  }
  return ends;
}

function acknowledge(state: State, generation: number, variant: ExplorerVariant): State {
  const store = new SnapshotStore(state.store);
  openCatalog(store, state.nowMs, variant).outboxAcknowledged(generation);
  return { ...state, store };
}

export function clientSteps(scope: Scope, state: State, variant: ExplorerVariant): Transition[] {
  const next = scope.deletions[scope.deletions.length - state.deletions];
  if (next === undefined) return [];
  const [document, version] = next;
  const effect = { to: "remove", document, version } as const;
  const answered = ({ state: after }: { state: State }): State => ({
    ...after,
    deletions: after.deletions - 1,
  });
  return ways({ actor: "client", effect, answered, crashed: null }, state, variant);
}

export function operatorSteps(state: State, variant: ExplorerVariant): Transition[] {
  if (state.rollbacks === 0) return [];
  const rollbacks = state.rollbacks - 1;
  return state.generations.slice(0, -1).map((_, generation) => {
    const done = applyEffect(state, { to: "roll back", generation }, variant);
    const outcome = done.error === null ? "" : ` ✗ ${done.error}`;
    return { label: `operator: roll back to ${generation}${outcome}`, state: { ...done.state, rollbacks } };
  });
}

/** A manifest that is late arrives before this much time has passed, or never: the outbox's confirmation relies on it. */
export function timeSteps(state: State): Transition[] {
  if (state.ticks === 0) return [];
  return [{ label: "time passes", state: passTime({ ...state, ticks: state.ticks - 1 }) }];
}

export function passTime(state: State, ticks = 1): State {
  const late = state.late.filter(({ to }) => to !== "put");
  return { ...state, nowMs: state.nowMs + ticks * TICK_MS, late };
}
