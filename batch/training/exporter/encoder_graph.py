"""Builds the document encoder as one graph: token ids in, the non-zero weights of the vocabulary out.

Inputs:  token_ids int32 [batch, length] ([CLS] … [SEP], anything past a row's length), lengths int32 [batch] (≥ 1).
Outputs: term_ids int32 [batch, k], weights float32 [batch, k], non_zero_count int32 [batch]; k is the smaller of
         top_k and the largest count of the batch. Slots without a term have weight 0; order within a row is free.

A row's result does not depend on its batch, by construction:
- every scale is static, so no statistic is taken over the batch;
- attention divides by a sum that the same matrix product accumulates in key order, so padded keys add exact zeros
  at its end (a Softmax operator regroups its sum with the padded length);
- the head sees padded positions as copies of the row's first position, which cannot change a maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from .checkpoint import Checkpoint, Dense, Norm
from .graph_builder import GraphBuilder
from .quantization import STATE_LIMIT, QuantizedHead

SPECIAL_TOKEN_IDS = (0, 100, 101, 102, 103)
"""[PAD] [UNK] [CLS] [SEP] [MASK] of bert-base-uncased."""

# Far below any logit, far above float32's lowest: exp gives an exact 0, and sums with a logit stay finite.
MASKED = -1.0e9


@dataclass(frozen=True)
class GraphOptions:
    """What of a model's identity is in the graph."""

    log1p_count: int
    max_length: int
    top_k: int
    prune_ratio: float
    keep_special: bool
    special_token_ids: tuple[int, ...] = SPECIAL_TOKEN_IDS
    chunk: int = 256
    """Vocabulary entries of one head product, whose result should stay in the second-level cache."""


