/**
 * Merges in a thread of their own: a large one takes minutes, during which the queue's heartbeats, the metrics and
 * everything else of the process must go on. In: a job; pages in memory are moved into the thread, not copied, where they
 * own their memory. Out: the merged segment.
 */
import { Worker } from "node:worker_threads";
import { LzeroError } from "../../shared/errors.ts";
import type { DoMerge, MergeJob, MergeJobResult } from "./merge-job.ts";
import { isStored, type StoredPages } from "./stored-merge.ts";

/** What the thread says, once. */
export type MergeAnswer =
  | { readonly merged: MergeJobResult }
  | {
      readonly error: Pick<LzeroError, "code" | "message" | "details">;
    };

/**
 * Makes what does a merge in a thread.
 * @param url of the bundled `merge-worker.ts` @default merge-worker.js beside the running bundle
 */
export function mergeInThread(url: URL = new URL("./merge-worker.js", import.meta.url)): DoMerge {
  return (job: MergeJob) =>
    new Promise((resolve, reject) => {
      const inputs = job.inputs.map((input) => ({
        ...input,
        pages: isStored(input.pages) ? input.pages : input.pages.map(ownMemory),
      }));
      const transferList = inputs.flatMap(({ pages }) => transferables(pages));
      const worker = new Worker(url, { workerData: { ...job, inputs }, transferList });
      worker.once("message", (answer: MergeAnswer) => {
        if ("merged" in answer) resolve(answer.merged);
        else reject(new LzeroError(answer.error.code, answer.error.message, answer.error.details));
      });
      worker.once("error", (cause) => {
        reject(new LzeroError("merge_failed", `the thread of a merge died: ${cause.message}`, {}, cause));
      });
      // After a message this changes nothing.
      worker.once("exit", (exitCode) => {
        reject(new LzeroError("merge_failed", `the thread of a merge ended with ${exitCode}`, { exitCode }));
      });
    });
}

/** The buffers of pages in memory that own theirs. */
export function transferables(pages: readonly Uint8Array[] | StoredPages): ArrayBuffer[] {
  return isStored(pages) ? [] : pages.map(({ buffer }) => buffer as ArrayBuffer);
}

/** @returns the page; of one that shares its memory with others, such as Node's pooled buffers, a copy */
export function ownMemory(page: Uint8Array): Uint8Array {
  const isAlone = page.byteLength === page.buffer.byteLength && page.buffer instanceof ArrayBuffer;
  return isAlone ? page : Uint8Array.from(page);
}
