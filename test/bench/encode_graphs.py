"""Graphs for the encode benchmark, of a checkpoint as it is, in float32.

Leaves two model folders: `float32`, our graph, whose head works in chunks; and `plain`, as one exports a model first:
one product over the whole vocabulary. `plain/model_int8.onnx` is the latter by onnxruntime's dynamic quantization.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

TRAINING = Path(__file__).resolve().parents[2] / "batch" / "training"
sys.path.insert(0, str(TRAINING))

from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402

from exporter.checkpoint import load_checkpoint  # noqa: E402
from exporter.encoder_graph import GraphOptions, build_encoder  # noqa: E402


def main() -> None:
    checkpoint_folder, out, max_length, log1p_count, top_k = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
    subprocess.run(
        [
            sys.executable, str(TRAINING / "export_onnx.py"), "--checkpoint", str(checkpoint_folder),
            "--out", str(out / "float32"), "--precision", "f32", "--report-samples", "0",
            "--max-length", str(max_length), "--log1p-count", str(log1p_count), "--top-k", str(top_k),
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    plain = out / "plain"
    plain.mkdir()
    checkpoint = load_checkpoint(checkpoint_folder)
    options = GraphOptions(log1p_count, max_length, top_k, 0.0, False, chunk=checkpoint.vocabulary_size)
    graph = build_encoder(checkpoint, options, None)
    # As exporters leave it: the head's matrix an initializer of its own, which the quantization then finds.
    (product,) = [node for node in graph.graph.node if node.op_type == "MatMul" and node.input[1].startswith("transpose")][-1:]
    product.input[1] = "head"
    graph.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(checkpoint.decoder.T), "head"))
    onnx.save(graph, plain / "model.onnx")
    logging.disable(logging.WARNING)
    quantize_dynamic(plain / "model.onnx", plain / "model_int8.onnx", weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main()
