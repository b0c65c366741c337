import gzip
import json

import pytest

from lzero_training import table
from lzero_training.corpora import Collection, read_collection


@pytest.fixture
def collection():
    return Collection("c", ["a", "b", "c"], ["alpha beta", "beta gamma", "delta"], ["q1", "q2"], ["beta", "delta"], [{0: 1, 1: 2}, {2: 1}])


def test_a_written_collection_reads_back(collection, tmp_path):
    table.write_collection(collection, tmp_path / "c")
    assert read_collection(tmp_path / "c") == collection


def test_a_sample_takes_judged_queries_at_even_steps_and_keeps_the_corpus(collection, tmp_path):
    source = tmp_path / "whole"
    many = Collection(
        "whole", collection.document_ids, collection.documents, [f"q{i}" for i in range(10)], [f"text {i}" for i in range(10)],
        [{i % 3: 1} for i in range(10)],
    )
    table.write_collection(many, source)
    with gzip.open(source / "queries.jsonl.gz", "at", encoding="utf-8") as out:
        out.write(json.dumps({"_id": "unjudged", "text": "x"}) + "\n")
    table.sample_folder(source, tmp_path / "cut", 4)
    cut = read_collection(tmp_path / "cut")
    assert cut.query_ids == ["q0", "q2", "q5", "q7"]
    assert cut.documents == many.documents


def test_porter_runs_rank_by_stems(collection, tmp_path):
    table.porter_run(collection, tmp_path / "run.trec")
    lines = [line.split()[:4] for line in (tmp_path / "run.trec").read_text().splitlines()]
    assert {(q, d) for q, _, d, _ in lines} == {("q1", "a"), ("q1", "b"), ("q2", "c")}


class FakeTools(table.Tools):
    """Answers as the command line would, from fixed figures."""

    def call(self, *arguments):
        if arguments[0] == "compare":
            metric = {"metric": "ndcg@10", "difference": 0.01, "pValue": 0.25, "wins": 2, "ties": 0, "losses": 1}
            return json.dumps({"metrics": [{**metric, "metric": "mrr@10", "pValue": 1}, metric]})
        out = arguments[arguments.index("--json") + 1]
        with open(out, "w") as file:
            json.dump({"queries": 2, "ndcg@10": 0.5, "recall@100": 1, "mrr@10": 0.75, "docLen": 12.4, "flops": 0.5}, file)
        return ""


def test_the_table_has_four_rows_and_three_tests(collection, tmp_path):
    table.write_collection(collection, tmp_path / "c")
    for name in ("trained", "untuned"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps({"name": name, "fingerprint": name * 4}))
    tools = FakeTools(tmp_path / "cli.js", tmp_path)
    result = table.four_rows([str(tmp_path / "c")], tmp_path / "trained", tmp_path / "untuned", tools, tmp_path, tmp_path / "runs", print)
    rows = result["tables"][0]["rows"]
    assert list(rows) == ["porter", "wordpiece", "untuned", "trained"]
    assert rows["trained"]["against"]["porter"] == {"difference": 0.01, "p": 0.25, "wins": 2, "ties": 0, "losses": 1}
    text = table.markdown_of(result)
    assert "| untuned + lexical | 0.5000 | 1.0000 | 0.7500 | 12 | 0.50 | 2/0/1 | 0.2500 |" in text
    assert "| trained + lexical | 0.5000 | 1.0000 | 0.7500 | 12 | 0.50 |  |  |" in text
    skipped = [f"{tmp_path / 'c'}:untuned"]
    result = table.four_rows([str(tmp_path / "c")], tmp_path / "trained", tmp_path / "untuned", tools, tmp_path, tmp_path / "runs", print, skipped)
    assert "| untuned + lexical | not run |" in table.markdown_of(result)
