/** What an encoder needs to run on an NVIDIA GPU, and what to do where it cannot. Starts nothing. */
import { LzeroError } from "../../../shared/errors.ts";

/** How the libraries come, which the package for the processor alone does not have. */
export const CUDA_INSTALL_COMMAND = "lzero model install-cuda";

/**
 * The head's 8-bit product: onnxruntime has no CUDA kernel for uint8 × int8 and would put it on the processor without a
 * word, with a copy there and back for each part of the vocabulary (its documentation, "OperatorKernels", MatMulInteger).
 */
const CPU_ONLY_OPERATOR = "MatMulInteger";

/** @throws LzeroError `encoder_device_unsupported` for a graph that would run on the processor in the main */
export function requireCudaGraph(weights: Uint8Array, model: string): void {
  if (!Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).includes(CPU_ONLY_OPERATOR))
    return;
  throw new LzeroError(
    "encoder_device_unsupported",
    `model ${model} has an 8-bit head, which runs on the processor only: make it with --precision f32 (lzero model import, batch/training/export_onnx.py) and its own index, or take --device cpu`,
    { model, device: "cuda", operator: CPU_ONLY_OPERATOR },
  );
}

/** The error of a session that could not be made on a GPU. */
export function cudaUnavailable(message: string): LzeroError {
  return new LzeroError(
    "encoder_device_unavailable",
    `the model cannot run on cuda: ${message}. It needs Linux on x64, an NVIDIA driver, CUDA 12 and cuDNN 9, and onnxruntime's CUDA libraries: ${CUDA_INSTALL_COMMAND}. Or take --device cpu`,
    { device: "cuda" },
  );
}
