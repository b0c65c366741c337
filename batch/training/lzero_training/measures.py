"""NDCG@10, FLOPS, Doc_Len, paired randomisation, TREC run files. No model, no data of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp


def top_documents(queries: sp.csr_matrix, documents: sp.csr_matrix, k: int = 10, chunk: int = 256) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each query the k best documents and their scores, ties by the document's position."""
    transposed = documents.T.tocsr()
    for start in range(0, queries.shape[0], chunk):
        scores = (queries[start : start + chunk] @ transposed).toarray()
        for row in scores:
            k_now = min(k, len(row))
            bound = np.partition(-row, k_now - 1)[k_now - 1]
            candidates = np.flatnonzero(-row <= bound)
            order = candidates[np.argsort(-row[candidates], kind="stable")][:k_now]
            yield order, row[order]


def ndcg(ranking: Sequence[int], grades: Mapping[int, int], k: int = 10) -> float:
    """Linear gains over log2(rank + 1), as trec_eval's ndcg_cut."""
    gains = [grades.get(int(document), 0) for document in ranking[:k]]
    ideal = sorted(grades.values(), reverse=True)[:k]
    found = sum(gain / np.log2(rank + 2) for rank, gain in enumerate(gains))
    best = sum(gain / np.log2(rank + 2) for rank, gain in enumerate(ideal))
    return float(found / best) if best else 0.0


def ndcg_of(queries: sp.csr_matrix, documents: sp.csr_matrix, judgements: Sequence[Mapping[int, int]], k: int = 10) -> np.ndarray:
    """NDCG@k of every query; documents with score 0 are no hits."""
    result = []
    for (order, scores), grades in zip(top_documents(queries, documents, k), judgements, strict=True):
        result.append(ndcg(order[scores > 0], grades, k))
    return np.array(result)


def flops(queries: sp.csr_matrix, documents: sp.csr_matrix) -> float:
    """Expected multiplications of a query-document pair: Σ_j p_q(j) · p_d(j)."""
    share = [np.asarray((m > 0).mean(axis=0)).ravel() for m in (queries, documents)]
    return float(share[0] @ share[1])


def mean_length(documents: sp.csr_matrix) -> float:
    """Doc_Len: mean non-zeros of a document."""
    return float(np.diff(documents.indptr).mean())


def paired_randomisation(a: np.ndarray, b: np.ndarray, rounds: int = 20000, seed: int = 1) -> float:
    """Two-sided p-value of mean(a) − mean(b) when each pair's order is a coin toss."""
    difference = a - b
    observed = abs(difference.mean())
    signs = np.random.default_rng(seed).integers(0, 2, size=(rounds, len(difference)), dtype=np.int8) * 2 - 1
    return float((np.sum(np.abs(signs @ difference) / len(difference) >= observed - 1e-12) + 1) / (rounds + 1))


def wins_ties_losses(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int]:
    difference = a - b
    return int((difference > 1e-9).sum()), int((abs(difference) <= 1e-9).sum()), int((difference < -1e-9).sum())


def write_run(path: Path, tag: str, query_ids: Sequence[str], document_ids: Sequence[str], hits: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
    """TREC run: query Q0 document rank score tag."""
    with path.open("w", encoding="utf-8") as out:
        for query, (order, scores) in zip(query_ids, hits, strict=True):
            for rank, (document, score) in enumerate(zip(order, scores, strict=True), start=1):
                if score > 0:
                    out.write(f"{query} Q0 {document_ids[document]} {rank} {score:.6f} {tag}\n")


def read_run(path: Path) -> dict[str, list[str]]:
    """Query id -> document ids by rank."""
    rows: dict[str, list[tuple[int, str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document, rank, _, _ = line.split()
        rows.setdefault(query, []).append((int(rank), document))
    return {query: [document for _, document in sorted(hits)] for query, hits in rows.items()}
