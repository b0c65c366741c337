/** How long after a commit readers answer from it: when the catalog first had a generation, and when a search did. */
import { setTimeout as sleep } from "node:timers/promises";
import type { IngestClient } from "../../batch/corpus/ingest-client.ts";

interface Sighting {
  readonly generation: number;
  readonly atMs: number;
}

const POLL_MS = 100;

export class FreshnessWatch {
  readonly #committed: Sighting[] = [];
  readonly #seen: Sighting[] = [];

  /** Looks at the catalog until it is over; it may not answer now and then. */
  async run(client: IngestClient, index: string, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const status = await client.status(index).catch(() => null);
      note(this.#committed, status?.generation ?? 0);
      await sleep(POLL_MS);
    }
  }

  /** A search answered from a generation. */
  noteSearch(generation: number): void {
    note(this.#seen, generation);
  }

  /** Seconds for each generation that the catalog was seen with and that readers have reached. */
  delays(): number[] {
    return this.#committed.flatMap(({ generation, atMs }) => {
      const seen = this.#seen.find((sighting) => sighting.generation >= generation);
      return seen === undefined ? [] : [Math.max(0, seen.atMs - atMs) / 1000];
    });
  }
}

function note(sightings: Sighting[], generation: number): void {
  if (generation > (sightings.at(-1)?.generation ?? 0))
    sightings.push({ generation, atMs: performance.now() });
}
