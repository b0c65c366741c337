/**
 * Visits every state that a scope allows; equal states once, whichever way led there. Breadth first gives the shortest
 * way to a violation, depth first takes little memory.
 */
import { Violation } from "../violation.ts";
import { ClosingViolation, checkClosing } from "./closing.ts";
import { checkState } from "./invariants.ts";
import { clientSteps, collectorSteps, operatorSteps, outboxSteps, timeSteps } from "./other-steps.ts";
import { readerSteps } from "./reader-steps.ts";
import { arrivals, type Transition } from "./requests.ts";
import { digestState, firstState, type Scope, type State } from "./state.ts";
import { type ExplorerVariant, NO_VARIANT } from "./variants.ts";
import { isAlone, mergerSteps, publisherSteps } from "./writer-steps.ts";

export interface ExploreOptions {
  readonly variant?: ExplorerVariant;
  readonly order?: "breadth" | "depth";
  /** Every so many states it is asked what becomes of one when nothing fails any more. */
  readonly closingEvery?: number;
  readonly maxStates?: number;
  /** Called every thousand states. */
  readonly onProgress?: (states: number, waiting: number) => void;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Transitions on the longest way that was gone; breadth first, on the longest of the shortest ways. */
  readonly depth: number;
  /** States from which it was followed what becomes of them when nothing fails any more. */
  readonly closings: number;
  /** False when it was stopped at `maxStates`. */
  readonly isComplete: boolean;
  /** Transitions by what happened in them, without names and numbers. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly violation: Violation | null;
  /** What led to the violation. */
  readonly way: readonly string[];
}

/** How a state was reached first. */
interface Way {
  readonly label: string;
  readonly depth: number;
  readonly from: Way | null;
}

interface Reached {
  readonly state: State;
  readonly way: Way | null;
}

/** A set of JavaScript holds no more than 2^24 elements. */
const MAX_STATES = 16_000_000;
const CLOSING_EVERY = 200;
const PROGRESS_EVERY = 1000;

export function explore(scope: Scope, options: ExploreOptions = {}): Exploration {
  const { variant = NO_VARIANT, order = "breadth", maxStates = MAX_STATES, onProgress } = options;
  const { closingEvery = CLOSING_EVERY } = options;
  const first = firstState(scope, variant);
  const seen = new Set([digestState(first)]);
  const kinds = new Map<string, number>();
  const waiting = new WaitingStates(order);
  let transitions = 0;
  let visited = 0;
  let closings = 0;
  let depth = 0;
  let way: Way | null = null;
  const result = (violation: Violation | null, isComplete: boolean): Exploration => ({
    ...{ states: seen.size, transitions, depth, closings, kinds, isComplete, violation },
    way:
      violation === null
        ? []
        : [...labelsOf(way), ...(violation instanceof ClosingViolation ? violation.way : [])],
  });
  try {
    checkState(scope, null, first, variant);
    waiting.add({ state: first, way });
    for (let reached = waiting.take(); reached !== undefined; reached = waiting.take()) {
      ({ way } = reached);
      visited += 1;
      if (visited % PROGRESS_EVERY === 0) onProgress?.(seen.size, waiting.size);
      const steps = transitionsOf(scope, reached.state, variant);
      if (steps.length === 0 || visited % closingEvery === 0) {
        closings += 1;
        checkClosing(scope, reached.state, variant);
      }
      for (const { label, state } of steps) {
        transitions += 1;
        const kind = kindOf(label);
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        const digest = digestState(state);
        if (seen.has(digest)) continue;
        if (seen.size === maxStates) return result(null, false);
        seen.add(digest);
        way = { label, depth: (reached.way?.depth ?? 0) + 1, from: reached.way };
        depth = Math.max(depth, way.depth);
        checkState(scope, reached.state, state, variant);
        waiting.add({ state, way });
      }
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return result(error, false);
  }
  return result(null, true);
}

/** What was reached and not looked at yet: a queue, or a stack. */
class WaitingStates {
  readonly #isStack: boolean;
  #added: Reached[] = [];
  /** Of a queue: what is taken before anything that is added now, last first. */
  #older: Reached[] = [];

  constructor(order: "breadth" | "depth") {
    this.#isStack = order === "depth";
  }

  get size(): number {
    return this.#added.length + this.#older.length;
  }

  add(reached: Reached): void {
    this.#added.push(reached);
  }

  take(): Reached | undefined {
    if (this.#isStack) return this.#added.pop();
    if (this.#older.length === 0) {
      this.#older = this.#added.reverse();
      this.#added = [];
    }
    return this.#older.pop();
  }
}

export function transitionsOf(scope: Scope, state: State, variant: ExplorerVariant): Transition[] {
  if (variant === NO_VARIANT) {
    const alone = state.publishers.findIndex((position) => isAlone(position, state));
    if (alone >= 0) return publisherSteps(scope, state, alone, variant);
    if (isAlone(state.merger, state)) return mergerSteps(scope, state, variant);
  }
  return [
    ...scope.batches.flatMap((_, number) => publisherSteps(scope, state, number, variant)),
    ...mergerSteps(scope, state, variant),
    ...collectorSteps(scope, state, variant),
    ...outboxSteps(state, variant),
    ...clientSteps(scope, state, variant),
    ...operatorSteps(state, variant),
    ...state.readers.flatMap((_, number) => readerSteps(state, number, variant)),
    ...arrivals(state, variant),
    ...timeSteps(state),
  ];
}

function labelsOf(way: Way | null): string[] {
  const labels: string[] = [];
  for (let at = way; at !== null; at = at.from) labels.unshift(at.label);
  return labels;
}

function kindOf(label: string): string {
  return label
    .replace(/\b[a-z]?\d+(\.\d+)?\b/g, "")
    .replace(/\bm\.\d+|\bm\.|[: ]+/g, " ")
    .trim();
}
