/**
 * `npm run explore`: every state of some small histories, over the real catalog. Prints what was covered, and exits 1
 * with the way to a violation.
 */
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import { CLOSING_INVARIANTS } from "./closing.ts";
import { type Exploration, explore } from "./explore.ts";
import { INVARIANTS } from "./invariants.ts";
import { LARGE_SCOPES, SMALL_SCOPES } from "./scopes.ts";
import type { Scope } from "./state.ts";
import { EXPLORER_VARIANTS, NO_VARIANT } from "./variants.ts";

const USAGE = `npm run explore -- [options]

  --small           the small scopes alone, as the tests explore them
  --scope NAME      only scopes whose name begins so: ${names(LARGE_SCOPES)}
  --max-states N    stops a scope after so many states (3000000)
  --variant NAME    with a deliberate fault: ${Object.keys(EXPLORER_VARIANTS).join(", ")}
  --kinds           also prints how often what happened`;

process.exitCode = main();

function main(): number {
  const { values } = parseArgs({
    options: {
      small: { type: "boolean", default: false },
      scope: { type: "string", default: "" },
      "max-states": { type: "string", default: "3000000" },
      variant: { type: "string" },
      kinds: { type: "boolean", default: false },
    },
  });
  const maxStates = Number(values["max-states"]);
  const variant = values.variant === undefined ? NO_VARIANT : EXPLORER_VARIANTS[values.variant];
  const scopes = (values.small ? SMALL_SCOPES : LARGE_SCOPES).filter(({ name }) =>
    name.startsWith(values.scope),
  );
  if (variant === undefined || scopes.length === 0 || !Number.isSafeInteger(maxStates)) {
    console.error(USAGE);
    return 2;
  }
  console.log("In every state:");
  for (const invariant of INVARIANTS) console.log(`  ${invariant}`);
  console.log("From every 200th state, and from every one in which there is nothing left to do:");
  for (const invariant of CLOSING_INVARIANTS) console.log(`  ${invariant}`);
  // Breadth first finds the shortest way to what a deliberate fault does; depth first needs little memory.
  const order = variant === NO_VARIANT ? "depth" : "breadth";
  for (const scope of scopes) {
    const startedAtMs = Date.now();
    const bar = progressBar(scope);
    const found = explore(scope, { variant, maxStates, order, onProgress: bar.update });
    bar.stop();
    print(scope, found, (Date.now() - startedAtMs) / 1000, values.kinds);
    if (found.violation !== null) return 1;
  }
  return 0;
}

function print(scope: Scope, found: Exploration, seconds: number, showsKinds: boolean): void {
  const { states, transitions, depth, closings, isComplete, violation, kinds, way } = found;
  console.log(`\n${scope.name}`);
  const end =
    violation !== null ? "stopped by a violation" : isComplete ? "all of them" : "stopped before the end";
  const counts = `${states} states, ${transitions} transitions, ${depth} deep, ${closings} followed to their end`;
  console.log(`  ${counts}, ${seconds.toFixed(0)} s: ${end}`);
  if (showsKinds) {
    const sorted = [...kinds].sort(([, a], [, b]) => b - a);
    for (const [kind, times] of sorted) console.log(`  ${String(times).padStart(10)}  ${kind}`);
  }
  if (violation === null) return;
  console.log(`  ${violation.message}`);
  for (const label of way) console.log(`    ${label}`);
}

function names(scopes: readonly Scope[]): string {
  return scopes.map(({ name }) => name.slice(0, name.indexOf(":"))).join(", ");
}

function progressBar({ name }: Scope): { update(states: number, waiting: number): void; stop(): void } {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format: `${name.slice(0, name.indexOf(":"))}: {value} states, {waiting} waiting`,
  });
  bar.start(0, 0, { waiting: 0 });
  return { update: (states, waiting) => bar.update(states, { waiting }), stop: () => bar.stop() };
}
