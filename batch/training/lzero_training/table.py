"""table: the four rows of every collection, vectors as they are served, with paired randomisation tests.

    Porter BM25 · wordpiece BM25, blended IDF · untuned model + lexical part · trained model + lexical part

Enters: model folders and BEIR folders. Leaves: TREC runs, one JSON file and one Markdown table. Porter BM25 is computed
here; the other rows and every test come from the product's own `lzero eval` and `lzero compare`. A run that lies there
already is not made again: its name holds the model's fingerprint.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .bm25 import Bm25
from .corpora import Collection, left_out_collection, read_collection, read_lines
from .data import load_texts
from .measures import top_documents, write_run
from .paths import DATA

RUN_DEPTH = 100
TITLES = {
    "porter": "Porter BM25", "wordpiece": "wordpiece BM25, blended IDF",
    "untuned": "untuned + lexical", "trained": "trained + lexical",
}


@dataclass(frozen=True)
class Tools:
    """The product's command line and where runs and made collections are kept."""

    cli: Path
    cache: Path

    def call(self, *arguments: str) -> str:
        done = subprocess.run(["node", str(self.cli), *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"lzero {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout


def collection_folder(name: str, tools: Tools, pool: Path) -> Path:
    """scifact, cranfield, squad-N (N judged queries at even steps), `left-out`, or a BEIR folder's path."""
    if name == "left-out":
        folder = tools.cache / "left-out"
        if not folder.exists():
            write_collection(left_out_collection(load_texts(pool / "distractors.jsonl.gz")), folder)
        return folder
    whole, _, count = name.partition("-")
    if count.isdigit() and (DATA / whole).exists():
        folder = tools.cache / name
        if not folder.exists():
            sample_folder(DATA / whole, folder, int(count))
        return folder
    return DATA / name if (DATA / name).exists() else Path(name)


def sample_folder(source: Path, folder: Path, count: int) -> None:
    """Links to the corpus and the queries, and the judgements of `count` judged queries at even steps through the file."""
    with (source / "qrels" / "test.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    judged = {row["query-id"] for row in rows}
    order = [line["_id"] for line in read_lines(source / "queries.jsonl.gz") if line["_id"] in judged]
    kept = {order[i * len(order) // count] for i in range(min(count, len(order)))}
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl.gz", "queries.jsonl.gz"):
        (folder / name).symlink_to((source / name).resolve())
    lines = [f"{row['query-id']}\t{row['corpus-id']}\t{row['score']}\n" for row in rows if row["query-id"] in kept]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), encoding="utf-8")


def write_collection(collection: Collection, folder: Path) -> None:
    """A Collection in BEIR's layout; texts hold their titles."""
    (folder / "qrels").mkdir(parents=True)
    for stem, ids, texts in (
        ("corpus", collection.document_ids, collection.documents), ("queries", collection.query_ids, collection.queries),
    ):
        with gzip.open(folder / f"{stem}.jsonl.gz", "wt", encoding="utf-8") as out:
            for identifier, text in zip(ids, texts, strict=True):
                out.write(json.dumps({"_id": identifier, "text": text} | ({"title": ""} if stem == "corpus" else {})) + "\n")
    with (folder / "qrels" / "test.tsv").open("w", encoding="utf-8") as out:
        out.write("query-id\tcorpus-id\tscore\n")
        for query, grades in zip(collection.query_ids, collection.judgements, strict=True):
            out.writelines(f"{query}\t{collection.document_ids[d]}\t{grade}\n" for d, grade in grades.items())


def four_rows(
    collections: Sequence[str], trained: Path, untuned: Path, tools: Tools, pool: Path, runs: Path, say: Callable[[str], None],
    skip: Sequence[str] = (),
) -> dict:
    """Runs what is missing, measures everything and tests the trained row against each other one.

    skip: "collection:row" of runs that take too long here; the table says that they were not run.
    """
    runs.mkdir(parents=True, exist_ok=True)
    tables = []
    for name in collections:
        folder = collection_folder(name, tools, pool)
        paths = {row: runs / f"{folder.name}-{row}{_mark(row, trained, untuned)}.trec" for row in TITLES}
        if not paths["porter"].exists():
            say(f"{name}: Porter BM25")
            porter_run(read_collection(folder), paths["porter"])
        rows: dict[str, dict] = {}
        for row, encoder in (("wordpiece", "bm25"), ("untuned", str(untuned)), ("trained", str(trained))):
            figures = paths[row].with_suffix(".json")
            if f"{name}:{row}" in skip:
                continue
            if not figures.exists():
                say(f"{name}: {TITLES[row]}")
                tools.call(
                    "eval", "--data", str(folder), "--encoder", encoder, "--idf", "blend", "--threads", "1",
                    "--no-encode-cache", "--run", str(paths[row]), "--json", str(figures),
                )
            rows[row] = _kept(json.loads(figures.read_text(encoding="utf-8")))
        measured = tools.cache / "porter.json"
        tools.call("eval", "--data", str(folder), "--from-run", str(paths["porter"]), "--json", str(measured))
        rows = {"porter": _kept(json.loads(measured.read_text(encoding="utf-8"))), **rows}
        for row in [row for row in rows if row != "trained"]:
            found = json.loads(tools.call("compare", "--data", str(folder), str(paths["trained"]), str(paths[row]), "--json"))
            test = next(metric for metric in found["metrics"] if metric["metric"] == "ndcg@10")
            rows["trained"].setdefault("against", {})[row] = {
                "difference": round(test["difference"], 4), "p": round(test["pValue"], 4),
                **{key: test[key] for key in ("wins", "ties", "losses")},
            }
        tables.append({"collection": folder.name, "queries": rows["trained"]["queries"], "rows": rows})
        say(json.dumps(tables[-1]))
    return {
        "trained": _identity(trained), "untuned": _identity(untuned), "idf": "blend",
        "test": "paired randomisation on NDCG@10, two-sided", "tables": tables,
    }


def _identity(folder: Path) -> dict:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {"name": manifest["name"], "fingerprint": manifest["fingerprint"]}


def _mark(row: str, trained: Path, untuned: Path) -> str:
    folder = {"trained": trained, "untuned": untuned}.get(row)
    return "" if folder is None else f"-{_identity(folder)['fingerprint'][:8]}"


def _kept(record: dict) -> dict:
    wanted = ("queries", "documents", "ndcg@10", "recall@100", "mrr@10", "docLen", "queryTerms", "flops", "bytesPerPosting", "clipped")
    return {key: round(record[key], 4) if isinstance(record[key], float) else record[key] for key in wanted if key in record}


def porter_run(collection: Collection, path: Path) -> None:
    bm25 = Bm25(collection.documents)
    hits = top_documents(bm25.queries(collection.queries), bm25.weights, RUN_DEPTH)
    write_run(path, "porter-bm25", collection.query_ids, collection.document_ids, hits)


def markdown_of(result: dict) -> str:
    """The table as the results page shows it."""
    lines = []
    for table in result["tables"]:
        lines += [
            f"### {table['collection']} ({table['queries']} queries)", "",
            "| | NDCG@10 | Recall@100 | MRR@10 | Doc_Len | FLOPS | trained against it: wins/ties/losses | p |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        against = table["rows"]["trained"]["against"]
        for row, title in TITLES.items():
            if row not in table["rows"]:
                lines.append(f"| {title} | not run | | | | | | |")
                continue
            figures, test = table["rows"][row], against.get(row)
            length = f"{figures['docLen']:.0f}" if "docLen" in figures else ""
            cost = f"{figures['flops']:.2f}" if "flops" in figures else ""
            counts, p = ("", "") if test is None else (
                f"{test['wins']}/{test['ties']}/{test['losses']}", f"{test['p']:.4f}"
            )
            lines.append(
                f"| {title} | {figures['ndcg@10']:.4f} | {figures['recall@100']:.4f} | {figures['mrr@10']:.4f} | {length} | {cost} | {counts} | {p} |"
            )
        lines.append("")
    return "\n".join(lines)
