"""prepare: pairs and unlabelled texts become one pool of passages and queries, tokenized once.

Enters: shared/data/train and SQuAD's train split. Leaves, under a folder of the cache: texts (gzipped JSON lines, for the
teachers), token ids (uint16), the source of every row and each query's passage.

Left out: SciFact's train claims, every test corpus but SQuAD's own paragraphs (its dev paragraphs too), and the source
kept for selection. Queries without labels are sentences (taken out of the passage half the time) and keyword queries.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .corpora import LEFT_OUT_DISTRACTORS, read_lines, read_pairs
from .lexical import load_idf
from .paths import DATA
from .text import Ragged, tokenize

MAX_STORED_TOKENS = 510
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


@dataclass(frozen=True)
class Pool:
    """Passages and queries by position; `query_passage` is the labelled passage of a query."""

    passages: Ragged
    queries: Ragged
    passage_source: np.ndarray
    query_source: np.ndarray
    query_passage: np.ndarray
    query_kind: np.ndarray
    sources: list[str]


KINDS = ("pair", "sentence", "keywords")


def read_squad_train() -> list[tuple[str, str]]:
    folder = DATA / "squad"
    with (folder / "qrels" / "train.tsv").open(encoding="utf-8") as lines:
        wanted = {row["query-id"]: row["corpus-id"] for row in csv.DictReader(lines, delimiter="\t")}
    passages = {row["_id"]: f"{row['title']} {row['text']}" for row in read_lines(folder / "corpus.jsonl.gz")}
    return [
        (row["text"].strip(), passages[wanted[row["_id"]]])
        for row in read_lines(folder / "queries.jsonl.gz")
        if row["_id"] in wanted
    ]


def read_source(name: str) -> list[tuple[str, str]]:
    return read_squad_train() if name == "squad" else read_pairs(name)


def prepare(folder: Path, sources: dict[str, int], synthetic: int, seed: int = 1) -> dict:
    """Writes the pool. `sources`: name -> most pairs to take, drawn by seed; `synthetic`: unlabelled queries of each kind."""
    rng = random.Random(seed)
    passages: list[str] = []
    passage_source: list[int] = []
    queries: list[tuple[str, int, int, int]] = []
    names = sorted(sources)
    position: dict[tuple[int, str], int] = {}

    def add_passage(text: str, source: int) -> int:
        key = (source, text)
        if key not in position:
            position[key] = len(passages)
            passages.append(text)
            passage_source.append(source)
        return position[key]

    held_back: list[str] = []
    for source, name in enumerate(names):
        pairs = read_source(name)
        rng.shuffle(pairs)
        kept = pairs[: sources[name]]
        if name == LEFT_OUT_DISTRACTORS[0]:
            used = {passage for _, passage in kept}
            rest = dict.fromkeys(p for _, p in pairs[sources[name] :] if p not in used)
            held_back = list(rest)[: LEFT_OUT_DISTRACTORS[1]]
        for query, passage in kept:
            queries.append((query, source, add_passage(passage, source), 0))
    originals = len(passages)
    for kind, make in ((1, _sentence_query), (2, _keyword_query)):
        for index in rng.sample(range(originals), min(synthetic, originals)):
            made = make(passages[index], rng)
            if made is not None:
                query, text = made
                queries.append((query, passage_source[index], add_passage(text, passage_source[index]), kind))

    folder.mkdir(parents=True, exist_ok=True)
    _write_texts(folder / "passages.jsonl.gz", passages)
    _write_texts(folder / "queries.jsonl.gz", [q for q, *_ in queries])
    _write_texts(folder / "distractors.jsonl.gz", held_back)
    tokens = tokenize(passages).cut(MAX_STORED_TOKENS)
    query_tokens = tokenize([q for q, *_ in queries]).cut(64)
    np.savez(
        folder / "pool.npz",
        passages=tokens.values, passage_offsets=tokens.offsets,
        queries=query_tokens.values, query_offsets=query_tokens.offsets,
        passage_source=np.array(passage_source, np.uint8),
        query_source=np.array([q[1] for q in queries], np.uint8),
        query_passage=np.array([q[2] for q in queries], np.int32),
        query_kind=np.array([q[3] for q in queries], np.uint8),
    )
    summary = {
        "seed": seed, "sources": names, "passages": len(passages), "queries": len(queries),
        "meanPassageTokens": round(float(tokens.lengths().mean()), 1), "distractors": len(held_back),
        "pairs": {name: sum(q[1] == i and q[3] == 0 for q in queries) for i, name in enumerate(names)},
        "synthetic": {kind: sum(q[3] == i for q in queries) for i, kind in enumerate(KINDS) if i},
    }
    (folder / "pool.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def load_pool(folder: Path) -> Pool:
    arrays = np.load(folder / "pool.npz")
    sources = json.loads((folder / "pool.json").read_text())["sources"]
    return Pool(
        Ragged(arrays["passages"], arrays["passage_offsets"]), Ragged(arrays["queries"], arrays["query_offsets"]),
        arrays["passage_source"], arrays["query_source"], arrays["query_passage"], arrays["query_kind"], sources,
    )


def load_texts(path: Path) -> list[str]:
    return [row["text"] for row in read_lines(path)]


def _write_texts(path: Path, texts: list[str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as out:
        for text in texts:
            out.write(json.dumps({"text": text}) + "\n")


def _sentence_query(passage: str, rng: random.Random) -> tuple[str, str] | None:
    sentences = [s for s in _SENTENCE_END.split(passage) if s]
    usable = [s for s in sentences if 5 <= len(s.split()) <= 40]
    if len(sentences) < 3 or not usable:
        return None
    chosen = rng.choice(usable)
    if rng.random() < 0.5:
        return chosen, passage
    return chosen, " ".join(s for s in sentences if s is not chosen)


_WORD_IDF: dict[str, float] = defaultdict(float)


def _keyword_query(passage: str, rng: random.Random) -> tuple[str, str] | None:
    words = list(dict.fromkeys(re.findall(r"[A-Za-z][A-Za-z0-9-]{2,}", passage)))
    if len(words) < 5:
        return None
    table = load_idf_cached()
    missing = [w for w in words if w not in _WORD_IDF]
    if missing:
        for word, ids in zip(missing, _rows(tokenize(missing)), strict=True):
            _WORD_IDF[word] = float(table[ids].max()) if len(ids) else 0.0
    weights = [max(0.0, _WORD_IDF[w] - 3.0) for w in words]
    chosen: list[str] = []
    for _ in range(rng.randint(2, 5)):
        if sum(weights) <= 0:
            break
        index = rng.choices(range(len(words)), weights)[0]
        chosen.append(words[index])
        weights[index] = 0.0
    return (" ".join(chosen), passage) if len(chosen) >= 2 else None


def _rows(ragged: Ragged) -> list[np.ndarray]:
    return [ragged[i].astype(np.int64) for i in range(len(ragged))]


_TABLE: list[np.ndarray] = []


def load_idf_cached() -> np.ndarray:
    if not _TABLE:
        _TABLE.append(load_idf())
    return _TABLE[0]
