/**
 * Entry of the worker thread that owns a session: onnxruntime's run() blocks the thread that calls it. In: batches of
 * token ids. Out: their non-zero weights, term ids ascending. It knows neither texts nor documents.
 */
import { parentPort, workerData } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { BatchRequest, BatchVectors, WorkerMessage, WorkerSettings } from "./worker-messages.ts";

async function main(): Promise<void> {
  const settings = workerData as WorkerSettings;
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(settings.weights, {
      executionProviders: [settings.device],
      graphOptimizationLevel: "all",
      intraOpNumThreads: settings.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
  } catch (error) {
    post({ type: "failed", message: messageOf(error) }, []);
    parentPort?.close();
    return;
  }
  // Batches are answered in the order of their requests.
  let last = Promise.resolve();
  parentPort?.on("message", (request: BatchRequest) => {
    last = last.then(() => answer(session, request, settings.topK));
  });
  post({ type: "ready" }, []);
}

async function answer(session: InferenceSession, request: BatchRequest, topK: number): Promise<void> {
  const { requestId } = request;
  try {
    const rows = request.lengths.length;
    const output = await session.run({
      token_ids: new Tensor("int32", request.tokenIds, [rows, request.length]),
      lengths: new Tensor("int32", request.lengths, [rows]),
    });
    const vectors = compactVectors(
      output.term_ids!.data as Int32Array,
      output.weights!.data as Float32Array,
      output.non_zero_count!.data as Int32Array,
      topK,
    );
    post({ type: "vectors", requestId, vectors }, [
      vectors.offsets.buffer,
      vectors.termIds.buffer,
      vectors.weights.buffer,
      vectors.cutByTopK.buffer,
    ]);
  } catch (error) {
    post({ type: "error", requestId, message: messageOf(error) }, []);
  }
}

/**
 * Drops empty slots and sorts each row by term id.
 * @param termIds [rows · k] @param weights [rows · k], 0 where there is no term @param counts [rows] before the cut
 */
function compactVectors(
  termIds: Int32Array,
  weights: Float32Array,
  counts: Int32Array,
  topK: number,
): BatchVectors {
  const rows = counts.length;
  const k = termIds.length / rows;
  const offsets = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row++) offsets[row + 1] = offsets[row]! + Math.min(counts[row]!, topK);
  const total = offsets[rows]!;
  const ids = new Uint32Array(total);
  const kept = new Float32Array(total);
  const weightOf = new Map<number, number>();
  let to = 0;
  for (let row = 0; row < rows; row++) {
    weightOf.clear();
    const from = to;
    for (let slot = row * k; slot < (row + 1) * k; slot++) {
      const weight = weights[slot]!;
      if (weight > 0) {
        weightOf.set(termIds[slot]!, weight);
        ids[to++] = termIds[slot]!;
      }
    }
    ids.subarray(from, to).sort();
    for (let i = from; i < to; i++) kept[i] = weightOf.get(ids[i]!)!;
    if (to !== offsets[row + 1])
      throw new Error(`the graph counted ${counts[row]} weights, ${to - from} came`);
  }
  return {
    offsets,
    termIds: ids,
    weights: kept,
    cutByTopK: Uint32Array.from(counts, (c) => Math.max(0, c - topK)),
  };
}

function post(message: WorkerMessage, transfer: ArrayBufferLike[]): void {
  parentPort?.postMessage(message, transfer as ArrayBuffer[]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();