def build_encoder(checkpoint: Checkpoint, options: GraphOptions, head: QuantizedHead | None) -> onnx.ModelProto:
    """Builds the graph; head None gives float32 throughout, else the word matrix is stored once in 8 bits."""
    if not 8 <= options.max_length <= checkpoint.positions.shape[0]:
        raise ValueError(f"max length {options.max_length} is outside 8..{checkpoint.positions.shape[0]}")
    g = GraphBuilder(half_storage=head is not None)
    batch_length = g.node("Shape", "token_ids")
    batch = g.node("Slice", batch_length, g.integers(0), g.integers(1))
    length = g.node("Slice", batch_length, g.integers(1), g.integers(2))
    positions = g.node("Range", g.constant(np.int64(0)), g.node("Squeeze", length), g.constant(np.int64(1)))
    valid = g.node(
        "Less", g.node("Cast", positions, to=TensorProto.INT32), g.node("Unsqueeze", "lengths", g.integers(1))
    )

    words = _embed(g, checkpoint, head, length, options.max_length)
    hidden = _norm(g, words, checkpoint.embedding_norm, checkpoint.norm_epsilon)
    flat = g.node("Reshape", hidden, g.integers(-1, checkpoint.hidden))
    key_bias = g.node("Where", valid, g.constant(np.float32(0)), g.constant(np.float32(MASKED)))
    key_bias = g.node("Unsqueeze", key_bias, g.integers(1, 2))
    for layer in checkpoint.layers:
        context = _attend(g, checkpoint, layer, flat, key_bias, batch, length)
        flat = g.node("Add", _dense(g, context, layer.attention_output), flat)
        flat = _norm(g, flat, layer.attention_norm, checkpoint.norm_epsilon)
        inner = _bend(g, checkpoint, _dense(g, flat, layer.intermediate))
        flat = g.node("Add", _dense(g, inner, layer.output), flat)
        flat = _norm(g, flat, layer.output_norm, checkpoint.norm_epsilon)
    flat = _bend(g, checkpoint, _dense(g, flat, checkpoint.transform))

    logits = _pooled_logits(g, checkpoint, options, head, flat, valid, batch, length)
    select(g, options, logits)
    model = g.build_encoder(
        f"activation log1p x{options.log1p_count}, top {options.top_k}, prune ratio {options.prune_ratio}"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _dense(g: GraphBuilder, value: str, dense: Dense) -> str:
    return g.node("Gemm", value, g.weight(dense.weight), g.constant(dense.bias), transB=1)


def _bend(g: GraphBuilder, checkpoint: Checkpoint, value: str) -> str:
    """The checkpoint's activation between its linear maps."""
    if checkpoint.activation == "relu":
        return g.node("Relu", value)
    if checkpoint.activation == "gelu_tanh":
        return g.node("Gelu", value, approximate="tanh")
    return g.node("Gelu", value)


def _norm(g: GraphBuilder, value: str, norm: Norm, epsilon: float) -> str:
    return g.node(
        "LayerNormalization", value, g.constant(norm.scale), g.constant(norm.shift), axis=-1, epsilon=epsilon
    )


def _embed(g: GraphBuilder, checkpoint: Checkpoint, head: QuantizedHead | None, length: str, max_length: int) -> str:
    """Word plus position vectors, [batch, length, hidden]. A tied head finds its matrix under the name "words"."""
    if not checkpoint.is_tied:
        words = g.node("Gather", g.weight(checkpoint.words, "look_up"), "token_ids")
    elif head is None:
        words = g.node("Gather", g.constant(checkpoint.words, "words"), "token_ids")
    else:
        rows = g.node("Gather", g.constant(head.matrix, "words"), "token_ids")
        rows = g.node("Cast", rows, to=TensorProto.FLOAT)
        scales = g.node("Unsqueeze", g.node("Gather", g.constant(head.row_scale, "row_scale"), "token_ids"), g.integers(2))
        words = g.node("Mul", g.node("Mul", rows, scales), g.constant(head.column_scale))
    table = g.weight(checkpoint.positions[:max_length], "positions")
    return g.node("Add", words, g.node("Slice", table, g.integers(0), length))


def _attend(g, checkpoint: Checkpoint, layer, flat: str, key_bias: str, batch: str, length: str) -> str:
    """Multi-head self-attention before its output map, [batch · length, hidden]."""
    hidden, heads = checkpoint.hidden, checkpoint.heads
    size = hidden // heads
    scale = np.float32(1 / np.sqrt(size))
    joined = Dense(
        np.concatenate([layer.query.weight * scale, layer.key.weight, layer.value.weight]),
        np.concatenate([layer.query.bias * scale, layer.key.bias, layer.value.bias]),
    )
    shape = g.node("Concat", batch, length, g.integers(3 * heads, size), axis=0)
    joined_heads = g.node("Transpose", g.node("Reshape", _dense(g, flat, joined), shape), perm=[0, 2, 1, 3])
    query, key, value = g.nodes("Split", joined_heads, outputs=3, axis=1, num_outputs=3)
    scores = g.node("MatMul", query, g.node("Transpose", key, perm=[0, 1, 3, 2]))
    scores = g.node("Add", scores, key_bias)
    largest = g.reduce_max(scores, 3, keepdims=1)
    shares = g.node("Exp", g.node("Sub", scores, largest))
    # A last column of ones makes the product give the softmax's divisor too.
    value = g.node("Pad", value, g.integers(0, 0, 0, 0, 0, 0, 0, 1), g.constant(np.float32(1)))
    sums = g.node("MatMul", shares, value)
    context = g.node(
        "Div",
        g.node("Slice", sums, g.integers(0), g.integers(size), g.integers(3)),
        g.node("Slice", sums, g.integers(size), g.integers(size + 1), g.integers(3)),
    )
    return g.node("Reshape", g.node("Transpose", context, perm=[0, 2, 1, 3]), g.integers(-1, hidden))


def _pooled_logits(
    g, checkpoint: Checkpoint, options: GraphOptions, head: QuantizedHead | None, flat: str, valid: str, batch: str, length: str
) -> str:
    """The largest logit of each vocabulary entry over a row's positions, [batch, vocabulary]."""
    bias = (checkpoint.decoder_bias if head is None else head.bias).copy()
    if not options.keep_special:
        bias[list(options.special_token_ids)] = MASKED
    if head is None:
        states = _norm(g, flat, checkpoint.transform_norm, checkpoint.norm_epsilon)
    else:
        states = _norm(g, flat, Norm(head.state_scale, head.state_shift), checkpoint.norm_epsilon)
        states = g.node("Clip", states, g.constant(np.float32(0)), g.constant(np.float32(STATE_LIMIT)))
        states = g.node("QuantizeLinear", states, g.constant(np.float32(1)), g.constant(np.uint8(0)))
    rows = g.node("Reshape", states, g.node("Concat", batch, length, g.integers(checkpoint.hidden), axis=0))
    first = g.node("Slice", rows, g.integers(0), g.integers(1), g.integers(1))
    rows = g.node("Where", g.node("Unsqueeze", valid, g.integers(2)), rows, first)
    states = g.node("Reshape", rows, g.integers(-1, checkpoint.hidden))

    if not checkpoint.is_tied:
        g.constant(checkpoint.decoder if head is None else head.matrix, "words")
    maxima = []
    for start in range(0, checkpoint.vocabulary_size, options.chunk):
        end = min(start + options.chunk, checkpoint.vocabulary_size)
        # Slices and transposes of an initializer are folded at load: the file has the matrix once.
        part = g.node("Slice", "words", g.integers(start), g.integers(end), g.integers(0))
        part = g.node("Transpose", part, perm=[1, 0])
        if head is None:
            product = g.node("MatMul", states, part)
        else:
            product = g.node("MatMulInteger", states, part)
        shape = g.node("Concat", batch, length, g.integers(end - start), axis=0)
        maxima.append(g.reduce_max(g.node("Reshape", product, shape), 1, keepdims=0))
    pooled = g.node("Concat", *maxima, axis=1)
    if head is not None:
        pooled = g.node("Mul", g.node("Cast", pooled, to=TensorProto.FLOAT), g.constant(head.logit_scale, "logit_scale"))
    return g.node("Add", pooled, g.constant(bias, "decoder_bias"))


def select(g, options: GraphOptions, logits: str) -> None:
    """Counts, cuts and activates; activations are monotone, so selection works on logits and log1p on few values."""
    if options.prune_ratio == 0:
        floor = g.constant(np.float32(0))
    else:
        largest = g.node("Relu", g.reduce_max(logits, 1, keepdims=1))
        share = _activate(g, g.node("Cast", largest, to=TensorProto.DOUBLE), options.log1p_count)
        share = g.node("Mul", share, g.constant(np.float64(options.prune_ratio)))
        for _ in range(options.log1p_count):
            share = g.node("Sub", g.node("Exp", share), g.constant(np.float64(1)))
        floor = g.node("Cast", share, to=TensorProto.FLOAT)
    kept = g.node("Cast", g.node("Greater", logits, floor), to=TensorProto.INT32)
    count = g.node("ReduceSum", kept, g.integers(1), keepdims=0)
    most = g.node("Max", g.node("ReduceMax", count, keepdims=1), g.constant(np.array([1], dtype=np.int32)))
    k = g.node("Min", most, g.constant(np.array([options.top_k], dtype=np.int32)))
    values, ids = g.nodes(
        "TopK", logits, g.node("Cast", k, to=TensorProto.INT64), outputs=2, axis=1, largest=1, sorted=0
    )
    kept_values = g.node("Where", g.node("Greater", values, floor), values, g.constant(np.float32(0)))
    g.name("term_ids", g.node("Cast", ids, to=TensorProto.INT32))
    # In double: a float32 logarithm's last bit depends on the value's place in the array, thus on the batch.
    exact = _activate(g, g.node("Cast", kept_values, to=TensorProto.DOUBLE), options.log1p_count)
    g.name("weights", g.node("Cast", exact, to=TensorProto.FLOAT))
    g.name("non_zero_count", count)


def _activate(g: GraphBuilder, value: str, log1p_count: int) -> str:
    """log1p applied to float64 values ≥ 0, once or more (Eq. 1 and Eq. 6 of arXiv 2504.14839)."""
    for _ in range(log1p_count):
        value = g.node("Log", g.node("Add", value, g.constant(np.float64(1))))
    return value
