"""A plain WordPiece for calibration and measurement texts.

It follows bert-base-uncased on ordinary Western text. It is not the product's tokenizer and not exact on rare code
points: nothing that is stored depends on it, except through calibration statistics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_MAX_WORD_CHARACTERS = 100
_WORDS = re.compile(r"\w+|[^\w\s]", re.UNICODE)


class WordPiece:
    def __init__(self, pieces: Sequence[str]) -> None:
        """Raises KeyError when a special piece is missing."""
        self._ids = {piece: index for index, piece in enumerate(pieces)}
        self.special_ids = tuple(self._ids[piece] for piece in SPECIAL_PIECES)
        _, self._unk, self._cls, self._sep, _ = self.special_ids
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str, max_length: int) -> list[int]:
        """Ids with [CLS] and [SEP], cut to max_length."""
        stripped = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        ids: list[int] = [self._cls]
        for word in _WORDS.findall(stripped.replace("_", " _ ")):
            if word not in self._cache:
                self._cache[word] = self._split(word)
            ids += self._cache[word]
            if len(ids) >= max_length:
                break
        return [*ids[: max_length - 1], self._sep]

    def _split(self, word: str) -> list[int]:
        if len(word) > _MAX_WORD_CHARACTERS:
            return [self._unk]
        ids = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self._ids.get(word[start:end] if start == 0 else "##" + word[start:end])
                if piece is not None:
                    ids.append(piece)
                    start = end
                    break
            else:
                return [self._unk]
        return ids


def read_pieces(vocabulary: bytes) -> list[str]:
    """The lines of a vocab.txt; only a line feed, or one after a carriage return, ends a line."""
    lines = vocabulary.decode("utf-8").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
