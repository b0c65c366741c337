/**
 * The header of a safetensors file: which tensors it has, of which type and shape. Reads no tensor; says when the file
 * is cut off. Form: 8 bytes length, JSON, data (github.com/huggingface/safetensors, "Format").
 */
import { open } from "node:fs/promises";
import * as z from "zod";
import { LzeroError } from "../../../shared/errors.ts";

export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Of the format itself. */
const MAX_HEADER_BYTES = 100_000_000;

const headerSchema = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.int().min(0)),
    data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
  }),
);

/** @throws LzeroError `model_weights_truncated`, `model_weights_invalid`; `model_source_incomplete` when it is not there */
export async function readTensorInfos(path: string): Promise<ReadonlyMap<string, TensorInfo>> {
  const file = await open(path).catch((cause) => {
    throw new LzeroError("model_source_incomplete", `${path} cannot be read`, { file: path }, cause);
  });
  try {
    const sizeBytes = (await file.stat()).size;
    const need = (expected: number) => {
      if (sizeBytes < expected) throw truncated(path, expected, sizeBytes);
    };
    need(8);
    const prefix = Buffer.alloc(8);
    await file.read(prefix, 0, 8, 0);
    const headerBytes = Number(prefix.readBigUInt64LE());
    if (headerBytes > MAX_HEADER_BYTES) throw invalid(path, "it does not begin as a safetensors file does");
    need(8 + headerBytes);
    const header = Buffer.alloc(headerBytes);
    await file.read(header, 0, headerBytes, 8);
    const tensors = decodeHeader(header, path);
    const dataBytes = Math.max(0, ...Object.values(tensors).map(({ data_offsets: [, end] }) => end));
    need(8 + headerBytes + dataBytes);
    return new Map(Object.entries(tensors));
  } finally {
    await file.close();
  }
}

function decodeHeader(header: Buffer, path: string): z.infer<typeof headerSchema> {
  let value: unknown;
  try {
    value = JSON.parse(header.toString("utf8"));
  } catch (cause) {
    throw invalid(path, "its header is not JSON", cause);
  }
  if (value === null || typeof value !== "object") throw invalid(path, "its header is no object");
  const { __metadata__: _, ...tensors } = value as Record<string, unknown>;
  const parsed = headerSchema.safeParse(tensors);
  if (!parsed.success) throw invalid(path, `its header is wrong: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function truncated(path: string, expected: number, actual: number): LzeroError {
  return new LzeroError(
    "model_weights_truncated",
    `${path} is cut off: it has ${actual} bytes of ${expected}; get it again`,
    { file: path, expected, actual },
  );
}

function invalid(path: string, reason: string, cause?: unknown): LzeroError {
  return new LzeroError(
    "model_weights_invalid",
    `${path} is no safetensors file: ${reason}`,
    { file: path },
    cause,
  );
}
