/** What the encoder and its worker threads say to each other. Arrays are transferred, not copied. */

export type Device = "cpu" | "cuda";

/** Given to a worker at its start. */
export interface WorkerSettings {
  /** model.onnx */
  readonly weights: Uint8Array;
  readonly device: Device;
  /** Threads that one operator may use. */
  readonly threads: number;
  readonly topK: number;
}

/** Rows of token ids, padded to one length. */
export interface BatchRequest {
  readonly requestId: number;
  /** [rows · length] */
  readonly tokenIds: Int32Array;
  /** [rows], each 1..length */
  readonly lengths: Int32Array;
  readonly length: number;
}

/** The vectors of a batch, one after the other. */
export interface BatchVectors {
  /** [rows + 1]; row i has the entries offsets[i]..offsets[i + 1] of the two arrays below. */
  readonly offsets: Uint32Array;
  /** Ascending within a row. */
  readonly termIds: Uint32Array;
  /** > 0 */
  readonly weights: Float32Array;
  /** [rows] */
  readonly cutByTopK: Uint32Array;
}

export type WorkerMessage =
  | { readonly type: "ready" }
  /** The session could not be made; the worker ends. */
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "vectors"; readonly requestId: number; readonly vectors: BatchVectors }
  /** The batch threw; the worker goes on. */
  | { readonly type: "error"; readonly requestId: number; readonly message: string };
