"""Reads a BERT masked-language checkpoint (config.json + model.safetensors) into plain arrays.

Enters: a folder. Leaves: a Checkpoint of float32 arrays under our own short names. Nothing is quantized here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


@dataclass(frozen=True)
class Dense:
    """A linear map as checkpoints store it: y = x · weightᵀ + bias; weight [out, in], bias [out]."""

    weight: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Norm:
    """A layer normalization over the last axis; scale and shift [hidden]."""

    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True)
class Layer:
    query: Dense
    key: Dense
    value: Dense
    attention_output: Dense
    attention_norm: Norm
    intermediate: Dense
    output: Dense
    output_norm: Norm


@dataclass(frozen=True)
class Checkpoint:
    """words [vocabulary, hidden] serves both the look-up and the head; positions [length, hidden] has type 0 added."""

    words: np.ndarray
    positions: np.ndarray
    embedding_norm: Norm
    layers: tuple[Layer, ...]
    transform: Dense
    transform_norm: Norm
    decoder_bias: np.ndarray
    heads: int
    norm_epsilon: float

    @property
    def vocabulary_size(self) -> int:
        return self.words.shape[0]

    @property
    def hidden(self) -> int:
        return self.words.shape[1]


class CheckpointError(Exception):
    """The folder does not hold a checkpoint that this exporter understands; the message says what is wrong."""


def load_checkpoint(folder: Path) -> Checkpoint:
    """Loads a checkpoint folder.

    Raises CheckpointError when a file or a tensor is missing, a shape is wrong or the activation is not gelu.
    """
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} has no {name}")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "bert":
        raise CheckpointError(f"model_type is {config.get('model_type')!r}, expected 'bert'")
    if config.get("hidden_act") != "gelu":
        raise CheckpointError(f"hidden_act is {config.get('hidden_act')!r}, expected 'gelu'")
    try:
        tensors = load_file(str(folder / "model.safetensors"))
    except Exception as cause:
        raise CheckpointError(f"{folder / 'model.safetensors'} cannot be read: {cause}") from cause

    def take(name: str) -> np.ndarray:
        if name not in tensors:
            raise CheckpointError(f"tensor {name} is missing: does the checkpoint have a masked-language head?")
        return tensors[name].astype(np.float32)

    def dense(prefix: str) -> Dense:
        return Dense(take(f"{prefix}.weight"), take(f"{prefix}.bias"))

    def norm(prefix: str) -> Norm:
        # Checkpoints converted from TensorFlow call scale and shift gamma and beta.
        old = f"{prefix}.gamma" in tensors
        return Norm(take(f"{prefix}.{'gamma' if old else 'weight'}"), take(f"{prefix}.{'beta' if old else 'bias'}"))

    def layer(index: int) -> Layer:
        at = f"bert.encoder.layer.{index}"
        return Layer(
            query=dense(f"{at}.attention.self.query"),
            key=dense(f"{at}.attention.self.key"),
            value=dense(f"{at}.attention.self.value"),
            attention_output=dense(f"{at}.attention.output.dense"),
            attention_norm=norm(f"{at}.attention.output.LayerNorm"),
            intermediate=dense(f"{at}.intermediate.dense"),
            output=dense(f"{at}.output.dense"),
            output_norm=norm(f"{at}.output.LayerNorm"),
        )

    words = take("bert.embeddings.word_embeddings.weight")
    if words.shape != (config["vocab_size"], config["hidden_size"]):
        raise CheckpointError(f"word embeddings are {words.shape}, config.json says otherwise")
    decoder = "cls.predictions.decoder.weight"
    if decoder in tensors and not np.array_equal(take(decoder), words):
        raise CheckpointError("the head is not tied to the word embeddings; this exporter stores one matrix for both")
    return Checkpoint(
        words=words,
        positions=take("bert.embeddings.position_embeddings.weight")
        + take("bert.embeddings.token_type_embeddings.weight")[0],
        embedding_norm=norm("bert.embeddings.LayerNorm"),
        layers=tuple(layer(index) for index in range(config["num_hidden_layers"])),
        transform=dense("cls.predictions.transform.dense"),
        transform_norm=norm("cls.predictions.transform.LayerNorm"),
        decoder_bias=take("cls.predictions.bias"),
        heads=config["num_attention_heads"],
        norm_epsilon=config["layer_norm_eps"],
    )
