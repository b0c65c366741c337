/** Merges through files against the same merges in memory: equal byte for byte, however little memory there is. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SpoolFiles } from "../../../../batch/publish/file-spool.ts";
import { doMerge, type MergeJob, type MergeJobInput } from "../../../../batch/publish/merge-job.ts";
import { PageFileWriter } from "../../../../batch/publish/stored-merge.ts";
import { decodeManifest } from "../../../../shared/format/manifest.ts";
import { decodeSegmentRoot } from "../../../../shared/format/segment-reader.ts";
import { encodeSegment, type SegmentDocument } from "../../../../shared/format/segment-writer.ts";
import { pageKey } from "../../../../shared/storage/keys.ts";
import { GOLDEN_INDEX, GOLDEN_SEGMENTS } from "../../../support/golden-content.ts";
import {
  documentArbitrary,
  optionsArbitrary,
  SEGMENT_ID,
  sampleDocuments,
} from "../../shared/format/support.ts";
import { makeFolder, readResult, smallDisk } from "./scratch-support.ts";

const ALL = Number.POSITIVE_INFINITY;

function inputOf(
  place: number,
  documents: readonly SegmentDocument[],
  dead: readonly number[],
  options = {},
) {
  const segmentId = place.toString(16).padStart(32, "0");
  const { pages } = encodeSegment(segmentId, documents, options);
  return { segmentId, key: pageKey("demo", segmentId, 0), pages, tombstones: Uint32Array.from(dead) };
}

/** The three segments of the committed index of a format version. */
function goldenInputs(version: number): MergeJobInput[] {
  const folder = fileURLToPath(new URL(`../../../fixtures/golden/v${version}`, import.meta.url));
  const stored = (file: string) => new Uint8Array(readFileSync(join(folder, file)));
  const manifest = decodeManifest(stored("manifest.bin"), GOLDEN_INDEX, "golden/manifest");
  return GOLDEN_SEGMENTS.map(({ file, encode }) => {
    const { segmentId } = encode();
    const { pages: count, tombstones } = manifest.segments.find((each) => each.segmentId === segmentId)!;
    const pages = Array.from({ length: count }, (_, page) => stored(`${file}-${page}.bin`));
    const key = pageKey(GOLDEN_INDEX, segmentId, 0);
    expect(decodeSegmentRoot(pages[0]!, segmentId, key).formatVersion).toBe(version);
    return { segmentId, key, pages, tombstones };
  });
}

type Plan = Omit<MergeJob, "newId" | "inputs" | "scratch">;

function mergeInMemory(inputs: readonly MergeJobInput[], plan: Plan) {
  return readResult(doMerge({ newId: SEGMENT_ID, inputs, scratch: null, ...plan }));
}

function storeInputs(inputs: readonly MergeJobInput[], folder: string): MergeJobInput[] {
  const files = new SpoolFiles(folder);
  const stored = inputs.map((input, at) => {
    const writer = new PageFileWriter(files.openFile(`input-${at}`));
    for (const [page, value] of (input.pages as Uint8Array[]).entries()) writer.add(page, value);
    return { ...input, pages: writer.end() };
  });
  files.close();
  return stored;
}

function mergeInFiles(inputs: readonly MergeJobInput[], plan: Plan) {
  const scratch = makeFolder();
  return readResult(doMerge({ newId: SEGMENT_ID, inputs: storeInputs(inputs, scratch), scratch, ...plan }));
}

/** A matcher that shows what differs takes minutes for a large segment. */
function expectEqual(actual: ReturnType<typeof readResult>, expected: ReturnType<typeof readResult>): void {
  expect(actual.pages.map(({ length }) => length)).toEqual(expected.pages.map(({ length }) => length));
  const differing = actual.pages.findIndex((page, at) => Buffer.compare(page, expected.pages[at]!) !== 0);
  expect(differing).toBe(-1);
  expect(JSON.stringify(actual.documents) === JSON.stringify(expected.documents)).toBe(true);
}

const planArbitrary = fc.record({
  order: fc.constantFrom("given" as const, "clustered" as const),
  blockDocuments: fc.constantFrom(1, 4, 200, ALL),
  bucketBytes: fc.constantFrom(1, 100, 5000, ALL),
});
const segmentArbitrary = fc.record({
  marked: fc.array(fc.tuple(documentArbitrary, fc.boolean()), { maxLength: 12 }),
  options: optionsArbitrary,
});

