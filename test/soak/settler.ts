/** Follows every ingest to its end: each position must come to be indexed, or be overtaken by a later write. */
import { setTimeout as sleep } from "node:timers/promises";
import type { IngestClient } from "../../batch/corpus/ingest-client.ts";
import type { Violations } from "./violations.ts";
import type { SentIngest } from "./writer.ts";

const POLL_MS = 250;

export class Settler {
  /** Seconds from the 202 until the ingest was seen to be settled. */
  readonly delays: number[] = [];
  readonly #client: IngestClient;
  readonly #index: string;
  readonly #violations: Violations;
  readonly #pending: SentIngest[] = [];
  #isOver = false;

  constructor(client: IngestClient, index: string, violations: Violations) {
    this.#client = client;
    this.#index = index;
    this.#violations = violations;
  }

  get pending(): number {
    return this.#pending.length;
  }

  add(ingest: SentIngest): void {
    this.#pending.push(ingest);
  }

  /** Runs until it was told that no more will come, and all that came is settled. */
  async run(): Promise<void> {
    while (!this.#isOver || this.#pending.length > 0) {
      // The oldest first; what is behind one that is not settled is rarely settled either.
      for (const ingest of this.#pending.slice(0, 8)) {
        if (await this.#settle(ingest)) this.#pending.splice(this.#pending.indexOf(ingest), 1);
      }
      await sleep(this.#pending.length > 50 ? POLL_MS / 5 : POLL_MS);
    }
  }

  finish(): void {
    this.#isOver = true;
  }

  async #settle({ ingestId, writes, acceptedAtMs }: SentIngest): Promise<boolean> {
    const status = await this.#client.ingestStatus(this.#index, ingestId);
    if (status === null) {
      this.#violations.add("lost", `ingest ${ingestId} of ${writes.length} documents is not known`);
      return true;
    }
    if (status.counts.pending > 0) return false;
    this.delays.push((performance.now() - acceptedAtMs) / 1000);
    for (const { position, outcome, message } of status.documents) {
      const write = writes[position]!;
      // What was overtaken is no document any more; the write that overtook it says what must be seen.
      if (outcome === "indexed") write.generation = status.generation;
      else if (outcome !== "superseded")
        this.#violations.add(
          "lost",
          `position ${position} of ingest ${ingestId} is ${outcome}: ${message ?? ""}`,
        );
    }
    return true;
  }
}
