/** What must never happen, counted, with the first examples of each. */

export const VIOLATION_KINDS = ["lost", "doubled", "halfSeen", "wrong", "wentBack"] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

const MAX_EXAMPLES = 20;

export class Violations {
  readonly counts: Record<ViolationKind, number> = {
    lost: 0,
    doubled: 0,
    halfSeen: 0,
    wrong: 0,
    wentBack: 0,
  };
  readonly examples: string[] = [];

  add(kind: ViolationKind, what: string): void {
    this.counts[kind] += 1;
    if (this.examples.length < MAX_EXAMPLES) this.examples.push(`${kind}: ${what}`);
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }
}
