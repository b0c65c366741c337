"""BM25 over Porter stems as Lucene's English analysis has it: baseline of every table and one of the teachers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

LUCENE_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with".split()
)
_WORDS = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*|_", re.UNICODE)


class PorterAnalyzer:
    """Lower case, possessive off, stop words out, Porter stems; words get numbers in order of appearance."""

    def __init__(self) -> None:
        import Stemmer

        self._stem = Stemmer.Stemmer("porter").stemWord
        self._numbers: dict[str, int] = {}
        self._cache: dict[str, str | None] = {}

    def __call__(self, text: str, grow: bool = True) -> list[int]:
        numbers = []
        for word in _WORDS.findall(text.lower()):
            if word not in self._cache:
                bare = re.sub(r"['’]s$", "", word)
                self._cache[word] = None if bare in LUCENE_STOP_WORDS else self._stem(bare)
            stem = self._cache[word]
            if stem is None:
                continue
            if grow:
                numbers.append(self._numbers.setdefault(stem, len(self._numbers)))
            elif stem in self._numbers:
                numbers.append(self._numbers[stem])
        return numbers

    def __len__(self) -> int:
        return len(self._numbers)


class Bm25:
    """k1 0.9, b 0.4, IDF ln(1 + (N − df + 0.5) / (df + 0.5)), no (k1 + 1) factor: it changes no order."""

    def __init__(self, documents: Sequence[str], k1: float = 0.9, b: float = 0.4) -> None:
        self.analyze = PorterAnalyzer()
        counts = self._counts([self.analyze(text) for text in documents])
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        frequency = np.asarray((counts > 0).sum(axis=0)).ravel()
        self._idf = np.log1p((len(documents) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        norm = k1 * (1 - b + b * lengths / max(1e-9, lengths.mean()))
        weights = counts.copy()
        weights.data = weights.data / (weights.data + np.repeat(norm, np.diff(counts.indptr)))
        self.weights = (weights @ sp.diags(self._idf)).tocsr().astype(np.float32)

    def _counts(self, rows: list[list[int]]) -> sp.csr_matrix:
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(r) for r in rows], out=indptr[1:])
        columns = np.array([n for r in rows for n in r], dtype=np.int64)
        counts = sp.csr_matrix((np.ones(len(columns), np.float32), columns, indptr), (len(rows), len(self.analyze)))
        counts.sum_duplicates()
        return counts

    def queries(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Counts of known stems, so that scores are queries @ weights.T."""
        return self._counts([self.analyze(text, grow=False) for text in texts])
