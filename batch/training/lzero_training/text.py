"""Texts to token ids and back to arrays: WordPiece through the reference implementation, ragged rows as flat uint16.

Enters: texts. Leaves: Ragged arrays without special tokens. Cutting to a length and adding [CLS], [SEP] is the model's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from .paths import MODEL

PAD, UNK, CLS, SEP, MASK = 0, 100, 101, 102, 103
SPECIAL_IDS = (PAD, UNK, CLS, SEP, MASK)
VOCABULARY_SIZE = 30522


@dataclass(frozen=True)
class Ragged:
    """Rows of token ids, one after another: row i is values[offsets[i]:offsets[i + 1]]."""

    values: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @staticmethod
    def of(rows: Iterable[Sequence[int]]) -> Ragged:
        rows = [np.asarray(row, dtype=np.uint16) for row in rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return Ragged(np.concatenate(rows) if rows else np.zeros(0, np.uint16), offsets)

    def cut(self, length: int) -> Ragged:
        """The same rows, each at most `length` long."""
        return Ragged.of(self[i][:length] for i in range(len(self)))


@lru_cache(maxsize=2)
def load_tokenizer(path: Path = MODEL / "tokenizer.json"):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def tokenize(texts: Sequence[str], batch: int = 2000) -> Ragged:
    """WordPiece ids of whole texts, no special tokens added."""
    tokenizer = load_tokenizer()
    rows = []
    for start in range(0, len(texts), batch):
        rows += [e.ids for e in tokenizer.encode_batch(list(texts[start : start + batch]), add_special_tokens=False)]
    return Ragged.of(rows)


@lru_cache(maxsize=1)
def load_vocabulary(path: Path = MODEL / "vocab.txt") -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8").splitlines())
