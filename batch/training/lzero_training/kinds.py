"""kinds: the kinds of retriever of the paper's Table 1, scored offline on BEIR folders, every query against every document.

    dense (all-MiniLM-L6-v2) · SPLADE on both sides (a model runs on the query) · Porter BM25

Enters: BEIR folders. Leaves: NDCG@10 and TREC runs. Nothing here is served; late interaction (ColBERT) is not run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .bm25 import Bm25
from .corpora import Collection
from .encode import encode_sparse
from .measures import flops, mean_length, ndcg, ndcg_of, top_documents, write_run
from .model import load_encoder
from .paths import MODEL
from .teachers import encode_dense, load_dense_teacher
from .text import Ragged, tokenize

MAX_LENGTH = 256
"""Wordpieces of a document; what the dense model was published with."""
RUN_DEPTH = 100


def score_kinds(collection: Collection, cache: Path, runs: Path | None, say: Callable[[str], None], splade_log1p: int = 1) -> dict:
    """Figures of each kind on one collection; document vectors are kept in `cache`."""
    documents, queries = (tokenize(texts) for texts in (collection.documents, collection.queries))
    cache.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict] = {}

    say(f"{collection.name}: Porter BM25")
    bm25 = Bm25(collection.documents)
    rows["porterBm25"] = _sparse_row("porterBm25", bm25.queries(collection.queries), bm25.weights, collection, runs)
    say(f"{collection.name}: SPLADE, a model on both sides")
    model = load_encoder(MODEL / "splade-tiny")
    vectors = _kept(cache / f"splade-{collection.name}.npz", lambda: encode_sparse(model, documents, splade_log1p, MAX_LENGTH))
    rows["spladeBothSides"] = _sparse_row(
        "spladeBothSides", encode_sparse(model, queries, splade_log1p, 64), vectors, collection, runs
    )
    say(f"{collection.name}: dense")
    rows["dense"] = _dense_row(cache, documents, queries, collection, runs)
    return {"collection": collection.name, "documents": len(documents), "queries": len(queries), "rows": rows}


def _kept(path: Path, make: Callable[[], sp.csr_matrix]) -> sp.csr_matrix:
    if not path.exists():
        sp.save_npz(path, make())
    return sp.load_npz(path)


def _sparse_row(name: str, queries: sp.csr_matrix, documents: sp.csr_matrix, collection: Collection, runs: Path | None) -> dict:
    row = {
        "ndcg10": round(float(ndcg_of(queries, documents, collection.judgements).mean()), 4),
        "docLen": round(mean_length(documents), 1),
        "queryTerms": round(mean_length(queries), 1),
        "flops": round(flops(queries, documents), 3),
    }
    if runs is not None:
        write_run(
            _run_path(runs, collection, name), name, collection.query_ids, collection.document_ids,
            top_documents(queries, documents, RUN_DEPTH),
        )
    return row


def _dense_row(cache: Path, documents: Ragged, queries: Ragged, collection: Collection, runs: Path | None) -> dict:
    path = cache / f"dense-{collection.name}.npy"
    body = load_dense_teacher()
    if not path.exists():
        np.save(path, encode_dense(body, documents, MAX_LENGTH))
    vectors = np.load(path).astype(np.float32)
    scores = encode_dense(body, queries, MAX_LENGTH).astype(np.float32) @ vectors.T
    orders = [np.argsort(-row, kind="stable")[:RUN_DEPTH] for row in scores]
    if runs is not None:
        hits = ((order, row[order] + 1) for order, row in zip(orders, scores, strict=True))
        write_run(_run_path(runs, collection, "dense"), "dense", collection.query_ids, collection.document_ids, hits)
    found = [ndcg(order, grades) for order, grades in zip(orders, collection.judgements, strict=True)]
    return {"ndcg10": round(float(np.mean(found)), 4), "dimensions": int(vectors.shape[1])}


def _run_path(runs: Path, collection: Collection, name: str) -> Path:
    runs.mkdir(parents=True, exist_ok=True)
    return runs / f"{collection.name}-{name}.trec"
