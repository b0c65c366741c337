"""BMP (pisa-engine, package bmp) over a collection: exact (alpha 1, beta 1), documents in the collection's order."""

import sys
import time
from importlib.metadata import version
from pathlib import Path

from bmp import Indexer, Searcher
from peer_common import K, SETS, Collection, Query, open_collection, parse_arguments, print_row, read_seconds, say, time_set


def build(collection: Collection, path: Path, block: int) -> float:
    """Writes the index; the time is that of its calls alone, not of making Python dictionaries."""
    partial = path.with_suffix(".part")
    began = time.process_time()
    indexer = Indexer(str(partial), bsize=block, compress_range=False)
    seconds = time.process_time() - began
    for row in range(collection.documents):
        begin, end = collection.indptr[row], collection.indptr[row + 1]
        vector = dict(zip(map(str, collection.terms[begin:end].tolist()), collection.impacts[begin:end].tolist()))
        began = time.process_time()
        indexer.add_document(str(row), vector)
        seconds += time.process_time() - began
    began = time.process_time()
    indexer.finish()
    seconds += time.process_time() - began
    partial.rename(path)
    path.with_suffix(".seconds").write_text(f"{seconds}\n")
    return seconds


def main() -> None:
    arguments = parse_arguments(__doc__, blocks="8,16,32")
    collection = open_collection(arguments.folder)
    folder = collection.peers / "bmp"
    folder.mkdir(parents=True, exist_ok=True)
    for block in map(int, arguments.blocks.split(",")):
        path = folder / f"blocks-{block}.bmp"
        if path.exists():
            seconds = read_seconds(path.with_suffix(".seconds"))
        else:
            say(f"bmp: building with blocks of {block} …")
            seconds = build(collection, path, block)
        if arguments.build_only:
            continue
        searcher = Searcher(str(path))

        def prepare(query: Query) -> dict[str, float]:
            return {str(term): float(weight) for term, weight in zip(query.terms, query.weights)}

        def run(prepared: dict[str, float]):
            return searcher.search(prepared, k=K, alpha=1.0, beta=1.0)

        search = (run, lambda answer: [int(ordinal) for ordinal in answer[0]])
        sets = {
            name: time_set(collection, name, prepare, search, True, arguments.budget) for name in SETS
        }
        print_row(
            {
                "engine": f"bmp, blocks of {block}",
                "version": version("bmp"),
                "settings": f"alpha 1, beta 1, bsize {block}, documents as they come; it rounds query weights to some 5 bits",
                "isSameScore": True,
                "buildSeconds": seconds,
                "bytes": path.stat().st_size,
                "sets": sets,
            }
        )


if __name__ == "__main__":
    sys.exit(main())
