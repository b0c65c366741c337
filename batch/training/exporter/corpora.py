"""Reads sample texts for calibration and measurement: BEIR-like JSON lines, or a WordNet folder's glosses."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path


def read_texts(source: Path) -> Iterator[str]:
    """Texts of a .jsonl / .jsonl.gz file ({title?, text}, joined by a space) or of a WordNet `dict` folder."""
    if source.is_dir():
        for part in ("adj", "adv", "noun", "verb"):
            for line in (source / f"data.{part}").read_text(encoding="utf-8").splitlines():
                if " | " in line and not line.startswith("  "):
                    yield line.split(" | ", 1)[1].strip()
        return
    opened = gzip.open(source, "rt", encoding="utf-8") if source.suffix == ".gz" else source.open(encoding="utf-8")
    with opened as lines:
        for line in lines:
            document = json.loads(line)
            yield f"{document.get('title') or ''} {document['text']}".strip()


def sample_texts(source: Path, count: int, seed: int = 1) -> list[str]:
    """A seeded sample without replacement, or all texts where there are fewer."""
    texts = list(read_texts(source))
    return texts if len(texts) <= count else random.Random(seed).sample(texts, count)
