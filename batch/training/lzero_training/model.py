"""BERT with a tied masked-language head, written out, and its sparse document vectors.

Enters: token ids. Leaves: weights over the vocabulary. The head never keeps [tokens, vocabulary]: maxima are taken
without gradient in vocabulary chunks, then only the active terms are computed again with gradient. Max pooling sends
gradient through the winning position of an active term alone, so nothing is lost (a test compares with the full head).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .text import CLS, PAD, SEP, SPECIAL_IDS

HEAD_CHUNK = 512
"""Vocabulary entries a product; on AMX processors the bfloat16 product of this size stays in the cache."""
BF16_MARGIN = 0.06
"""Relative and absolute slack for maxima taken in bfloat16: a superset of the active terms is computed again."""


class Layer(nn.Module):
    def __init__(self, hidden: int, heads: int, intermediate: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.attention_output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, epsilon)
        self.intermediate = nn.Linear(hidden, intermediate)
        self.output = nn.Linear(intermediate, hidden)
        self.output_norm = nn.LayerNorm(hidden, epsilon)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        def split(y: Tensor) -> Tensor:
            return y.view(y.shape[0], y.shape[1], self.heads, -1).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(split(self.query(x)), split(self.key(x)), split(self.value(x)), bias)
        mixed = mixed.transpose(1, 2).reshape(x.shape)
        x = self.attention_norm(x + self.attention_output(mixed))
        return self.output_norm(x + self.output(F.gelu(self.intermediate(x))))


class BertBody(nn.Module):
    """Embeddings and layers; also serves as the dense teacher's body."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        hidden, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], hidden)
        self.positions = nn.Embedding(config["max_position_embeddings"], hidden)
        self.types = nn.Embedding(config["type_vocab_size"], hidden)
        self.norm = nn.LayerNorm(hidden, epsilon)
        self.layers = nn.ModuleList(
            Layer(hidden, config["num_attention_heads"], config["intermediate_size"], epsilon)
            for _ in range(config["num_hidden_layers"])
        )

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids [batch, length], mask [batch, length] of bool (False: padding) -> states [batch, length, hidden]."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(positions) + self.types.weight[0])
        bias = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(~mask, -1e9)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return x


@dataclass(frozen=True)
class ActiveTerms:
    """Maxima over positions of a batch's candidate terms: terms [batch, width] (padded with 0), logits, valid."""

    terms: Tensor
    logits: Tensor
    valid: Tensor


class SparseEncoder(nn.Module):
    """Body, transform and tied head."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.config = config
        hidden = config["hidden_size"]
        self.body = BertBody(config)
        self.transform = nn.Linear(hidden, hidden)
        self.transform_norm = nn.LayerNorm(hidden, config["layer_norm_eps"])
        self.decoder_bias = nn.Parameter(torch.zeros(config["vocab_size"]))
        self._low_precision: tuple[int, Tensor] | None = None

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The head's input, padding left out: [tokens of the batch, hidden]."""
        x = self.body(ids, mask)[mask]
        return self.transform_norm(F.gelu(self.transform(x)))

    @torch.no_grad()
    def maxima(self, states: Tensor, lengths: Sequence[int], low_precision: bool = True) -> Tensor:
        """Largest logit of every term over each text's positions, bias included: float32 [batch, vocabulary]."""
        words = self.body.words.weight.detach()
        if low_precision:
            version = words._version
            if self._low_precision is None or self._low_precision[0] != version:
                self._low_precision = (version, words.to(torch.bfloat16))
            words, states = self._low_precision[1], states.to(torch.bfloat16)
        result = torch.empty(len(lengths), words.shape[0], dtype=torch.float32, device=states.device)
        starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()
        for at in range(0, words.shape[0], HEAD_CHUNK):
            product = states @ words[at : at + HEAD_CHUNK].t()
            for row in range(len(lengths)):
                result[row, at : at + HEAD_CHUNK] = product[starts[row] : starts[row + 1]].amax(0)
        return result + self.decoder_bias

    def active(self, ids: Tensor, mask: Tensor, low_precision: bool = True) -> ActiveTerms:
        """Candidate terms of each text with gradient: all whose maximum is positive, special tokens out."""
        return self.active_of(self.states(ids, mask), mask, low_precision)

    def active_of(self, states: Tensor, mask: Tensor, low_precision: bool = True) -> ActiveTerms:
        """The same from the head's input."""
        lengths = mask.sum(1).tolist()
        found = self.maxima(states.detach(), lengths, low_precision)
        found[:, list(SPECIAL_IDS)] = -1
        slack = BF16_MARGIN if low_precision else 0.0
        valid_terms = found > -slack
        counts = valid_terms.sum(1)
        width = max(1, int(counts.max()))
        order = torch.topk(valid_terms.to(torch.uint8), width, dim=1, sorted=True)
        terms, valid = order.indices, order.values.bool()
        padded = torch.zeros(*mask.shape, states.shape[1], dtype=states.dtype, device=states.device)
        padded = padded.masked_scatter(mask[:, :, None], states)
        logits = torch.bmm(F.embedding(terms, self.body.words.weight), padded.transpose(1, 2))
        logits = logits.masked_fill(~mask[:, None, :], -torch.inf).amax(2) + self.decoder_bias[terms]
        return ActiveTerms(terms, logits, valid)


