"""What the Python peers share: a collection's files, timing as in timing.ts, recall against the exact hits.

In: a folder made by `npm run bench -- collections`, with exact-*.jsonl. Out: one line of JSON a row.
"""

import argparse
import json
import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

K = 10
TIMED_PASSES = 3
# Queries that take longer on average are timed once: what a cold cache adds is little of them.
SLOW_SECONDS = 0.1
PROBES = 10
MIN_QUERIES = 50
SETS = ("short", "long")


@dataclass
class Query:
    text: str
    terms: list[int]
    weights: list[int]


@dataclass
class Collection:
    folder: Path
    # Where indexes of these vectors are kept.
    peers: Path
    name: str
    documents: int
    # Weight of impact 255.
    max_weight: float
    indptr: np.ndarray
    terms: np.ndarray
    impacts: np.ndarray
    queries: dict[str, list[Query]]
    exact: dict[str, list[dict]]

    def score(self, ordinal: int, query: Query) -> int:
        """The exact integer score of a document."""
        row = slice(self.indptr[ordinal], self.indptr[ordinal + 1])
        weight_of = dict(zip(query.terms, query.weights))
        return sum(
            weight_of.get(int(term), 0) * int(impact)
            for term, impact in zip(self.terms[row], self.impacts[row])
        )

    def recall(self, found: list[int], query: Query, exact: dict) -> float:
        """Share of the exact hits that are found, ties counted as hits."""
        wanted = len(exact["scores"])
        if wanted == 0:
            return 1.0
        least = exact["scores"][-1]
        distinct = list(dict.fromkeys(found))[:wanted]
        return sum(self.score(ordinal, query) >= least for ordinal in distinct) / wanted


def read_lines(path: Path) -> list[dict]:
    with path.open(encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def open_collection(folder: str) -> Collection:
    path = Path(folder)
    meta = json.loads((path / "meta.json").read_text())
    return Collection(
        folder=path,
        peers=path / "peers" / f"{meta['model']['fingerprint'][:12]}-{meta['sourceHash'][:12]}-{meta['documents']}",
        name=meta["name"],
        documents=meta["documents"],
        max_weight=meta["maxWeight"],
        indptr=np.fromfile(path / "indptr.u32", dtype="<u4").astype(np.int64),
        terms=np.fromfile(path / "terms.u16", dtype="<u2"),
        impacts=np.fromfile(path / "impacts.u8", dtype=np.uint8),
        queries={name: [Query(**line) for line in read_lines(path / f"queries-{name}.jsonl")] for name in SETS},
        exact={name: read_lines(path / f"exact-{name}.jsonl") for name in SETS},
    )


def read_texts(folder: Path):
    with (folder / "documents.jsonl").open(encoding="utf8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def even_steps(length: int, count: int) -> list[int]:
    size = min(length, count)
    return [at * length // size for at in range(size)]


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def time_set(
    collection: Collection,
    name: str,
    prepare: Callable[[Query], object],
    search: Callable[[object], list[int]],
    same_score: bool,
    budget_seconds: float,
    at_most: int = 1 << 30,
) -> dict:
    """Times a set of queries: `search` is the call that is timed and what makes ordinals of its answer.

    What `prepare` makes of a query, and what is made of the answer, is outside of the clock.
    """
    queries, exact = collection.queries[name], collection.exact[name]
    prepared = [prepare(query) for query in queries]
    run, ordinals = search
    began = time.perf_counter()
    probes = even_steps(len(queries), PROBES)
    for at in probes:
        run(prepared[at])
    mean = (time.perf_counter() - began) / len(probes)
    pass_count = 1 if mean > SLOW_SECONDS else TIMED_PASSES
    affordable = min(len(queries), budget_seconds / (mean * (pass_count + 1)))
    chosen = even_steps(len(queries), min(at_most, max(MIN_QUERIES, int(affordable))))
    recalls = []
    for at in chosen:
        found = ordinals(run(prepared[at]))
        if same_score:
            recalls.append(collection.recall(found, queries[at], exact[at]))
    passes = []
    for _ in range(pass_count):
        times = []
        for at in chosen:
            begin = time.perf_counter_ns()
            run(prepared[at])
            times.append((time.perf_counter_ns() - begin) / 1e6)
        passes.append(times)
    medians = [statistics.median(each) for each in zip(*passes)]
    return {
        "queries": len(chosen),
        "p50": quantile(medians, 0.5),
        "p99": quantile(medians, 0.99),
        "mean": statistics.fmean(medians),
        "recall": statistics.fmean(recalls) if same_score else None,
    }


def parse_arguments(description: str, **extra: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--build-only", action="store_true", help="keep the index for a later run, time nothing")
    for name, default in extra.items():
        parser.add_argument(f"--{name}", default=default)
    return parser.parse_args()


def read_seconds(path: Path) -> float | None:
    """Processor seconds that a kept index took to build; an empty file where nobody knows."""
    text = path.read_text().strip()
    return float(text) if text else None


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def print_row(row: dict) -> None:
    print(json.dumps(row), flush=True)
