/**
 * What becomes of a state when nothing fails any more: publishers finish, the outbox puts, what is garbage is collected
 * as time passes. Then nothing may be lost and nothing left over.
 */
import { Violation } from "../violation.ts";
import { checkState } from "./invariants.ts";
import { collectorSteps, outboxSteps, passTime } from "./other-steps.ts";
import type { Transition } from "./requests.ts";
import { CONFIG, openCatalog, type Position, type Scope, type State, TICK_MS } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";
import { publisherSteps } from "./writer-steps.ts";

export const CLOSING_INVARIANTS = [
  "once nothing fails any more, every message is acknowledged and the newest manifest is in KV",
  "after collection KV has the pages of the current generation and no other",
] as const;

/** What was done after the state from which it was followed is in `way`. */
export class ClosingViolation extends Violation {
  readonly way: readonly string[];

  constructor({ invariant, message }: Violation, way: readonly string[]) {
    super(invariant, message.slice(invariant.length + 2));
    this.way = ["— nothing fails any more —", ...way];
  }
}

/** More than any publisher needs when nothing fails. */
const ENOUGH = 1000;

/** @throws ClosingViolation */
export function checkClosing(scope: Scope, state: State, variant: ExplorerVariant): void {
  const way: string[] = [];
  try {
    close(scope, state, variant, way);
  } catch (error) {
    throw error instanceof Violation ? new ClosingViolation(error, way) : error;
  }
}

function close(given: Scope, state: State, variant: ExplorerVariant, way: string[]): void {
  const scope = { ...given, attempts: ENOUGH, collections: ENOUGH, merges: 0 };
  const idle: Position = { ...state.merger, at: "idle", segment: null, segments: [] };
  let end: State = { ...state, late: [], crashes: 0, losses: 0, ticks: 0, merger: idle };
  const settle = (stepsOf: (state: State) => readonly Transition[]): void => {
    for (let steps = 0; steps < ENOUGH; steps++) {
      const [next] = stepsOf(end);
      if (next === undefined) return;
      way.push(next.label);
      checkState(scope, end, next.state, variant);
      end = next.state;
    }
    throw new Violation("progress", "it does not end");
  };
  const pass = (ticks: number): void => {
    way.push(`${ticks} × time passes`);
    end = passTime(end, ticks);
  };
  // Leases that ran out meanwhile have their segments given up, and new ones made.
  for (const number of scope.batches.keys()) settle((from) => publisherSteps(scope, from, number, variant));
  for (let round = 0; round < 4; round++) {
    settle((from) => outboxSteps(from, variant));
    pass(1);
  }
  collect(CONFIG.deletionRetentionMs / TICK_MS + 1);
  collect(0);

  function collect(ticks: number): void {
    let isFirst = true;
    settle((from) => {
      if (from.collector.at === "idle" && !isFirst) return [];
      isFirst = false;
      return collectorSteps(scope, from, variant);
    });
    pass(ticks);
  }

  scope.messages.forEach((_, message) => {
    if (!end.acknowledged.includes(message))
      throw new Violation("progress", `message ${message} is never acknowledged`);
  });
  const catalog = openCatalog(end.store, end.nowMs, variant);
  if (catalog.outboxNextAtMs() !== null) throw new Violation("publication", "the outbox does not end");
  const needed = end.generations.at(-1)!.segments;
  for (const segment of end.pages) {
    if (!needed.includes(segment)) throw new Violation("no orphan", `the page of ${segment} is left in KV`);
  }
}
