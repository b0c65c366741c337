"""evaluate: NDCG@10 of document vectors on BEIR folders, in four rows, with paired tests.

    Porter BM25 · WordPiece lexical part with blended IDF · untuned + lexical · trained + lexical

Enters: encoders and collections. Leaves: figures as plain dictionaries, run files where asked. `served` vectors are the
product's: int8 graph, lexical part, pruned by IDF_j · d_j, quantized to impacts; query weights round(256 · idf).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .bm25 import Bm25
from .corpora import Collection, left_out_collection, read_collection
from .data import load_texts
from .encode import encode_sparse
from .lexical import (
    LexicalOptions, blended_idf, document_frequencies, lexical_part, load_idf, prune, query_matrix, term_frequencies,
)
from .measures import flops, mean_length, ndcg_of, paired_randomisation, top_documents, wins_ties_losses, write_run
from .model import SparseEncoder
from .paths import DATA
from .text import Ragged, tokenize

QUERY_SCALE = 256
"""q_j = round(256 · idf_j), as the engine scores."""
IMPACT_LEVELS = 255


@dataclass(frozen=True)
class ServedOptions:
    """How document vectors reach the index. `top` 0 keeps all; `max_weight` 0 leaves floats."""

    lexical: LexicalOptions = LexicalOptions(alpha=1.0)
    mu: float = 2000.0
    query_idf_floor: float = 3.0
    top: int = 256
    threshold: float = 2.0
    max_weight: float = 0.0


class Bench:
    """One collection, tokenized once, its lexical part and query vectors ready."""

    def __init__(self, collection: Collection, options: ServedOptions, statistics: Ragged | None = None) -> None:
        """statistics: the tokens whose document frequencies the IDF comes from, where not the collection's own."""
        self.collection, self.options = collection, options
        self.table = load_idf()
        self.tokens = tokenize(collection.documents)
        frequencies = term_frequencies(statistics if statistics is not None else self.tokens)
        self.idf = blended_idf(self.table, document_frequencies(frequencies), frequencies.shape[0], options.mu)
        query_tokens = tokenize(collection.queries)
        self.queries = query_matrix(query_tokens, self.idf, options.query_idf_floor, self.table)
        self.table_queries = query_matrix(query_tokens, self.table, 0)
        self.lexical = lexical_part(self.tokens, options.lexical)

    def served(self, neural: sp.csr_matrix | None) -> sp.csr_matrix:
        """Adds the lexical part, prunes, quantizes. None: the lexical part alone, unpruned."""
        if neural is None:
            return self.lexical
        vectors = (neural + self.lexical).tocsr()
        if self.options.top:
            vectors = prune(vectors, self.table, self.options.top, self.options.threshold)
        return quantize(vectors, self.options.max_weight) if self.options.max_weight else vectors

    def scored_queries(self) -> sp.csr_matrix:
        queries = self.queries.copy()
        if self.options.max_weight:
            queries.data = np.rint(queries.data * QUERY_SCALE)
        return queries

    def ndcg(self, documents: sp.csr_matrix, queries: sp.csr_matrix | None = None) -> np.ndarray:
        return ndcg_of(self.scored_queries() if queries is None else queries, documents, self.collection.judgements)

    def porter(self) -> np.ndarray:
        bm25 = Bm25(self.collection.documents)
        return ndcg_of(bm25.queries(self.collection.queries), bm25.weights, self.collection.judgements)


def quantize(vectors: sp.csr_matrix, max_weight: float) -> sp.csr_matrix:
    """Linear 8-bit impacts; a weight that rounds to 0 is dropped, one over max_weight clipped."""
    result = vectors.copy()
    result.data = np.clip(np.floor(vectors.data * (IMPACT_LEVELS / max_weight) + 0.5), 0, IMPACT_LEVELS).astype(np.float32)
    result.eliminate_zeros()
    return result


def figures_of(bench: Bench, documents: sp.csr_matrix, per_query: np.ndarray, queries: sp.csr_matrix | None = None) -> dict:
    """queries: those that were scored, where not the bench's own; FLOPS count their terms."""
    return {
        "ndcg10": round(float(per_query.mean()), 4),
        "docLen": round(mean_length(documents), 1),
        "longest": int(np.diff(documents.indptr).max()),
        "flops": round(flops(bench.queries if queries is None else queries, documents), 3),
    }


