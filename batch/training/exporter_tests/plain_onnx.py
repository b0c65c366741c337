"""Writes a checkpoint as other exporters do: ids and mask in, logits of every token out, a mask that is added, Softmax.

python plain_onnx.py CHECKPOINT_DIR FILE [--headless]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exporter.checkpoint import Checkpoint, Dense, Norm, load_checkpoint  # noqa: E402
from exporter.graph_builder import GraphBuilder  # noqa: E402


def plain_onnx(checkpoint: Checkpoint, opset: int = 17, headless: bool = False) -> onnx.ModelProto:
    """Inputs input_ids, attention_mask, token_type_ids, int64 [batch, length]; GELU by its error function."""
    g = GraphBuilder(half_storage=False, opset=opset)
    hidden, heads = checkpoint.hidden, checkpoint.heads
    size = hidden // heads

    def dense(value: str, part: Dense) -> str:
        return g.node("Add", g.node("MatMul", value, g.constant(part.weight.T)), g.constant(part.bias))

    def norm(value: str, part: Norm) -> str:
        inputs = (value, g.constant(part.scale), g.constant(part.shift))
        return g.node("LayerNormalization", *inputs, axis=-1, epsilon=checkpoint.norm_epsilon)

    def gelu(value: str) -> str:
        erf = g.node("Erf", g.node("Div", value, g.constant(np.float32(np.sqrt(2)))))
        return g.node("Mul", g.node("Mul", value, g.node("Add", erf, g.constant(np.float32(1)))), g.constant(np.float32(0.5)))

    def split(value: str) -> str:
        return g.node("Transpose", g.node("Reshape", value, g.integers(0, 0, heads, size)), perm=[0, 2, 1, 3])

    length = g.node("Slice", g.node("Shape", "input_ids"), g.integers(1), g.integers(2))
    positions = g.node("Slice", g.constant(checkpoint.positions), g.integers(0), length)
    words = g.node("Gather", g.constant(checkpoint.words), "input_ids")
    # Types as exporters leave them; the second is never looked up.
    types = g.node("Gather", g.constant(np.stack([np.zeros(hidden), np.ones(hidden)]).astype(np.float32)), "token_type_ids")
    value = norm(g.node("Add", g.node("Add", words, positions), types), checkpoint.embedding_norm)
    mask = g.node("Cast", g.node("Unsqueeze", "attention_mask", g.integers(1, 2)), to=TensorProto.FLOAT)
    mask = g.node("Mul", g.node("Sub", g.constant(np.float32(1)), mask), g.constant(np.finfo(np.float32).min))
    for layer in checkpoint.layers:
        query, key, states = (split(dense(value, part)) for part in (layer.query, layer.key, layer.value))
        scores = g.node("MatMul", query, g.node("Transpose", key, perm=[0, 1, 3, 2]))
        scores = g.node("Add", g.node("Div", scores, g.constant(np.float32(np.sqrt(size)))), mask)
        context = g.node("Transpose", g.node("MatMul", g.node("Softmax", scores, axis=-1), states), perm=[0, 2, 1, 3])
        context = g.node("Reshape", context, g.integers(0, 0, hidden))
        value = norm(g.node("Add", dense(context, layer.attention_output), value), layer.attention_norm)
        inner = gelu(dense(value, layer.intermediate))
        value = norm(g.node("Add", dense(inner, layer.output), value), layer.output_norm)
    if headless:
        g.name("last_hidden_state", value)
    else:
        value = norm(gelu(dense(value, checkpoint.transform)), checkpoint.transform_norm)
        g.name("logits", dense(value, Dense(checkpoint.decoder, checkpoint.decoder_bias)))
    graph = helper.make_graph(
        g.take_nodes(),
        "main_graph",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch_size", "sequence_length"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info("last_hidden_state" if headless else "logits", TensorProto.FLOAT, None)],
        g.take_initializers(),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="test")


if __name__ == "__main__":
    model = plain_onnx(load_checkpoint(Path(sys.argv[1])), headless="--headless" in sys.argv)
    Path(sys.argv[2]).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, sys.argv[2])
