/** Reads keys in order with a few reads under way at once: keys go in, values come out, at most `atOnce` are held. */
import type { PageReader } from "../storage/page-store.ts";

/** Reads under way: enough to hide a network's latency, few enough to hold a bounded number of pages. */
const READS_AT_ONCE = 6;

export interface ReadPage {
  readonly key: string;
  /** Null when the key is not there. */
  readonly value: Uint8Array | null;
}

/** @throws whatever the reader throws, in the order of the keys */
export async function* readAhead(
  reader: PageReader,
  keys: readonly string[],
  atOnce = READS_AT_ONCE,
): AsyncGenerator<ReadPage> {
  const underWay: Promise<Uint8Array | null>[] = [];
  let next = 0;
  for (const key of keys) {
    while (next < keys.length && underWay.length < atOnce) {
      const reading = reader.read(keys[next++]!);
      // When an earlier read fails nobody waits for this one any more.
      reading.catch(() => undefined);
      underWay.push(reading);
    }
    yield { key, value: await underWay.shift()! };
  }
}
