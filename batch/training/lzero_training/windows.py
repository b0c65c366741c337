"""Long documents as overlapping windows joined by maximum, as shared/model/windows.ts places and joins them.

Enters: Ragged tokens of whole documents. Leaves: Ragged windows with the document of each; joined CSR vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy.sparse as sp

from .text import Ragged, load_vocabulary


@lru_cache(maxsize=1)
def continuation_pieces() -> np.ndarray:
    """bool [vocabulary]: pieces that go on with a word."""
    return np.array([piece.startswith("##") for piece in load_vocabulary()])


def plan_windows(tokens: np.ndarray, capacity: int, most: int, overlap: int, continues: np.ndarray) -> list[tuple[int, int]]:
    """Ranges over a document's tokens; edges lie where words begin, the last window is cut where its room ends."""

    def word_start(position: int, after: int) -> int:
        for at in range(position, after, -1):
            if at >= len(tokens) or not continues[tokens[at]]:
                return at
        return position

    windows = []
    start = 0
    while len(tokens) - start > capacity and len(windows) < most - 1:
        end = word_start(start + capacity, start + overlap)
        windows.append((start, end))
        start = word_start(end - overlap, start)
    windows.append((start, min(len(tokens), start + capacity)))
    return windows


def split_documents(rows: Ragged, max_length: int, most: int, overlap: int) -> tuple[Ragged, np.ndarray]:
    """All windows of all documents, and which document each belongs to."""
    continues = continuation_pieces()
    parts, owner = [], []
    for index in range(len(rows)):
        tokens = rows[index]
        for start, end in plan_windows(tokens, max_length - 2, most, overlap, continues):
            parts.append(tokens[start:end])
            owner.append(index)
    return Ragged.of(parts), np.array(owner)


def join_windows(vectors: sp.csr_matrix, owner: np.ndarray, documents: int) -> sp.csr_matrix:
    """Maximum of each term over a document's windows."""
    entries = np.repeat(owner, np.diff(vectors.indptr))
    key = entries.astype(np.int64) * vectors.shape[1] + vectors.indices
    order = np.lexsort((-vectors.data, key))
    first = np.concatenate([[True], np.diff(key[order]) != 0]) if len(order) else np.zeros(0, bool)
    chosen = order[first]
    return sp.csr_matrix((vectors.data[chosen], (entries[chosen], vectors.indices[chosen])), (documents, vectors.shape[1]))


def encode_windowed(encode: Callable[[Ragged], sp.csr_matrix], rows: Ragged, max_length: int, most: int, overlap: int) -> sp.csr_matrix:
    """Encodes every window by `encode` and joins them."""
    if most <= 1:
        return encode(rows)
    parts, owner = split_documents(rows, max_length, most, overlap)
    return join_windows(encode(parts), owner, len(rows))
