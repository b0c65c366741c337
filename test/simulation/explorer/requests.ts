/**
 * How a request may end, each way a transition: answered; its answer or itself lost, so that it is sent again; late, so
 * that it takes effect after its sender has sent it again; its sender dead, before or after it took effect.
 */
import { applyEffect, type Done, type Effect } from "./effects.ts";
import type { State } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";

export interface Transition {
  readonly label: string;
  readonly state: State;
}

export interface Request {
  readonly actor: string;
  readonly effect: Effect;
  /** What the sender makes of the answer. */
  readonly answered: (done: Done) => State;
  /** The sender's state when it has crashed and begins anew; null: it cannot crash. */
  readonly crashed: ((state: State) => State) | null;
}

export function ways(
  { actor, effect, answered, crashed }: Request,
  state: State,
  variant: ExplorerVariant,
): Transition[] {
  const label = `${actor}: ${nameOf(effect)}`;
  const done = applyEffect(state, effect, variant);
  const outcome = done.error === null ? "" : ` ✗ ${done.error}`;
  const ends: Transition[] = [{ label: label + outcome, state: answered(done) }];
  const isFelt = done.state !== state;
  if (state.losses > 0) {
    const losses = state.losses - 1;
    if (isFelt) ends.push({ label: `${label}${outcome}, no answer`, state: { ...done.state, losses } });
    ends.push({
      label: `${label} is late, sent again`,
      state: { ...state, losses, late: [...state.late, effect] },
    });
  }
  if (state.crashes > 0 && crashed !== null) {
    const crashes = state.crashes - 1;
    if (isFelt)
      ends.push({
        label: `${label}${outcome}, ${actor} crashes`,
        state: crashed({ ...done.state, crashes }),
      });
    ends.push({
      label: `${label} is late, ${actor} crashes`,
      state: crashed({ ...state, crashes, late: [...state.late, effect] }),
    });
  }
  return ends;
}

/** A late request may arrive at any time, or never. */
export function arrivals(state: State, variant: ExplorerVariant): Transition[] {
  return state.late.map((effect, at) => {
    const done = applyEffect(
      { ...state, late: state.late.filter((_, other) => other !== at) },
      effect,
      variant,
    );
    const outcome = done.error === null ? "" : ` ✗ ${done.error}`;
    return { label: `late: ${nameOf(effect)}${outcome}`, state: done.state };
  });
}

function nameOf(effect: Effect): string {
  switch (effect.to) {
    case "collect":
      return `collect${effect.collected.map((segment) => ` ${segment}`).join("")}`;
    case "erase":
      return `erase ${effect.segments.join(" ")}`;
    case "remove":
      return `remove ${effect.document} at ${effect.version}`;
    case "roll back":
      return `roll back to ${effect.generation}`;
    case "put":
      return `put ${effect.generation}`;
    default:
      return `${effect.to} ${effect.segment}`;
  }
}
