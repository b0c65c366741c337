"""Writes the model folder that the product reads: model.onnx, idf.f32, vocab.txt, manifest.json.

The fingerprint is the one that shared/model/model-manifest.ts computes: the first 128 bits of SHA-256 over the identity
as JSON with sorted keys, no white space, and numbers as ECMAScript writes them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from .wordpiece import read_pieces


@dataclass(frozen=True)
class ModelDescription:
    """What the manifest says beyond hashes."""

    name: str
    log1p_count: int
    max_length: int
    top_k: int
    prune_ratio: float
    max_weight: float
    licence: str
    provenance: str


def write_model_folder(folder: Path, model: bytes, vocabulary: bytes, idf: np.ndarray, description: ModelDescription) -> dict:
    """Writes the four files and returns the manifest. idf float32 [vocabulary]."""
    idf_bytes = idf.astype("<f4").tobytes()
    identity = {
        "encoder": "onnx",
        "weights": _sha256(model),
        "vocabulary": _sha256(vocabulary),
        "idf": _sha256(idf_bytes),
        "log1pCount": description.log1p_count,
        "maxLength": description.max_length,
        "windows": {"maxWindows": 1, "overlap": 0},
        "topK": description.top_k,
        "pruneRatio": description.prune_ratio,
        "maxWeight": description.max_weight,
        "lexical": {"alpha": 0, "k1": 0.9, "b": 0.4, "averageLength": 150, "stems": None},
        "pruning": None,
        "queryIdfFloor": 0,
    }
    manifest = {
        "formatVersion": 1,
        "name": description.name,
        "fingerprint": fingerprint(identity),
        "identity": identity,
        "vocabularySize": len(idf),
        "licence": description.licence,
        "provenance": description.provenance,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    (folder / "idf.f32").write_bytes(idf_bytes)
    (folder / "vocab.txt").write_bytes(vocabulary)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def load_idf(table: Path, vocabulary: bytes) -> np.ndarray:
    """Reads {wordpiece: weight} into float32 by vocabulary id. Raises KeyError for a piece without a weight."""
    weights = json.loads(table.read_text(encoding="utf-8"))
    return np.array([weights[piece] for piece in read_pieces(vocabulary)], dtype=np.float32)


def fingerprint(identity: dict) -> str:
    return _sha256(canonical_json(identity).encode("utf-8"))[:32]


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space; for the strings (ASCII) and numbers of an identity."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{canonical_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical_json(item) for item in value) + "]"
    if isinstance(value, float):
        return _ecmascript_number(value)
    return json.dumps(value)


def _ecmascript_number(value: float) -> str:
    """A finite float as Number::toString writes it (ECMA-262, 6.1.6.1.20)."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + exponent
    if len(text) <= point <= 21:
        body = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        body = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        body = "0." + "0" * -point + text
    else:
        mantissa = text if len(text) == 1 else f"{text[0]}.{text[1:]}"
        body = f"{mantissa}e{point - 1:+d}"
    return ("-" if sign else "") + body


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
