"""Wraps a masked-language model that exists as ONNX (token ids in, logits out) into an encoder graph as ours are.

Enters: an ONNX file. Leaves: the graph with the inputs and outputs of encoder_graph.py. The file's graph runs once for
each row, in a Loop, on the row's own tokens alone: so nothing is known of how it pads, and a row's result does not
depend on its batch. Precision stays as the file has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, compose, helper

from .checkpoint import CheckpointError
from .encoder_graph import MASKED, GraphOptions, select
from .graph_builder import GraphBuilder
from .reference import document_weights

MIN_OPSET, MAX_OPSET = 13, 22
"""Before 13 ReduceSum and Unsqueeze took their axes differently."""
SOURCE = "source/"
"""Before every name of the file's graph."""


@dataclass(frozen=True)
class OnnxSource:
    model: onnx.ModelProto
    opset: int
    logits: str
    """Name of the output [1, tokens, vocabulary]."""
    vocabulary_size: int


def load_onnx(path: Path, special_ids: Sequence[int], vocabulary_size: int) -> OnnxSource:
    """Reads and tries the file.

    vocabulary_size: what its logits should be as wide as; an output named otherwise and of another width is no head's.
    Raises CheckpointError when it cannot be read, takes inputs that are not known or gives no logits of a vocabulary.
    """
    try:
        model = onnx.load(str(path))
    except Exception as cause:
        raise CheckpointError(f"{path} is no whole ONNX model: {_first_line(cause)}", "model_weights_invalid") from cause
    opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
    if not MIN_OPSET <= opset <= MAX_OPSET:
        raise CheckpointError(
            f"{path} has opset {opset}, known are {MIN_OPSET} to {MAX_OPSET}: export the model again", "model_config_invalid"
        )
    inputs = _input_names(model)
    if "input_ids" not in inputs or not inputs <= INPUTS.keys():
        raise CheckpointError(
            f"{path} takes {', '.join(sorted(inputs))}; known are {', '.join(INPUTS)}", "model_config_invalid"
        )
    session = _session(model, path)
    _, _, cls, sep, _ = special_ids
    outputs = dict(zip([o.name for o in model.graph.output], run_source(session, [cls, sep]), strict=True))
    wide = {name: value for name, value in outputs.items() if value.ndim == 3}
    name = "logits" if "logits" in wide else next(iter(wide), None)
    if name is None or (name != "logits" and wide[name].shape[2] != vocabulary_size):
        raise CheckpointError(
            f"{path} gives {', '.join(outputs)} and no logits of each token: export the model with its masked-language head",
            "model_head_missing",
        )
    return OnnxSource(model, opset, name, wide[name].shape[2])


def _input_names(model: onnx.ModelProto) -> set[str]:
    stored = {item.name for item in model.graph.initializer}
    return {item.name for item in model.graph.input if item.name not in stored}


INPUTS = {
    "input_ids": lambda ids: ids,
    "attention_mask": np.ones_like,
    "token_type_ids": np.zeros_like,
}
"""What is known of a file's inputs, by name: values for one row that is all tokens."""


def run_source(session: onnxruntime.InferenceSession, token_ids: Sequence[int]) -> list[np.ndarray]:
    """All outputs of the file for one row."""
    feeds = {}
    for item in session.get_inputs():
        dtype = np.int32 if "int32" in item.type else np.int64
        feeds[item.name] = INPUTS[item.name](np.array([token_ids], dtype=dtype))
    return session.run(None, feeds)


def _session(model: onnx.ModelProto, path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as cause:
        raise CheckpointError(f"{path} cannot be run: {_first_line(cause)}", "model_weights_invalid") from cause


def source_vectors(source: OnnxSource, rows: Sequence[Sequence[int]], options: GraphOptions) -> list[dict[int, float]]:
    """Document weights by the file alone, one row at a time, pooled and activated in numpy (Eq. 1, Eq. 6)."""
    session = _session(source.model, Path("the model"))
    at = [output.name for output in source.model.graph.output].index(source.logits)
    vectors = []
    for row in rows:
        logits = run_source(session, row)[at][0].astype(np.float64)
        vectors.append(document_weights(logits.max(axis=0), options))
    return vectors


def wrap_onnx(source: OnnxSource, options: GraphOptions) -> onnx.ModelProto:
    """Builds the encoder graph around the file's graph."""
    g = GraphBuilder(half_storage=False, opset=source.opset)
    rows = g.node("Squeeze", g.node("Shape", "lengths"))
    (pooled,) = g.nodes("Loop", rows, "", outputs=1, body=_body(source))
    bias = np.zeros(source.vocabulary_size, dtype=np.float32)
    if not options.keep_special:
        bias[list(options.special_token_ids)] = MASKED
    select(g, options, g.node("Add", pooled, g.constant(bias, "special_bias")))
    model = g.build_encoder(f"activation log1p x{options.log1p_count}, top {options.top_k}, around an ONNX model")
    known = {item.domain for item in model.opset_import}
    model.opset_import.extend(item for item in source.model.opset_import if item.domain not in known | {"ai.onnx"})
    model.functions.extend(source.model.functions)
    model.ir_version = max(model.ir_version, source.model.ir_version)
    return model


def _body(source: OnnxSource) -> onnx.GraphProto:
    """One row: (number, go on) → (go on, largest logit of each vocabulary entry)."""
    inner = compose.add_prefix_graph(source.model.graph, SOURCE)
    g = GraphBuilder(half_storage=False, opset=source.opset, prefix="row_")
    number = g.node("Reshape", "row_number", g.integers(1))
    length = g.node("Cast", g.node("Gather", "lengths", number), to=TensorProto.INT64)
    row = g.node("Gather", "token_ids", number)
    row = g.node("Slice", row, g.integers(0), length, g.integers(1))
    for item in source.model.graph.input:
        if item.name not in _input_names(source.model):
            continue
        kind = item.type.tensor_type.elem_type
        value = row
        if item.name != "input_ids":
            value = g.node("Mul", row, g.constant(np.array(0, dtype=np.int32)))
            if item.name == "attention_mask":
                value = g.node("Add", value, g.constant(np.array(1, dtype=np.int32)))
        g.name(SOURCE + item.name, g.node("Cast", value, to=kind))
    before = g.take_nodes()
    logits = g.node("Cast", SOURCE + source.logits, to=TensorProto.FLOAT)
    g.name("row_logits", g.node("Squeeze", g.reduce_max(logits, 1, keepdims=0), g.integers(0)))
    g.name("row_go_on_out", "row_go_on")
    return helper.make_graph(
        [*before, *inner.node, *g.take_nodes()],
        "row",
        [
            helper.make_tensor_value_info("row_number", TensorProto.INT64, []),
            helper.make_tensor_value_info("row_go_on", TensorProto.BOOL, []),
        ],
        [
            helper.make_tensor_value_info("row_go_on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("row_logits", TensorProto.FLOAT, [source.vocabulary_size]),
        ],
        [*g.take_initializers(), *inner.initializer],
        sparse_initializer=list(inner.sparse_initializer),
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
