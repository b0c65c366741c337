/**
 * What happened in simulated runs, counted. A simulation in which nothing goes wrong proves nothing: over many seeds
 * every line of this table must have come up, or the run fails for that reason alone.
 */

export const EVENTS = {
  requestLost: "requests that never arrived",
  answerLost: "requests that took effect unheard, late",
  slowWay: "requests or answers that took seconds to minutes",
  jobCrash: "crashes of a consumer, an operator's process, an isolate or a client",
  catalogCrash: "crashes of the catalog's object in a command or beside a put",
  encoderCrash: "crashes of an encoder",
  clockJump: "jumps of a clock",
  kvRefused: "KV requests refused (429, 500)",
  kvPartialWrite: "KV bulk writes stored in part",
  kvStaleRead: "KV reads of an older state than the newest",
  kvCachedMiss: "KV reads of a cached miss of a key that is there",
  manifestWentBack: "manifests in KV overwritten by an older one that arrived late",
  duplicateMessage: "messages delivered several times without a reason",
  redelivery: "messages that came again",
  lostVisibility: "messages visible to others while in hand",
  lateReceipt: "deletions of a message that another one had received by then",
  write: "writes accepted",
  requestRepeated: "requests repeated under their Idempotency-Key",
  writeIndexed: "writes indexed",
  writeSuperseded: "writes superseded",
  writeConflict: "conditional writes that failed at their commit",
  conflictAtOnce: "conditional writes refused at once",
  conditionHeld: "conditional writes indexed",
  writeRefused: "writes that the queue did not take, settled as failed",
  documentBuried: "documents in the dead-letter queue",
  deletion: "documents deleted",
  deletionSuperseded: "deletions that a higher version had overtaken",
  deletionConflict: "conditional deletions that failed",
  deletionRepeated: "deletions repeated under their Idempotency-Key",
  deletionOfAbsent: "deletions of documents that were not there",
  commit: "segments committed",
  commitAgain: "commits asked for again",
  fenced: "commands refused because the lease was over",
  merge: "merges committed",
  mergeConflict: "merges refused, since the index had changed",
  mergeBornTombstoned: "merges with documents that died meanwhile",
  segmentCollected: "segments collected",
  segmentCollectedAgain: "segments collected once more for pages that may have come late",
  tablesChanged: "generations with other query tables",
  generation: "generations",
  rollback: "rollbacks",
  rollbackRefused: "rollbacks refused, since the index had changed or the generation was gone",
  rollbackAgain: "rollbacks that were asked for again, and made nothing",
  rollbackWithheld: "documents that stayed deleted in a rollback",
  hiddenCameBack: "writes that a rollback hid and a redelivery brought back",
  pin: "generations pinned",
  unpin: "generations unpinned",
  pinOutlived: "pinned generations older than any other that is retained",
  search: "searches and look-ups answered",
  searchRefused: "searches and look-ups refused with a typed error",
  edgeHit: "pages out of a data centre's cache",
  manifestFromCatalog: "manifests that an isolate took from the catalog",
} as const;

export type CoverageEvent = keyof typeof EVENTS;
export type CountEvent = (event: CoverageEvent, times?: number) => void;

export class Coverage {
  readonly counts = new Map<CoverageEvent, number>();
  /** Runs in which it happened. */
  readonly runs = new Map<CoverageEvent, number>();

  count(event: CoverageEvent, times = 1): void {
    if (times > 0) this.counts.set(event, (this.counts.get(event) ?? 0) + times);
  }

  addRun(counts: Iterable<readonly [CoverageEvent, number]>): void {
    for (const [event, times] of counts) {
      this.count(event, times);
      this.runs.set(event, (this.runs.get(event) ?? 0) + 1);
    }
  }

  /** What never happened. */
  missing(): CoverageEvent[] {
    return (Object.keys(EVENTS) as CoverageEvent[]).filter((event) => !this.counts.has(event));
  }

  /** A table: how often, in how many of the runs, what. */
  describe(runs: number): string {
    const lines = Object.entries(EVENTS).map(([event, text]) => {
      const times = this.counts.get(event as CoverageEvent) ?? 0;
      const share = (100 * (this.runs.get(event as CoverageEvent) ?? 0)) / Math.max(1, runs);
      return `${String(times).padStart(10)}  ${`${share.toFixed(1)} %`.padStart(7)}  ${text}`;
    });
    return [`${"times".padStart(10)}  ${"of runs".padStart(7)}`, ...lines].join("\n");
  }
}
