"""Reads BEIR folders and pair files.

Enters: gzipped JSON lines. Leaves: a Collection of texts with judgements by position. A document's text is title, a
space, text.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .paths import DATA


@dataclass(frozen=True)
class Collection:
    name: str
    document_ids: list[str]
    documents: list[str]
    query_ids: list[str]
    queries: list[str]
    judgements: list[dict[int, int]]
    """For each query: document position -> grade, positive grades only."""


def read_lines(path: Path) -> Iterator[dict]:
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        for line in lines:
            yield json.loads(line)


def _file(folder: Path, stem: str) -> Path:
    packed = folder / f"{stem}.jsonl.gz"
    return packed if packed.exists() else folder / f"{stem}.jsonl"


def read_collection(folder: Path, split: str = "test", sample: int | None = None, seed: int = 1) -> Collection:
    """Reads a BEIR folder; `sample` keeps that many judged queries by a seeded draw, the whole corpus stays."""
    ids, texts = [], []
    for line in read_lines(_file(folder, "corpus")):
        ids.append(line["_id"])
        texts.append(f"{line.get('title') or ''} {line['text']}".strip())
    position = {identifier: index for index, identifier in enumerate(ids)}
    grades: dict[str, dict[int, int]] = {}
    with (folder / "qrels" / f"{split}.tsv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if int(row["score"]) > 0 and row["corpus-id"] in position:
                grades.setdefault(row["query-id"], {})[position[row["corpus-id"]]] = int(row["score"])
    queries = {line["_id"]: line["text"] for line in read_lines(_file(folder, "queries")) if line["_id"] in grades}
    kept = [identifier for identifier in queries]
    if sample is not None and sample < len(kept):
        kept = sorted(random.Random(seed).sample(kept, sample))
    return Collection(
        folder.name, ids, texts, kept, [queries[i] for i in kept], [grades[i] for i in kept]
    )


def read_pairs(name: str) -> list[tuple[str, str]]:
    """(query, passage) of a training file, in its order, without exact repetitions."""
    seen: set[tuple[str, str]] = set()
    pairs = []
    for line in read_lines(DATA / "train" / f"{name}.jsonl.gz"):
        pair = (line["query"].strip(), line["passage"].strip())
        if all(pair) and pair not in seen:
            seen.add(pair)
            pairs.append(pair)
    return pairs


LEFT_OUT_SOURCE = "pubmedqa_l"
LEFT_OUT_DISTRACTORS = ("bioasq7_11", 4000)


def left_out_collection(distractors: list[str]) -> Collection:
    """The training source kept for selection: its questions over its passages and unused passages of a like source."""
    pairs = read_pairs(LEFT_OUT_SOURCE)
    documents = list(dict.fromkeys([passage for _, passage in pairs] + distractors))
    position = {text: index for index, text in enumerate(documents)}
    judgements: dict[str, dict[int, int]] = {}
    for query, passage in pairs:
        judgements.setdefault(query, {})[position[passage]] = 1
    queries = list(judgements)
    return Collection(
        LEFT_OUT_SOURCE,
        [f"d{i}" for i in range(len(documents))],
        documents,
        [f"q{i}" for i in range(len(queries))],
        queries,
        [judgements[q] for q in queries],
    )
