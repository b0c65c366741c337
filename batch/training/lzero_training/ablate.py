"""ablate: trains every given configuration with every seed on equal budgets and tabulates relevance against length.

The paper's arms are judged in its pure form: no lexical part, the model's own IDF table in the query, nothing pruned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .corpora import read_collection
from .encode import encode_sparse
from .evaluate import Bench, ServedOptions, figures_of
from .lexical import LexicalOptions
from .model import load_encoder
from .paths import DATA, RESULTS
from .plots import plot_ablation
from .settings import load_settings
from .train import Trainer, pool_folder, run_folder

COLLECTIONS = ("scifact", "cranfield")


def ablate(configs: Sequence[Path], seeds: Sequence[int], threads: int | None, say: Callable[[dict], None]) -> dict:
    pure = ServedOptions(lexical=LexicalOptions(alpha=0.0), top=0)
    benches = [Bench(read_collection(DATA / name), pure) for name in COLLECTIONS]
    rows = []
    for config in configs:
        for seed in seeds:
            settings = load_settings(config, seed=seed, threads=threads)
            settings = replace(settings, name=f"{settings.name}-seed{seed}")
            folder = run_folder(settings)
            if not (folder / "weights" / "model.safetensors").exists():
                Trainer(settings, folder, pool_folder(settings)).run()
            model = load_encoder(folder / "weights")
            row: dict = {"arm": config.stem, "seed": seed, "steps": settings.steps, "lambda": settings.flops, "t": settings.mask_threshold}
            for bench in benches:
                vectors = encode_sparse(model, bench.tokens, settings.log1p_count)
                row[bench.collection.name] = figures_of(bench, vectors, bench.ndcg(vectors, bench.table_queries))
            rows.append(row)
            say(row)
    plot_ablation(rows, RESULTS / "ablation.png")
    return {"collections": COLLECTIONS, "rows": rows}
