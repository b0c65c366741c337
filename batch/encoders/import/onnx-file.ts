/**
 * Whether an ONNX file is whole, by its outermost fields: a cut file ends inside of one. Reads no graph. Form: protocol
 * buffers' wire format (protobuf.dev, "Encoding"); field 7 of a ModelProto is its graph (onnx.proto).
 */
import { type FileHandle, open } from "node:fs/promises";
import { LzeroError } from "../../../shared/errors.ts";

const GRAPH_FIELD = 7;
/** A tag and a length, of at most ten bytes each. */
const HEAD_BYTES = 20;
/** Payloads by wire type; a varint (0) is its own payload, and 2 begins with its length. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** @throws LzeroError `model_weights_truncated`, `model_weights_invalid`, `model_source_incomplete` */
export async function checkOnnxFile(path: string): Promise<void> {
  const file = await open(path).catch((cause) => {
    throw new LzeroError("model_source_incomplete", `${path} cannot be read`, { file: path }, cause);
  });
  try {
    const sizeBytes = (await file.stat()).size;
    let hasGraph = false;
    let at = 0;
    while (at < sizeBytes) {
      const { field, end } = await readField(file, at, path);
      if (end > sizeBytes) throw truncated(path, end, sizeBytes);
      hasGraph ||= field === GRAPH_FIELD;
      at = end;
    }
    // A file that is cut between two fields ends well, but before the graph or what follows it.
    if (!hasGraph) throw invalid(path, sizeBytes === 0 ? "it is empty" : "it has no graph");
  } finally {
    await file.close();
  }
}

async function readField(
  file: FileHandle,
  start: number,
  path: string,
): Promise<{ field: number; end: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, start);
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytesRead) throw truncated(path, start + at + 1, start + bytesRead);
      const byte = buffer[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (at >= HEAD_BYTES) throw invalid(path, "a field has no end");
    }
  };
  const tag = readVarint();
  const field = Math.floor(tag / 8);
  const kind = tag % 8;
  const fixedBytes = FIXED_BYTES[kind];
  if (field === 0 || (fixedBytes === undefined && kind !== 0 && kind !== 2))
    throw invalid(path, "it does not begin as such a file does");
  const value = fixedBytes ?? readVarint();
  return { field, end: start + at + (kind === 0 ? 0 : value) };
}

function truncated(path: string, expected: number, actual: number): LzeroError {
  return new LzeroError(
    "model_weights_truncated",
    `${path} is cut off: it has ${actual} bytes of at least ${expected}; get it again`,
    { file: path, expected, actual },
  );
}

function invalid(path: string, reason: string): LzeroError {
  return new LzeroError("model_weights_invalid", `${path} is no ONNX model: ${reason}`, { file: path });
}
