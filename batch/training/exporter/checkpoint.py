"""Reads a BERT or DistilBERT masked-language checkpoint (config.json + model.safetensors) into plain arrays.

Enters: a folder. Leaves: a Checkpoint of float32 arrays under our own short names. Nothing is quantized here. Tensor
names are those of transformers' BertForMaskedLM and DistilBertForMaskedLM, LayerNorms also by their old names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import deserialize


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
    """words [vocabulary, hidden] is the look-up; decoder, the head's matrix, is the same array where they are tied.

    positions [length, hidden] has type 0 added. activation: gelu, gelu_tanh or relu.
    """

    words: np.ndarray
    decoder: np.ndarray
    positions: np.ndarray
    embedding_norm: Norm
    layers: tuple[Layer, ...]
    transform: Dense
    transform_norm: Norm
    decoder_bias: np.ndarray
    heads: int
    norm_epsilon: float
    activation: str

    @property
    def is_tied(self) -> bool:
        return self.decoder is self.words

    @property
    def vocabulary_size(self) -> int:
        return self.words.shape[0]

    @property
    def hidden(self) -> int:
        return self.words.shape[1]


class CheckpointError(Exception):
    """What is given is nothing that this exporter understands; the message says what is wrong.

    code: the name under which `lzero model import` throws it.
    """

    def __init__(self, message: str, code: str = "model_weights_invalid") -> None:
        super().__init__(message)
        self.code = code


ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
"""What configurations call it → what it is."""

DISTILBERT_EPSILON = 1e-12
"""Of every layer normalization in DistilBERT; its configuration does not name it."""


def load_checkpoint(folder: Path) -> Checkpoint:
    """Loads a checkpoint folder.

    Raises CheckpointError when a file, the head or another tensor is missing, a shape is wrong, or the architecture or
    activation is not known.
    """
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} has no {name}", "model_source_incomplete")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as cause:
        raise CheckpointError(f"{folder / 'config.json'} is not JSON: {cause}", "model_config_invalid") from cause
    loaders = {"bert": _load_bert, "distilbert": _load_distilbert}
    kind = config.get("model_type")
    if kind not in loaders:
        raise CheckpointError(f"model_type is {kind!r}, expected {' or '.join(loaders)}", "model_architecture_unsupported")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise CheckpointError(
            f"position_embedding_type is {config['position_embedding_type']!r}, expected 'absolute'",
            "model_architecture_unsupported",
        )
    try:
        tensors = _read_tensors(folder / "model.safetensors")
    except Exception as cause:
        raise CheckpointError(f"{folder / 'model.safetensors'} cannot be read: {cause}") from cause
    try:
        checkpoint = loaders[kind](config, _Tensors(tensors))
    except KeyError as cause:
        raise CheckpointError(f"config.json has no {cause.args[0]}", "model_config_invalid") from cause
    _check_shapes(checkpoint, config["vocab_size"])
    return checkpoint


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Tensors of floats by name; others, such as position ids, are left out."""
    read = {
        "F32": lambda data: np.frombuffer(data, dtype="<f4"),
        "F16": lambda data: np.frombuffer(data, dtype="<f2"),
        # The upper half of a float32, which numpy has no type for.
        "BF16": lambda data: (np.frombuffer(data, dtype="<u2").astype("<u4") << 16).view("<f4"),
    }
    stored = deserialize(path.read_bytes())
    return {name: read[t["dtype"]](t["data"]).reshape(t["shape"]) for name, t in stored if t["dtype"] in read}


class _Tensors:
    """Tensors by name, in float32."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self._tensors = tensors

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def take(self, name: str) -> np.ndarray:
        if name not in self._tensors:
            raise CheckpointError(f"tensor {name} is missing")
        return self._tensors[name].astype(np.float32)

    def dense(self, prefix: str) -> Dense:
        return Dense(self.take(f"{prefix}.weight"), self.take(f"{prefix}.bias"))

    def norm(self, prefix: str) -> Norm:
        # Checkpoints converted from TensorFlow call scale and shift gamma and beta.
        old = f"{prefix}.gamma" in self
        return Norm(
            self.take(f"{prefix}.{'gamma' if old else 'weight'}"), self.take(f"{prefix}.{'beta' if old else 'bias'}")
        )

    def decoder(self, words: np.ndarray, name: str, tied: bool) -> np.ndarray:
        """The head's matrix: the word embeddings themselves where it is tied to them."""
        if name not in self:
            if tied:
                return words
            raise CheckpointError(
                f"the masked-language head is missing: no {name}, and config.json says it is not tied", "model_head_missing"
            )
        stored = self.take(name)
        if np.array_equal(stored, words):
            return words
        if tied:
            raise CheckpointError(
                f"{name} differs from the word embeddings, but config.json says that they are tied: "
                "set tie_word_embeddings to false to keep the stored head, or remove the tensor",
                "model_config_invalid",
            )
        return stored


