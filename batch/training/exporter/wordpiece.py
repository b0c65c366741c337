"""A plain WordPiece for calibration and measurement texts.

It follows bert-base-uncased on ordinary Western text. It is not the product's tokenizer and not exact on rare code
points: nothing that is stored depends on it, except through calibration statistics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

CLS, SEP, UNK = 101, 102, 100
_MAX_WORD_CHARACTERS = 100
_WORDS = re.compile(r"\w+|[^\w\s]", re.UNICODE)


class WordPiece:
    def __init__(self, pieces: Sequence[str]) -> None:
        self._ids = {piece: index for index, piece in enumerate(pieces)}
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str, max_length: int) -> list[int]:
        """Ids with [CLS] and [SEP], cut to max_length."""
        stripped = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        ids: list[int] = [CLS]
        for word in _WORDS.findall(stripped.replace("_", " _ ")):
            if word not in self._cache:
                self._cache[word] = self._split(word)
            ids += self._cache[word]
            if len(ids) >= max_length:
                break
        return [*ids[: max_length - 1], SEP]

    def _split(self, word: str) -> list[int]:
        if len(word) > _MAX_WORD_CHARACTERS:
            return [UNK]
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
                return [UNK]
        return ids
