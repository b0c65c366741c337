import { mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { doMerge, type MergeJob } from "../../../../batch/publish/merge-job.ts";
import { mergeInThread } from "../../../../batch/publish/merge-thread.ts";
import { encodeSegment } from "../../../../shared/format/segment-writer.ts";
import { SEGMENT_ID, sampleDocuments } from "../../shared/format/support.ts";
import { makeFolder, readResult } from "./scratch-support.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
let workerUrl: URL;

/** A worker thread of Node 20 runs no TypeScript: the worker is bundled for these tests, beside the project's modules. */
beforeAll(async () => {
  const folder = `${ROOT}.cache/test-workers`;
  mkdirSync(folder, { recursive: true });
  const outfile = `${folder}/merge-worker-${process.pid}.mjs`;
  await build({
    entryPoints: [`${ROOT}batch/publish/merge-worker.ts`],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    packages: "external",
    logLevel: "warning",
  });
  workerUrl = pathToFileURL(outfile);
});

/** Two segments of several pages; some pages share their memory, as those of Node's small buffers do. */
function makeJob(order: MergeJob["order"], scratch: string | null = null): MergeJob {
  const inputs = [0, 1].map((at) => {
    const segmentId = `${at}`.padStart(32, "0");
    const documents = sampleDocuments(40).map((document) => ({ ...document, id: `${at}-${document.id}` }));
    const { pages } = encodeSegment(segmentId, documents, { inlineBytes: 0, documentPageBytes: 300 });
    const shared = new Uint8Array(pages[1]!.length + 100);
    shared.set(pages[1]!, 50);
    const values = pages.slice();
    values[1] = shared.subarray(50, 50 + pages[1]!.length);
    return { segmentId, key: `demo/${segmentId}/0`, pages: values, tombstones: Uint32Array.of(3) };
  });
  const everything = Number.POSITIVE_INFINITY;
  return { newId: SEGMENT_ID, inputs, order, scratch, blockDocuments: everything, bucketBytes: everything };
}

describe("mergeInThread", () => {
  it.each(["given", "clustered"] as const)(
    "gives what a merge here gives, in the order %s",
    async (order) => {
      const expected = doMerge(makeJob(order));
      expect(expected.documents).toHaveLength(78);
      expect(await mergeInThread(workerUrl)(makeJob(order))).toEqual(expected);
    },
  );

  it("gives the files of a merge in a scratch folder", async () => {
    const { documents, segment } = doMerge(makeJob("clustered"));
    const result = await mergeInThread(workerUrl)(makeJob("clustered", makeFolder()));
    expect(readResult(result)).toEqual({ pages: segment.pages, documents });
  });

  it("leaves this thread free meanwhile", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await mergeInThread(workerUrl)(makeJob("clustered"));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  it("gives errors of ours as they were", async () => {
    const job = makeJob("given");
    const inputs = [{ ...job.inputs[0]!, tombstones: Uint32Array.of(5, 4) }];
    await expect(mergeInThread(workerUrl)({ ...job, inputs })).rejects.toMatchObject({
      name: "LzeroError",
      code: "segment_input_invalid",
      details: { key: job.inputs[0]!.key },
    });
  });

  it("says so when the thread cannot start or dies", async () => {
    const missing = new URL("./no-such-worker.mjs", workerUrl);
    await expect(mergeInThread(missing)(makeJob("given"))).rejects.toMatchObject({ code: "merge_failed" });
    const silent = new URL("data:text/javascript,process.exit(3)");
    await expect(mergeInThread(silent)(makeJob("given"))).rejects.toMatchObject({
      code: "merge_failed",
      details: { exitCode: 3 },
    });
  });
});