def four_rows(bench: Bench, untuned: sp.csr_matrix, trained: sp.csr_matrix, runs: Path | None = None) -> dict:
    """The table of one collection; p-values compare the trained row with each other one."""
    porter = bench.porter()
    rows: dict[str, dict] = {"porterBm25": {"ndcg10": round(float(porter.mean()), 4)}}
    scores = {"porterBm25": porter}
    for name, neural in (("lexical", None), ("untuned", untuned), ("trained", trained)):
        documents = bench.served(neural)
        queries = bench.queries if neural is None else None
        scores[name] = bench.ndcg(documents, queries)
        rows[name] = figures_of(bench, documents, scores[name])
        if runs is not None:
            runs.mkdir(parents=True, exist_ok=True)
            write_run(
                runs / f"{bench.collection.name}-{name}.trec", f"lzero-{name}", bench.collection.query_ids,
                bench.collection.document_ids, top_documents(bench.scored_queries() if queries is None else queries, documents, 100),
            )
    for name in ("porterBm25", "lexical", "untuned"):
        wins, ties, losses = wins_ties_losses(scores["trained"], scores[name])
        rows["trained"][f"against_{name}"] = {
            "p": round(paired_randomisation(scores["trained"], scores[name]), 4), "wins": wins, "ties": ties, "losses": losses,
        }
    return {"collection": bench.collection.name, "queries": len(scores["trained"]), "documents": len(bench.tokens), "rows": rows}


def collection_named(name: str, pool: Path, sample: int | None = None) -> Collection:
    """scifact, cranfield, squad[-N] from shared/data, `left-out` from the pool, or any BEIR folder's path."""
    if name == "left-out":
        return left_out_collection(load_texts(pool / "distractors.jsonl.gz"))
    folder = DATA / name if (DATA / name).exists() else Path(name)
    return read_collection(folder, sample=sample)


class QuickDev:
    """Small cuts of the three selection collections, for the curve while training; not for the final choice."""

    def __init__(self, pool: Path, options: ServedOptions) -> None:
        whole = read_collection(DATA / "scifact")
        self._benches = [
            Bench(read_collection(DATA / "cranfield"), options),
            Bench(pooled_cut(whole, 3), options, tokenize(whole.documents)),
            Bench(pooled_cut(collection_named("left-out", pool), 1, 300), options),
        ]

    def __call__(self, model: SparseEncoder) -> dict:
        result: dict = {}
        lengths = []
        for bench in self._benches:
            neural = encode_sparse(model, bench.tokens, 2)
            documents = bench.served(neural)
            name = bench.collection.name
            result[name] = round(float(bench.ndcg(documents).mean()), 4)
            result[f"{name}L0"] = round(float(bench.ndcg(neural).mean()), 4)
            lengths.append(mean_length((neural + bench.lexical).tocsr()))
        result["lengthBeforePruning"] = round(float(np.mean(lengths)), 1)
        result["mean"] = round(float(np.mean([result[b.collection.name] for b in self._benches])), 4)
        return result


def pooled_cut(collection: Collection, depth: int, queries: int | None = None) -> Collection:
    """The judged documents and BM25's first `depth` of each query: far fewer documents, about the same order."""
    bm25 = Bm25(collection.documents)
    keep = range(len(collection.queries)) if queries is None else range(min(queries, len(collection.queries)))
    texts = [collection.queries[i] for i in keep]
    chosen = {document for i in keep for document in collection.judgements[i]}
    for order, _ in top_documents(bm25.queries(texts), bm25.weights, depth):
        chosen.update(int(d) for d in order)
    kept = sorted(chosen)
    position = {document: index for index, document in enumerate(kept)}
    return Collection(
        collection.name, [collection.document_ids[d] for d in kept], [collection.documents[d] for d in kept],
        [collection.query_ids[i] for i in keep], texts,
        [{position[d]: g for d, g in collection.judgements[i].items()} for i in keep],
    )


def encode_onnx(model: Path, rows: Ragged, max_length: int, progress: Callable[[int], None] = lambda n: None) -> sp.csr_matrix:
    """Vectors of an exported graph, in the order of the rows."""
    from exporter.running import GraphRunner

    from .text import CLS, SEP, VOCABULARY_SIZE

    runner = GraphRunner(model.read_bytes())
    framed = [[CLS, *rows[i][: max_length - 2].tolist(), SEP] for i in range(len(rows))]
    vectors, _ = runner.vectors(framed, progress)
    indptr = np.concatenate([[0], np.cumsum([len(v) for v in vectors])])
    return sp.csr_matrix(
        (
            np.fromiter((w for v in vectors for w in v.values()), np.float32, int(indptr[-1])),
            np.fromiter((t for v in vectors for t in v), np.int32, int(indptr[-1])), indptr,
        ),
        shape=(len(rows), VOCABULARY_SIZE),
    )