def _load_bert(config: dict, tensors: _Tensors) -> Checkpoint:
    head = "cls.predictions.transform"
    if f"{head}.dense.weight" not in tensors:
        raise CheckpointError(f"the masked-language head is missing: no {head}.dense.weight", "model_head_missing")
    words = tensors.take("bert.embeddings.word_embeddings.weight")
    decoder = tensors.decoder(words, "cls.predictions.decoder.weight", config.get("tie_word_embeddings", True))
    # Both are stored at times; the one outside of the decoder counts only where it is tied, as the matrix is.
    names = ["cls.predictions.bias", "cls.predictions.decoder.bias"]
    bias = next((n for n in (names if decoder is words else reversed(names)) if n in tensors), None)
    if bias is None:
        raise CheckpointError("the masked-language head is missing: no cls.predictions.bias", "model_head_missing")

    def layer(index: int) -> Layer:
        at = f"bert.encoder.layer.{index}"
        return Layer(
            query=tensors.dense(f"{at}.attention.self.query"),
            key=tensors.dense(f"{at}.attention.self.key"),
            value=tensors.dense(f"{at}.attention.self.value"),
            attention_output=tensors.dense(f"{at}.attention.output.dense"),
            attention_norm=tensors.norm(f"{at}.attention.output.LayerNorm"),
            intermediate=tensors.dense(f"{at}.intermediate.dense"),
            output=tensors.dense(f"{at}.output.dense"),
            output_norm=tensors.norm(f"{at}.output.LayerNorm"),
        )

    return Checkpoint(
        words=words,
        decoder=decoder,
        positions=tensors.take("bert.embeddings.position_embeddings.weight")
        + tensors.take("bert.embeddings.token_type_embeddings.weight")[0],
        embedding_norm=tensors.norm("bert.embeddings.LayerNorm"),
        layers=tuple(layer(index) for index in range(config["num_hidden_layers"])),
        transform=tensors.dense(f"{head}.dense"),
        transform_norm=tensors.norm(f"{head}.LayerNorm"),
        decoder_bias=tensors.take(bias),
        heads=config["num_attention_heads"],
        norm_epsilon=config["layer_norm_eps"],
        activation=_activation(config["hidden_act"]),
    )


def _load_distilbert(config: dict, tensors: _Tensors) -> Checkpoint:
    for name in ("vocab_transform.weight", "vocab_projector.bias"):
        if name not in tensors:
            raise CheckpointError(f"the masked-language head is missing: no {name}", "model_head_missing")

    def layer(index: int) -> Layer:
        at = f"distilbert.transformer.layer.{index}"
        return Layer(
            query=tensors.dense(f"{at}.attention.q_lin"),
            key=tensors.dense(f"{at}.attention.k_lin"),
            value=tensors.dense(f"{at}.attention.v_lin"),
            attention_output=tensors.dense(f"{at}.attention.out_lin"),
            attention_norm=tensors.norm(f"{at}.sa_layer_norm"),
            intermediate=tensors.dense(f"{at}.ffn.lin1"),
            output=tensors.dense(f"{at}.ffn.lin2"),
            output_norm=tensors.norm(f"{at}.output_layer_norm"),
        )

    words = tensors.take("distilbert.embeddings.word_embeddings.weight")
    return Checkpoint(
        words=words,
        decoder=tensors.decoder(words, "vocab_projector.weight", config.get("tie_word_embeddings", True)),
        positions=tensors.take("distilbert.embeddings.position_embeddings.weight"),
        embedding_norm=tensors.norm("distilbert.embeddings.LayerNorm"),
        layers=tuple(layer(index) for index in range(config["n_layers"])),
        transform=tensors.dense("vocab_transform"),
        transform_norm=tensors.norm("vocab_layer_norm"),
        decoder_bias=tensors.take("vocab_projector.bias"),
        heads=config["n_heads"],
        norm_epsilon=DISTILBERT_EPSILON,
        activation=_activation(config["activation"]),
    )


def _activation(name: str) -> str:
    if name not in ACTIVATIONS:
        raise CheckpointError(
            f"the activation is {name!r}, known are {', '.join(ACTIVATIONS)}", "model_activation_unsupported"
        )
    return ACTIVATIONS[name]


def _check_shapes(checkpoint: Checkpoint, vocabulary_size: int) -> None:
    hidden = checkpoint.hidden
    if hidden % checkpoint.heads:
        raise CheckpointError(f"{checkpoint.heads} attention heads do not divide a hidden size of {hidden}")
    if not checkpoint.layers:
        raise CheckpointError("the checkpoint has no layers")
    inner = checkpoint.layers[0].intermediate.bias.shape[0]
    square, wide, narrow = (hidden, hidden), (inner, hidden), (hidden, inner)
    expected = [
        ("the word embeddings", checkpoint.words, (vocabulary_size, hidden)),
        ("the head", checkpoint.decoder, (vocabulary_size, hidden)),
        ("the head's bias", checkpoint.decoder_bias, (vocabulary_size,)),
        ("the position embeddings", checkpoint.positions, (checkpoint.positions.shape[0], hidden)),
        ("the head's transform", checkpoint.transform.weight, square),
    ]
    for index, layer in enumerate(checkpoint.layers):
        for part in ("query", "key", "value", "attention_output"):
            expected.append((f"{part} of layer {index}", getattr(layer, part).weight, square))
        expected.append((f"the first map of layer {index}", layer.intermediate.weight, wide))
        expected.append((f"the second map of layer {index}", layer.output.weight, narrow))
    for what, array, shape in expected:
        if array.shape != shape:
            raise CheckpointError(f"{what}: the shape is {array.shape}, expected {shape}")
