/** Segments whose pages are read batch by batch. */
import { describe, expect, it } from "vitest";
import type { CatalogPort } from "../../../../batch/catalog-port.ts";
import { writeSegment } from "../../../../batch/publish/write-segment.ts";
import type { LocatedDocument, StageRequest } from "../../../../shared/catalog/commands.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { fakeBoundModel } from "../../../support/fake-encoder.ts";

const SEGMENT_ID = "a".repeat(32);
const MIB = 1024 * 1024;

/** Notes what is asked for; pages have a mebibyte and documents nothing but a version. */
function record(pages: number, documents: number, failing: string | null = null) {
  const steps: string[] = [];
  let held = 0;
  let mostHeld = 0;
  const answer = async (step: string, value: unknown): Promise<never> => {
    steps.push(step);
    if (step === failing) throw new LzeroError("storage_write_failed", "no");
    return value as never;
  };
  const catalog = {
    stage: (request: StageRequest) => answer(`stage ${request.pages}`, {}),
    locate: ({ firstOrdinal, documents: located }: { firstOrdinal: number; documents: LocatedDocument[] }) =>
      answer(`locate ${firstOrdinal} ${located.length} from ${located[0]![1]}`, undefined),
    commit: () => answer("commit", { generation: 1, live: documents, tombstoned: 0 }),
    abort: () => answer("abort", undefined),
  } as unknown as CatalogPort;
  const store = {
    read: () => answer("read", null),
    delete: () => answer("delete", undefined),
    write: (entries: readonly { key: string; value: Uint8Array }[]) => {
      held = 0;
      const pageOf = (key: string) => key.slice(key.lastIndexOf("/") + 1);
      return answer(`write ${pageOf(entries[0]!.key)}-${pageOf(entries.at(-1)!.key)}`, undefined);
    },
  };
  const segment = {
    segmentId: SEGMENT_ID,
    encoded: {
      segmentId: SEGMENT_ID,
      documents,
      postings: 1,
      checksum: "0".repeat(8),
      sizeBytes: pages * MIB,
      pages: {
        length: pages,
        slice: (start: number, end: number) => {
          held += end - start;
          mostHeld = Math.max(mostHeld, held);
          return Array.from({ length: end - start }, () => new Uint8Array(MIB));
        },
      },
    },
    model: fakeBoundModel().binding,
    located: {
      length: documents,
      slice: (start: number, end: number) =>
        Array.from(
          { length: Math.min(end, documents) - start },
          (_, at): LocatedDocument => ["0".repeat(32), start + at, null, null],
        ),
    },
    replaces: [],
  };
  const names: string[] = [];
  const write = () =>
    writeSegment({ index: "demo", catalog, store }, segment, (name) => {
      names.push(name);
    });
  return { steps, names, write, mostHeld: () => mostHeld };
}

describe("writeSegment", () => {
  it("writes pages in batches, each read when its turn has come, and locates documents in chunks", async () => {
    const { steps, names, write, mostHeld } = record(30, 12_000);
    await write();
    expect(steps).toEqual([
      "stage 30",
      "write 0-13",
      "write 14-27",
      "write 28-29",
      "locate 0 5000 from 0",
      "locate 5000 5000 from 5000",
      "locate 10000 2000 from 10000",
      "commit",
    ]);
    expect(names).toEqual(["staged", "pages", "located:0", "located:5000", "located:10000", "committed"]);
    expect(mostHeld()).toBeLessThanOrEqual(15);
  });

  it("renews the lease while many batches are written", async () => {
    const { steps, names, write } = record(14 * 33, 1);
    await write();
    const stages = steps.flatMap((step, at) => (step.startsWith("stage") ? [at] : []));
    expect(stages).toEqual([0, 17, 34]);
    expect(names).toEqual(["staged", "pages", "located:0", "committed"]);
  });

  it("does not give up a segment while a later batch is in doubt: its pages may still arrive", async () => {
    const doubtful = record(30, 1, "write 14-27");
    await expect(doubtful.write()).rejects.toMatchObject({ code: "storage_write_failed" });
    expect(doubtful.steps).toEqual(["stage 30", "write 0-13", "write 14-27"]);
    expect(doubtful.names).toEqual(["staged"]);
  });
});
