"""The encoder in plain numpy: what an exported graph is held against, and the golden vectors of a model folder.

It shares nothing with the graph but the checkpoint's arrays: float32 throughout, one text at a time, no padding.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .checkpoint import Checkpoint, Dense, Norm
from .encoder_graph import GraphOptions
from .wordpiece import WordPiece

GOLDEN_TEXTS = (
    "Venus is often called Earth's twin because of its similar size and proximity.",
    "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
    "Jupiter, the largest planet in our solar system, has a prominent red spot.",
    "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
    "spiders",
    "A short note on how the wing of an aeroplane carries it, and on what the wind has to do with that: air that is "
    "turned downwards pushes the wing upwards. The faster it flows, the more it carries, until it no longer follows.",
)
FLOAT_TOLERANCE = 1e-4
"""Two float32 implementations of the same sums differ by less."""
INT8_SHARE = 0.25
"""An int8 export is refused where a weight is off by more than this share of the largest weight."""

_erf = np.frompyfunc(math.erf, 1, 1)


def reference_vector(checkpoint: Checkpoint, token_ids: Sequence[int], options: GraphOptions) -> dict[int, float]:
    """The document weights of one text: the largest logit over positions, relu, log1p once or more (Eq. 1, Eq. 6)."""
    states = _norm(checkpoint.words[list(token_ids)] + checkpoint.positions[: len(token_ids)], checkpoint.embedding_norm, checkpoint)
    for layer in checkpoint.layers:
        context = _attend(checkpoint, layer, states)
        states = _norm(_dense(context, layer.attention_output) + states, layer.attention_norm, checkpoint)
        inner = _bend(checkpoint, _dense(states, layer.intermediate))
        states = _norm(_dense(inner, layer.output) + states, layer.output_norm, checkpoint)
    states = _norm(_bend(checkpoint, _dense(states, checkpoint.transform)), checkpoint.transform_norm, checkpoint)
    return document_weights((states @ checkpoint.decoder.T + checkpoint.decoder_bias).max(axis=0), options)


def document_weights(maxima: np.ndarray, options: GraphOptions) -> dict[int, float]:
    """What is kept of the largest logits [vocabulary], by term id."""
    weights = np.maximum(maxima, 0).astype(np.float64)
    for _ in range(options.log1p_count):
        weights = np.log1p(weights)
    if not options.keep_special:
        weights[list(options.special_token_ids)] = 0
    weights[weights <= options.prune_ratio * weights.max()] = 0
    best = np.argsort(-weights, kind="stable")[: options.top_k]
    return {int(term): float(weights[term]) for term in np.sort(best) if weights[term] > 0}


def largest_error(ours: dict[int, float], theirs: dict[int, float], top_k: int) -> float:
    """Of a weight. A term that one side cut, since it has top_k others, may weigh there what its smallest weighs."""
    cut = [min(side.values()) if len(side) >= top_k else 0.0 for side in (ours, theirs)]
    errors = [abs(weight - theirs[term]) if term in theirs else max(0.0, weight - cut[1]) for term, weight in ours.items()]
    errors += [max(0.0, weight - cut[0]) for term, weight in theirs.items() if term not in ours]
    return max(errors, default=0.0)


def golden_rows(pieces: WordPiece, options: GraphOptions) -> list[tuple[str, list[int]]]:
    """Texts with token ids; a text without a known word, which is never encoded, is left out."""
    rows = [(text, pieces.encode(text, options.max_length)) for text in GOLDEN_TEXTS]
    return [(text, row) for text, row in rows if any(token not in options.special_token_ids for token in row)]


def golden_vectors(checkpoint: Checkpoint, pieces: WordPiece, options: GraphOptions) -> list[tuple[str, list[int], dict[int, float]]]:
    """Texts with token ids and reference weights."""
    return [(text, row, reference_vector(checkpoint, row, options)) for text, row in golden_rows(pieces, options)]


def write_golden(
    folder: Path,
    vectors: list[tuple[str, list[int], dict[int, float]]],
    tolerance: float,
    made_with: str = "numpy forward of the checkpoint, float32 (batch/training/exporter/reference.py)",
) -> None:
    """golden.json: what `lzero model verify` encodes again."""
    content = {
        "formatVersion": 1,
        "madeWith": made_with,
        "tolerance": tolerance,
        "vectors": [
            {"text": text, "termIds": list(vector), "weights": [round(weight, 7) for weight in vector.values()]}
            for text, _, vector in vectors
        ],
    }
    (folder / "golden.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def _attend(checkpoint: Checkpoint, layer, states: np.ndarray) -> np.ndarray:
    size = checkpoint.hidden // checkpoint.heads
    query, key, value = (_dense(states, part) for part in (layer.query, layer.key, layer.value))
    parts = []
    for head in range(checkpoint.heads):
        at = slice(head * size, (head + 1) * size)
        scores = query[:, at] @ key[:, at].T / np.float32(math.sqrt(size))
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        parts.append(shares / shares.sum(axis=1, keepdims=True) @ value[:, at])
    return np.concatenate(parts, axis=1)


def _dense(value: np.ndarray, dense: Dense) -> np.ndarray:
    return value @ dense.weight.T + dense.bias


def _norm(value: np.ndarray, norm: Norm, checkpoint: Checkpoint) -> np.ndarray:
    centered = value - value.mean(axis=-1, keepdims=True)
    variance = (centered**2).mean(axis=-1, keepdims=True)
    return centered / np.sqrt(variance + np.float32(checkpoint.norm_epsilon)) * norm.scale + norm.shift


def _bend(checkpoint: Checkpoint, value: np.ndarray) -> np.ndarray:
    if checkpoint.activation == "relu":
        return np.maximum(value, 0)
    if checkpoint.activation == "gelu_tanh":
        return 0.5 * value * (1 + np.tanh(np.float32(math.sqrt(2 / math.pi)) * (value + np.float32(0.044715) * value**3)))
    return 0.5 * value * (1 + _erf(value / np.float32(math.sqrt(2))).astype(np.float32))
