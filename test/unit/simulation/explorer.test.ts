import { describe, expect, it } from "vitest";
import type { CatalogPort } from "../../../batch/catalog-port.ts";
import { collectGarbage } from "../../../batch/publish/collector.ts";
import { writeSegment } from "../../../batch/publish/write-segment.ts";
import { LzeroError } from "../../../shared/errors.ts";
import { explore } from "../../simulation/explorer/explore.ts";
import { COLLECT_STEPS } from "../../simulation/explorer/other-steps.ts";
import { SMALL_SCOPES } from "../../simulation/explorer/scopes.ts";
import { MODEL, type Scope, segmentIdOf } from "../../simulation/explorer/state.ts";
import { EXPLORER_VARIANTS } from "../../simulation/explorer/variants.ts";
import { GIVE_UP_STEP, WRITE_STEPS } from "../../simulation/explorer/writer-steps.ts";

function scopeOf(name: string, changes: Partial<Scope> = {}): Scope {
  return { ...SMALL_SCOPES.find((scope) => scope.name.startsWith(`${name}:`))!, ...changes };
}

describe("explore", () => {
  it.each(SMALL_SCOPES)("finds every state right: $name", { timeout: 120_000 }, (scope) => {
    const { violation, way, isComplete, states, transitions, depth, closings } = explore(scope);
    expect({ violation, way }).toEqual({ violation: null, way: [] });
    expect(isComplete).toBe(true);
    expect(states).toBeGreaterThan(1000);
    expect(transitions).toBeGreaterThan(states);
    expect(depth).toBeGreaterThan(10);
    expect(closings).toBeGreaterThan(20);
  });

  it("finds the same states in either order", () => {
    const scope = scopeOf("merge");
    const { states, transitions, kinds } = explore(scope);
    const again = explore(scope, { order: "depth" });
    expect({ states: again.states, transitions: again.transitions }).toEqual({ states, transitions });
    expect(new Map([...again.kinds].sort())).toEqual(new Map([...kinds].sort()));
  });

  it("stops where it is told to", () => {
    expect(explore(scopeOf("merge"), { maxStates: 100 })).toMatchObject({ states: 100, isComplete: false });
  });
});

/** Where each deliberate fault shows, in what, and within how many states. */
const NOTICED: Readonly<
  Record<string, { readonly scope: Scope; readonly by: string | RegExp; readonly within: number }>
> = {
  "no-fence": { scope: scopeOf("lease"), by: "nothing half", within: 2000 },
  "delete-before-commit": { scope: scopeOf("crash"), by: "nothing lost", within: 2000 },
  "pages-after-commit": { scope: scopeOf("crash"), by: "nothing half", within: 2000 },
  "versions-ignored": { scope: scopeOf("merge"), by: /nothing lost|highest version/, within: 2000 },
  "deletions-forgotten": { scope: scopeOf("merge"), by: "nothing deleted", within: 2000 },
  "collect-live": { scope: scopeOf("merge"), by: "nothing half", within: 2000 },
  "collect-retained": { scope: scopeOf("merge", { deletions: [] }), by: "nothing half", within: 5000 },
  "outbox-without-retry": { scope: scopeOf("loss"), by: "publication", within: 2000 },
  "outbox-without-confirmation": {
    scope: scopeOf("loss", { messages: [[["a", 1]]], batches: [[[0]]] }),
    by: "publication",
    within: 2000,
  },
  "generation-forgotten": {
    scope: scopeOf("read", { readers: 1, searches: 2 }),
    by: "generations never go back",
    within: 10_000,
  },
};

describe("an exploration with a deliberate fault", () => {
  it.each(Object.keys(EXPLORER_VARIANTS))("notices %s, with the shortest way to it", (name) => {
    const { scope, by, within } = NOTICED[name]!;
    const { violation, way, states } = explore(scope, {
      variant: EXPLORER_VARIANTS[name]!,
      maxStates: within,
    });
    expect(violation?.invariant).toMatch(by);
    expect(states).toBeLessThan(within);
    expect(way.length).toBeGreaterThan(0);
  });
});

describe("the steps of the explorer", () => {
  /** Notes what is asked for, and refuses the first request of one kind. */
  function record(refused: string | null) {
    const steps: string[] = [];
    const answer = async (step: string, value: unknown): Promise<never> => {
      steps.push(step);
      if (step === refused) throw new LzeroError("lease_expired", "refused");
      return value as never;
    };
    const catalog = {
      stage: () => answer("stage", {}),
      locate: () => answer("locate", undefined),
      commit: () => answer("commit", { generation: 1, live: 1, tombstoned: 0 }),
      abort: () => answer("abort", undefined),
      collect: ({ collected }: { collected: readonly string[] }) =>
        answer("collect", {
          segments: collected.length === 0 ? [{ segmentId: segmentIdOf("p0.1"), pages: 1 }] : [],
        }),
    } as unknown as CatalogPort;
    const store = {
      read: () => answer("read", null),
      write: () => answer("write", undefined),
      delete: () => answer("erase", undefined),
    };
    return { steps, target: { index: "steps", catalog, store } };
  }
  const segment = {
    segmentId: segmentIdOf("p0.1"),
    encoded: {
      segmentId: segmentIdOf("p0.1"),
      pages: [new Uint8Array(1)],
      documents: 1,
      checksum: "0",
      sizeBytes: 1,
      postings: 1,
    },
    model: MODEL,
    located: [["0".repeat(32), 1, null, null] as [string, number, null, null]],
    replaces: [],
  };

  it("are those of writeSegment, in its order", async () => {
    const { steps, target } = record(null);
    await writeSegment(target, segment, () => undefined);
    expect(steps).toEqual([...WRITE_STEPS]);
  });

  it.each(["stage", "locate", "commit"])("end as those of writeSegment when %s is refused", async (step) => {
    const { steps, target } = record(step);
    await expect(writeSegment(target, segment, () => undefined)).rejects.toThrow("refused");
    const done = WRITE_STEPS.slice(0, (WRITE_STEPS as readonly string[]).indexOf(step) + 1);
    expect(steps).toEqual([...done, GIVE_UP_STEP]);
  });

  it("are those of collectGarbage, in its order", async () => {
    const { steps, target } = record(null);
    await collectGarbage(target);
    expect(steps).toEqual([...COLLECT_STEPS]);
  });
});
