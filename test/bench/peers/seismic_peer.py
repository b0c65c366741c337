"""Seismic (pyseismic-lsr) over a collection: its raw index and its DotVByte index, at the fastest settings that find
at least the wanted share of the exact hits. Built once for a collection's vectors, then read from its file.

Impacts are small integers, which float16 holds exactly. DotVByte keeps 8 bits of a value of its own and wants values
of the size that models give, so it gets weights.
"""

import itertools
import json
import math
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np
from peer_common import K, SETS, Collection, Query, open_collection, parse_arguments, print_row, read_seconds, say, time_set
from seismic import SeismicDataset, SeismicIndexDotVByte, SeismicIndexRaw, get_seismic_string

# The package's defaults but for max_fraction, which its guidelines want at 6: long lists are cut less.
DEFAULT_BUILD = {
    "n_postings": 3500,
    "centroid_fraction": 0.1,
    "min_cluster_size": 2,
    "summary_energy": 0.4,
    "max_fraction": 6.0,
    "doc_cut": 15,
}
QUERY_CUTS = {"short": (4, 8), "long": (5, 8, 12, 20)}
# Of most to least careful.
HEAP_FACTORS = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SWEEP_QUERIES = 200
# Of the settings that reach the wanted recall on the sweep's queries, so many are tried on all queries.
FINALISTS = 6
QUERY_SCALE = 256.0
STRING = get_seismic_string()


def write_inner_format(collection: Collection, path: Path) -> None:
    """Number of rows; of each its length, component ids (uint32) and values (float32)."""
    lengths = np.diff(collection.indptr)
    with path.open("wb") as file:
        np.uint32(len(lengths)).tofile(file)
        words = np.empty(len(lengths) + 2 * len(collection.terms), dtype="<u4")
        at = 0
        values = collection.impacts.astype("<f4").view("<u4")
        for row, length in enumerate(lengths):
            begin, end = collection.indptr[row], collection.indptr[row + 1]
            words[at] = length
            words[at + 1 : at + 1 + length] = collection.terms[begin:end]
            words[at + 1 + length : at + 1 + 2 * length] = values[begin:end]
            at += 1 + 2 * int(length)
        words.tofile(file)


def open_raw(collection: Collection, folder: Path, settings: dict):
    """The raw index, its bytes and build seconds."""

    def build():
        source = folder / "vectors.bin"
        write_inner_format(collection, source)
        began = time.process_time()
        index = SeismicIndexRaw.build(str(source), **settings)
        seconds = time.process_time() - began
        source.unlink()
        return index, seconds

    return open_or_build(folder, name_of("raw", settings), SeismicIndexRaw, build)


def open_dotvbyte(collection: Collection, folder: Path, settings: dict):
    def build():
        dataset = SeismicDataset()
        dataset.add_documents_by_id(
            [str(ordinal) for ordinal in range(collection.documents)],
            collection.terms.astype(np.int64),
            collection.impacts.astype(np.float32) * np.float32(collection.max_weight / 255),
            collection.indptr,
        )
        began = time.process_time()
        index = SeismicIndexDotVByte.build_from_dataset(dataset, num_threads=1, **settings)
        return index, time.process_time() - began

    return open_or_build(folder, name_of("dotvbyte", settings), SeismicIndexDotVByte, build)


def name_of(kind: str, settings: dict) -> str:
    return "-".join([kind, *(f"{value:g}" for value in settings.values())])


def open_or_build(folder: Path, name: str, kind, build):
    stem, seconds_file = folder / name, folder / f"{name}.seconds"
    if not seconds_file.exists():
        say(f"seismic {name}: building …")
        index, seconds = build()
        index.save(str(stem))
        seconds_file.write_text(f"{seconds}\n")
    # The raw kind takes the name as it is, the others put an ending to it.
    path = next(each for each in (folder / f"{name}.index.seismic", stem) if each.exists())
    return kind.load(str(path)), path.stat().st_size, read_seconds(seconds_file)


