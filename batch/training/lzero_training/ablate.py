"""ablate: trains every given configuration with every seed on equal budgets and tabulates relevance against length.

The paper's arms are judged in its pure form: no lexical part, the model's own IDF table in the query, nothing pruned.
Documents are cut at the length that the arms were trained at; scifact is a cut (judged documents and BM25's first three
of each query), so figures here compare arms with one another and with nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .corpora import read_collection
from .encode import encode_sparse
from .evaluate import Bench, ServedOptions, figures_of, pooled_cut
from .lexical import LexicalOptions
from .model import SparseEncoder, load_encoder
from .paths import DATA, MODEL
from .settings import Settings, load_settings
from .train import Fixed, Trainer, pool_folder, run_folder

COLLECTIONS = ("scifact", "cranfield")
CUT_DEPTH = 3


def ablate(configs: Sequence[Path], seeds: Sequence[int], threads: int | None, keep: Callable[[list[dict]], None]) -> dict:
    """`keep` gets all rows after every run, so that a killed ablation leaves what it has. Finished runs are not repeated."""
    pure = ServedOptions(lexical=LexicalOptions(alpha=0.0), top=0)
    whole = {name: read_collection(DATA / name) for name in COLLECTIONS}
    benches = [Bench(pooled_cut(whole["scifact"], CUT_DEPTH), pure), Bench(whole["cranfield"], pure)]
    rows: list[dict] = []
    shared: dict[tuple, Fixed] = {}
    for seed in seeds:
        for config in configs:
            settings = load_settings(config, seed=seed, threads=threads)
            settings = replace(settings, name=f"{settings.name}-seed{seed}")
            folder = run_folder(settings)
            parts = (settings.pool, settings.lexical, settings.query_idf, settings.query_idf_floor, settings.mu)
            trainer = Trainer(settings, folder, pool_folder(settings), shared.get(parts))
            shared[parts] = trainer.fixed
            trainer.run()
            rows.append({**_described(config.stem, settings), "minutes": round(trainer.seconds / 60, 2)})
            _judge(rows[-1], load_encoder(folder / "weights"), settings, benches)
            keep(rows)
    if configs:
        settings = load_settings(configs[0], threads=threads)
        rows.append({"arm": "untrained", "steps": 0})
        _judge(rows[-1], load_encoder(MODEL / settings.checkpoint), settings, benches)
        keep(rows)
    return {
        "collections": {b.collection.name: {"documents": len(b.tokens), "queries": b.queries.shape[0]} for b in benches},
        "rows": rows, "arms": means_of(rows),
    }


def _described(arm: str, settings: Settings) -> dict:
    return {
        "arm": arm, "seed": settings.seed, "steps": settings.steps, "lambda": settings.flops, "t": settings.mask_threshold,
        "log1p": settings.log1p_count, "flopsLog1p": settings.flops_log1p_count or settings.log1p_count,
    }


def _judge(row: dict, model: SparseEncoder, settings: Settings, benches: Sequence[Bench]) -> None:
    for bench in benches:
        vectors = encode_sparse(model, bench.tokens, settings.log1p_count, settings.max_length)
        row[bench.collection.name] = figures_of(bench, vectors, bench.ndcg(vectors, bench.table_queries))


def means_of(rows: Sequence[dict]) -> dict[str, dict]:
    """arm -> mean over collections and seeds of NDCG@10, FLOPS and Doc_Len, and the spread of NDCG@10 between seeds."""
    arms: dict[str, dict] = {}
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = [row for row in rows if row["arm"] == arm]
        by_seed = [float(np.mean([row[name]["ndcg10"] for name in COLLECTIONS])) for row in mine]
        arms[arm] = {
            "runs": len(mine), "ndcg10": round(float(np.mean(by_seed)), 4),
            "spread": round(max(by_seed) - min(by_seed), 4),
            **{key: round(float(np.mean([row[name][key] for row in mine for name in COLLECTIONS])), 3) for key in ("flops", "docLen")},
        }
    return arms
