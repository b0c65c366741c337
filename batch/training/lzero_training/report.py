"""The evaluation that is published: a model folder's served vectors against three other rows on each collection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from .encode import encode_sparse
from .evaluate import Bench, ServedOptions, collection_named, encode_onnx, four_rows
from .lexical import LexicalOptions
from .model import load_encoder


def evaluate_model(
    model: Path, baseline: Path, collections: Sequence[str], squad_queries: int, pool: Path, runs: Path | None,
    say: Callable[[str], None],
) -> dict:
    """Figures of every collection; the options come from the model's manifest."""
    manifest = json.loads((model / "manifest.json").read_text(encoding="utf-8"))
    identity = manifest["identity"]
    options = served_options(identity)
    untuned = load_encoder(baseline)
    tables = []
    for name in collections:
        bench = Bench(collection_named(name, pool, squad_queries if name == "squad" else None), options)
        say(f"{name}: {len(bench.tokens)} documents, {bench.queries.shape[0]} queries")
        trained = encode_onnx(model / "model.onnx", bench.tokens, identity["maxLength"])
        start = cached_vectors(pool, name, lambda bench=bench: encode_sparse(untuned, bench.tokens, 2, identity["maxLength"]))
        tables.append(four_rows(bench, start, trained, runs))
        say(json.dumps(tables[-1]))
    return {"model": manifest["name"], "fingerprint": manifest["fingerprint"], "options": _as_dict(options), "tables": tables}


def cached_vectors(pool: Path, name: str, make):
    """Vectors of the fixed baseline, kept in the cache beside the pool."""
    import scipy.sparse as sp

    path = pool.parent / f"untuned-{Path(name).name}.npz"
    if path.exists():
        return sp.load_npz(path)
    vectors = make()
    sp.save_npz(path, vectors)
    return vectors


def served_options(identity: dict) -> ServedOptions:
    """What the manifest says."""
    lexical = identity["lexical"]
    pruning = identity["pruning"]
    return ServedOptions(
        lexical=LexicalOptions(
            lexical["alpha"], lexical["k1"], lexical["b"], lexical["averageLength"],
            0.0 if lexical["stems"] is None else lexical["stems"]["share"],
        ),
        query_idf_floor=identity["queryIdfFloor"],
        top=0 if pruning is None else pruning["atMost"],
        threshold=0.0 if pruning is None else pruning["minValue"],
        max_weight=identity["maxWeight"],
    )


def _as_dict(options: ServedOptions) -> dict:
    from dataclasses import asdict

    return asdict(options)
