/** Entry of the thread that does one merge and ends. In: the job. Out: the segment, or the error. */
import { parentPort, workerData } from "node:worker_threads";
import { LzeroError } from "../../shared/errors.ts";
import { doMerge, type MergeJob } from "./merge-job.ts";
import { type MergeAnswer, ownMemory, transferables } from "./merge-thread.ts";
import { isStored } from "./stored-merge.ts";

const answer = run(workerData as MergeJob);
parentPort?.postMessage(answer, "merged" in answer ? transferables(answer.merged.segment.pages) : []);

function run(job: MergeJob): MergeAnswer {
  try {
    const { segment, documents } = doMerge(job);
    const pages = isStored(segment.pages) ? segment.pages : segment.pages.map(ownMemory);
    return { merged: { segment: { ...segment, pages }, documents } };
  } catch (error) {
    if (!(error instanceof LzeroError)) throw error;
    const { code, message, details } = error;
    return { error: { code, message, details } };
  }
}
