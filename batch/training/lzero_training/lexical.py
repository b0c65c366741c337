"""The lexical part of a document weight, the query's IDF and the pruning of served vectors.

    d_j = l0_j + α · tfsat_j          tfsat_j = tf_j / (tf_j + k1 · (1 − b + b · |d| / averageLength))
    idf_j = −ln((df_j + μ · e^(−IDF_j)) / (N + μ))

Enters: Ragged token ids. Leaves: scipy CSR matrices [documents, vocabulary]. No neural part here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .paths import MODEL
from .text import SPECIAL_IDS, VOCABULARY_SIZE, Ragged, load_vocabulary


@dataclass(frozen=True)
class LexicalOptions:
    """Constants of the model, never of a corpus. `stem_share` 0 leaves stem classes out."""

    alpha: float = 0.6
    k1: float = 0.9
    b: float = 0.4
    average_length: float = 150.0
    stem_share: float = 0.3


def load_idf(path: Path = MODEL / "idf.json") -> np.ndarray:
    """float32 [vocabulary], natural logarithms."""
    table = json.loads(path.read_text(encoding="utf-8"))
    return np.array([table[piece] for piece in load_vocabulary()], dtype=np.float32)


def stem_classes(vocabulary: tuple[str, ...] | None = None) -> list[list[int]]:
    """Ids of vocabulary words that share a Porter stem, classes of two and more, by their smallest id.

    Words are entries of ASCII letters, no continuation pieces; one-letter entries are left out.
    """
    import Stemmer

    stem = Stemmer.Stemmer("porter").stemWord
    classes: dict[str, list[int]] = defaultdict(list)
    for index, piece in enumerate(vocabulary or load_vocabulary()):
        if len(piece) > 1 and piece.isascii() and piece.isalpha():
            classes[stem(piece)].append(index)
    return sorted(members for members in classes.values() if len(members) > 1)


def stem_matrix(share: float, vocabulary_size: int = VOCABULARY_SIZE) -> sp.csr_matrix:
    """[vocabulary, vocabulary] with ones on the diagonal and `share` between members of one class: tf' = tf · S."""
    rows, columns = [], []
    for members in stem_classes():
        for a in members:
            rows += [a] * (len(members) - 1)
            columns += [b for b in members if b != a]
    off = sp.csr_matrix((np.full(len(rows), share, np.float32), (rows, columns)), shape=(vocabulary_size,) * 2)
    return (sp.identity(vocabulary_size, dtype=np.float32, format="csr") + off).tocsr()


def term_frequencies(rows: Ragged, vocabulary_size: int = VOCABULARY_SIZE) -> sp.csr_matrix:
    """Counts [documents, vocabulary]; special tokens have none."""
    document = np.repeat(np.arange(len(rows)), rows.lengths())
    counts = sp.csr_matrix(
        (np.ones(len(rows.values), np.float32), (document, rows.values.astype(np.int64))),
        shape=(len(rows), vocabulary_size),
    )
    counts.sum_duplicates()
    keep = np.ones(vocabulary_size, np.float32)
    keep[list(SPECIAL_IDS)] = 0
    counts = (counts @ sp.diags(keep)).tocsr()
    counts.eliminate_zeros()
    return counts.astype(np.float32)


def saturate(frequencies: sp.csr_matrix, lengths: np.ndarray, options: LexicalOptions) -> sp.csr_matrix:
    """BM25's saturation of (possibly fractional) frequencies; lengths are counts of own tokens, before stem classes."""
    result = frequencies.tocsr(copy=True)
    norm = options.k1 * (1 - options.b + options.b * lengths / options.average_length)
    per_entry = np.repeat(norm, np.diff(result.indptr)).astype(np.float32)
    result.data = result.data / (result.data + per_entry)
    return result


def lexical_part(rows: Ragged, options: LexicalOptions, stems: sp.csr_matrix | None = None) -> sp.csr_matrix:
    """α · tfsat of every document, stem classes included where `stem_share` is positive."""
    frequencies = term_frequencies(rows)
    lengths = np.asarray(frequencies.sum(axis=1)).ravel()
    if options.stem_share > 0:
        frequencies = (frequencies @ (stems if stems is not None else stem_matrix(options.stem_share))).tocsr()
    result = saturate(frequencies, lengths, options)
    result.data *= np.float32(options.alpha)
    return result


def document_frequencies(frequencies: sp.csr_matrix) -> np.ndarray:
    """In how many documents a term is an own token; int64 [vocabulary]."""
    return np.asarray((frequencies > 0).sum(axis=0)).ravel()


def blended_idf(table: np.ndarray, frequencies: np.ndarray, documents: int, mu: float = 2000.0) -> np.ndarray:
    """The model's table at no documents, the corpus's own as it grows; float32, never negative."""
    prior = mu * np.exp(-table.astype(np.float64))
    return np.maximum(0, -np.log((frequencies + prior) / (documents + mu))).astype(np.float32)


def query_matrix(queries: Ragged, idf: np.ndarray, floor: float, table: np.ndarray | None = None) -> sp.csr_matrix:
    """IDF of each distinct token; tokens under the floor are dropped unless nothing else is left.

    The floor is held against `table`, the model's own IDF, not against the blended one: a term that one small corpus
    repeats in half of its documents still decides there, and a query's terms stay the same whatever the corpus is.
    """
    table = idf if table is None else table
    rows, columns = [], []
    for index in range(len(queries)):
        tokens = np.setdiff1d(np.unique(queries[index]), SPECIAL_IDS).astype(np.int64)
        kept = tokens[table[tokens] >= floor]
        kept = kept if len(kept) else tokens
        rows.append(np.full(len(kept), index))
        columns.append(kept)
    columns = np.concatenate(columns)
    return sp.csr_matrix((idf[columns], (np.concatenate(rows), columns)), shape=(len(queries), len(idf)))


def prune(vectors: sp.csr_matrix, idf: np.ndarray, top: int, threshold: float = 0.0, least: int = 16) -> sp.csr_matrix:
    """Keeps of each row the entries with IDF_j · d_j at or over `threshold`, at most the `top` largest by it.

    The `least` largest stay whatever the threshold says, so that no document vanishes from the index.
    """
    vectors = vectors.tocsr()
    value = vectors.data * idf[vectors.indices]
    keep = value >= threshold
    for row in range(vectors.shape[0]):
        start, end = vectors.indptr[row], vectors.indptr[row + 1]
        part = value[start:end]
        if end - start > top:
            keep[start + np.argpartition(-part, top)[top:]] = False
        if keep[start:end].sum() < min(least, end - start):
            keep[start + np.argsort(-part, kind="stable")[:least]] = True
    result = vectors.copy()
    result.data = np.where(keep, vectors.data, 0).astype(np.float32)
    result.eliminate_zeros()
    return result
