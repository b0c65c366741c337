"""SQLite FTS5 over a collection's texts: BM25, any of the query's words, stop words out of documents and queries."""

import re
import sqlite3
import sys
import time

from peer_common import K, SETS, Collection, Query, open_collection, parse_arguments, print_row, read_seconds, read_texts, say, time_set

# The default English stop words of Lucene's StandardAnalyzer.
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with".split()
)
WORD = re.compile(r"\w+")
CACHE_KIB = 2_000_000


def words_of(text: str) -> list[str]:
    return [word for word in WORD.findall(text.lower()) if word not in STOP_WORDS]


def build(collection: Collection, path) -> float:
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    database = sqlite3.connect(partial)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    # Contentless: the text itself would be counted to the index.
    database.execute("CREATE VIRTUAL TABLE documents USING fts5(text, content='', tokenize='porter unicode61')")
    began = time.process_time()
    rows = ((row, " ".join(words_of(text))) for row, text in enumerate(read_texts(collection.folder)))
    database.executemany("INSERT INTO documents(rowid, text) VALUES (?, ?)", rows)
    database.execute("INSERT INTO documents(documents) VALUES ('optimize')")
    database.commit()
    seconds = time.process_time() - began
    database.close()
    partial.rename(path)
    path.with_suffix(".seconds").write_text(f"{seconds}\n")
    return seconds


def main() -> None:
    arguments = parse_arguments(__doc__)
    collection = open_collection(arguments.folder)
    folder = collection.peers / "fts5"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.sqlite"
    if path.exists():
        seconds = read_seconds(path.with_suffix(".seconds"))
    else:
        say("fts5: building …")
        seconds = build(collection, path)
    if arguments.build_only:
        return
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    database.execute(f"PRAGMA mmap_size = {4 << 30}")
    statement = f"SELECT rowid FROM documents WHERE documents MATCH ? ORDER BY rank LIMIT {K}"

    def prepare(query: Query) -> str:
        words = dict.fromkeys(words_of(query.text)) or {"nothing": None}
        return " OR ".join(f'"{word}"' for word in words)

    def run(prepared: str):
        return database.execute(statement, (prepared,)).fetchall()

    search = (run, lambda answer: [row for (row,) in answer])
    sets = {name: time_set(collection, name, prepare, search, False, arguments.budget) for name in SETS}
    print_row(
        {
            "engine": "SQLite FTS5",
            "version": sqlite3.sqlite_version,
            "settings": "BM25, porter unicode61, contentless, optimized, any word, stop words out",
            "isSameScore": False,
            "buildSeconds": seconds,
            "bytes": path.stat().st_size,
            "sets": sets,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