describe("a merge in a scratch folder", () => {
  it("gives byte for byte what one in memory gives, of any segments of both format versions", () => {
    const golden = [[], goldenInputs(1), goldenInputs(2)];
    fc.assert(
      fc.property(
        fc.array(segmentArbitrary, { maxLength: 4 }),
        fc.constantFrom(0, 0, 1, 2),
        fc.tuple(planArbitrary, optionsArbitrary),
        (segments, version, [sizes, options]) => {
          const plan = { ...sizes, ...options };
          const inputs = segments.map(({ marked, options }, place) =>
            inputOf(
              place + 1,
              marked.map(([document]) => document),
              marked.flatMap(([, dead], ordinal) => (dead ? [ordinal] : [])),
              options,
            ),
          );
          const all = [...golden[version]!, ...inputs];
          expectEqual(mergeInFiles(all, plan), mergeInMemory(all, plan));
        },
      ),
      { numRuns: 50 },
    );
  }, 60_000);

  it("does so with lists that have pages of their own, and one over several pages", () => {
    const half = 75_000;
    const documents = Array.from({ length: half }, (_, at) => documentOf(at));
    const first = inputOf(1, documents, [3, 70_000]);
    const inputs = [first, { ...first, tombstones: new Uint32Array(0) }];
    const plan = {
      order: "clustered",
      blockDocuments: 40_000,
      bucketBytes: 1_000_000,
      listPartBytes: 100_000,
    } as const;
    const inFiles = mergeInFiles(inputs, plan);
    const root = decodeSegmentRoot(inFiles.pages[0]!, SEGMENT_ID, pageKey("demo", SEGMENT_ID, 0));
    expect(root.documents).toBe(2 * half - 2);
    expect(root.find(1)!.pages).toBeGreaterThan(1);
    expect(root.find(2)!).toMatchObject({ pages: 1, offset: 0 });
    expect(root.find(2)!.length).toBeGreaterThan(32 * 1024);
    expectEqual(inFiles, mergeInMemory(inputs, { ...plan, bucketBytes: ALL }));
  }, 60_000);

  it("says which folder's disk is full, wherever it gets full, and leaves no file open", () => {
    const inputs = [0, 1].map((at) =>
      inputOf(
        at,
        sampleDocuments(400).map((document) => ({ ...document, id: `${at}-${document.id}` })),
        [],
        { inlineBytes: 0 },
      ),
    );
    const plan = { order: "clustered", blockDocuments: ALL, bucketBytes: 20_000 } as const;

    const before = countOpenFiles();
    const sizes = [0, 1, 1000, 20_000, 65_536, 100_000, 150_000];
    for (const roomBytes of sizes) {
      const scratch = makeFolder();
      const stored = storeInputs(inputs, scratch);
      const job = { newId: SEGMENT_ID, inputs: stored, scratch, ...plan };
      const run = () => doMerge(job, smallDisk(roomBytes));
      expect(run, `${roomBytes}`).toThrow(
        expect.objectContaining({
          code: "scratch_full",
          details: expect.objectContaining({ folder: scratch }),
        }),
      );
    }
    expect(countOpenFiles()).toBe(before);
    expectEqual(mergeInFiles(inputs, plan), mergeInMemory(inputs, plan));
  });
});

/** Term 1 in every document, term 2 in every third, others in a few. */
function documentOf(at: number): SegmentDocument {
  const hash = Math.imul(at + 1, 0x9e3779b1) >>> 0;
  const others = [10 + (hash % 50), 100 + (at % 97)];
  const termIds = Uint32Array.from(at % 3 === 0 ? [1, 2, ...others] : [1, ...others]);
  return {
    id: `${at}`,
    version: at,
    fields: { title: null, text: "", url: null, metadata: null },
    termIds,
    impacts: Uint8Array.from(termIds, (_, index) => 1 + ((hash >>> (8 * (index % 3))) % 255)),
    ownTermIds: Uint32Array.of(1),
  };
}

/** Files that this process has open, where the system tells. */
function countOpenFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