def raw_searches(index):
    def prepare(query: Query):
        return np.array(query.terms, dtype=np.int32), np.array(query.weights, dtype=np.float32) / QUERY_SCALE

    def searcher(query_cut: int, heap_factor: float, is_sorted: bool):
        def run(prepared):
            return index.search(prepared[0], prepared[1], K, query_cut, heap_factor, 0, is_sorted)

        return run, lambda answer: [int(ordinal) for _, ordinal in answer]

    return prepare, searcher


def token_searches(index):
    def prepare(query: Query):
        tokens = np.array([str(term) for term in query.terms], dtype=STRING)
        return tokens, np.array(query.weights, dtype=np.float32) / QUERY_SCALE

    def searcher(query_cut: int, heap_factor: float, is_sorted: bool):
        def run(prepared):
            return index.search(
                "q", prepared[0], prepared[1], k=K, query_cut=query_cut, heap_factor=heap_factor, sorted=is_sorted
            )

        return run, lambda answer: [int(ordinal) for _, _, ordinal in answer]

    return prepare, searcher


def settings_of(name: str) -> list[tuple[int, float, bool]]:
    return list(itertools.product(QUERY_CUTS[name], HEAP_FACTORS, (True, False)))


def measure(collection: Collection, label: str, opened, searches, built: dict, wanted: float, budget: float) -> None:
    index, size, seconds = opened
    prepare, searcher = searches(index)
    sets, chosen, tried = {}, [], []
    for name in SETS:

        def timed(setting, at_most: int = 1 << 30) -> dict:
            seconds = budget if at_most > SWEEP_QUERIES else math.inf
            return time_set(collection, name, prepare, searcher(*setting), True, seconds, at_most=at_most)

        options = [(timed(setting, SWEEP_QUERIES), setting) for setting in settings_of(name)]
        tried += [{"set": name, **describe(setting), **figures} for figures, setting in options]
        good = sorted((each for each in options if each[0]["recall"] >= wanted), key=lambda each: each[0]["p50"])
        say(f"seismic {label} {name}: {len(good)} of {len(options)} settings reach {wanted}")
        finalists = good[:FINALISTS] or [max(options, key=lambda each: each[0]["recall"])]
        for _, setting in finalists:
            sets[name] = timed(setting)
            if sets[name]["recall"] >= wanted:
                break
        chosen.append(f"{name}: {text_of(setting)}")
    print_row(
        {
            "engine": f"seismic, {label}",
            "version": version("pyseismic-lsr"),
            "settings": f"{'; '.join(chosen)}; built with " + ", ".join(f"{k} {v}" for k, v in built.items()),
            "isSameScore": True,
            "buildSeconds": seconds,
            "bytes": size,
            "sets": sets,
            "tried": tried,
        }
    )


def describe(setting: tuple[int, float, bool]) -> dict:
    return {"query_cut": setting[0], "heap_factor": setting[1], "sorted": setting[2]}


def text_of(setting: tuple[int, float, bool]) -> str:
    return ", ".join(f"{name} {value}" for name, value in describe(setting).items())


def main() -> None:
    arguments = parse_arguments(__doc__, recall="0.99", kinds="raw,dotvbyte", build="{}")
    collection = open_collection(arguments.folder)
    folder = collection.peers / "seismic"
    folder.mkdir(parents=True, exist_ok=True)
    wanted, budget = float(arguments.recall), arguments.budget
    built = {**DEFAULT_BUILD, **json.loads(arguments.build)}
    for kind, label, opens, searches in (
        ("raw", "raw", open_raw, raw_searches),
        ("dotvbyte", "DotVByte", open_dotvbyte, token_searches),
    ):
        if kind in arguments.kinds.split(","):
            opened = opens(collection, folder, built)
            if not arguments.build_only:
                measure(collection, label, opened, searches, built, wanted, budget)


if __name__ == "__main__":
    sys.exit(main())