def activate(logits: Tensor, log1p_count: int) -> Tensor:
    """Eq. 1 (once) and Eq. 6 (twice): log1p applied `log1p_count` times to relu; 0 is plain relu."""
    weight = torch.relu(logits)
    for _ in range(log1p_count):
        weight = torch.log1p(weight)
    return weight


def dense_weights(found: ActiveTerms, log1p_count: int, vocabulary: int) -> Tensor:
    """[batch, vocabulary] with gradient through the active terms."""
    weights = activate(found.logits, log1p_count) * found.valid
    out = torch.zeros(weights.shape[0], vocabulary, dtype=weights.dtype, device=weights.device)
    return out.scatter_add(1, found.terms, weights)


def pad_rows(rows: Sequence[np.ndarray], max_length: int) -> tuple[Tensor, Tensor]:
    """Adds [CLS] and [SEP], cuts to max_length with both, pads: ids int64 and mask bool [batch, longest]."""
    cut = [row[: max_length - 2] for row in rows]
    longest = max(len(row) for row in cut) + 2
    ids = np.full((len(cut), longest), PAD, dtype=np.int64)
    mask = np.zeros((len(cut), longest), dtype=bool)
    for index, row in enumerate(cut):
        ids[index, 0], ids[index, 1 : len(row) + 1], ids[index, len(row) + 1] = CLS, row, SEP
        mask[index, : len(row) + 2] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)


_RENAMES = [
    ("bert.embeddings.word_embeddings", "body.words"),
    ("bert.embeddings.position_embeddings", "body.positions"),
    ("bert.embeddings.token_type_embeddings", "body.types"),
    ("bert.embeddings.LayerNorm", "body.norm"),
    ("cls.predictions.transform.dense", "transform"),
    ("cls.predictions.transform.LayerNorm", "transform_norm"),
]
_LAYER_RENAMES = [
    ("attention.self.query", "query"),
    ("attention.self.key", "key"),
    ("attention.self.value", "value"),
    ("attention.output.dense", "attention_output"),
    ("attention.output.LayerNorm", "attention_norm"),
    ("intermediate.dense", "intermediate"),
    ("output.dense", "output"),
    ("output.LayerNorm", "output_norm"),
]


def checkpoint_names(layers: int) -> dict[str, str]:
    """Module prefix -> prefix in a checkpoint file."""
    names = {ours: theirs for theirs, ours in _RENAMES}
    for index in range(layers):
        for theirs, ours in _LAYER_RENAMES:
            names[f"body.layers.{index}.{ours}"] = f"bert.encoder.layer.{index}.{theirs}"
    return names


def load_encoder(folder: Path) -> SparseEncoder:
    """Reads config.json and model.safetensors of a BERT masked-language checkpoint (either LayerNorm naming)."""
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(str(folder / "model.safetensors"))
    model = SparseEncoder(config)
    state = {"decoder_bias": tensors["cls.predictions.bias"].float()}
    for ours, theirs in checkpoint_names(config["num_hidden_layers"]).items():
        for new, old in (("weight", "gamma"), ("bias", "beta")):
            for suffix in (new, old):
                if f"{theirs}.{suffix}" in tensors:
                    state[f"{ours}.{new}"] = tensors[f"{theirs}.{suffix}"].float()
    model.load_state_dict(state)
    return model


def save_encoder(model: SparseEncoder, folder: Path) -> None:
    """Writes the same layout, with LayerNorms called weight and bias; what the exporter reads."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = model.state_dict()
    tensors = {"cls.predictions.bias": state["decoder_bias"].float().contiguous()}
    for ours, theirs in checkpoint_names(model.config["num_hidden_layers"]).items():
        for suffix in ("weight", "bias"):
            if f"{ours}.{suffix}" in state:
                tensors[f"{theirs}.{suffix}"] = state[f"{ours}.{suffix}"].float().contiguous()
    save_file(tensors, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(model.config, indent=2) + "\n", encoding="utf-8")


def gelu_reference(x: float) -> float:
    """The exact form that BERT uses, for tests."""
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))
