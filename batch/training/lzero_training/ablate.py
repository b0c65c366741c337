"""ablate: trains every point of a plan with every seed on equal budgets and judges it in the paper's pure form.

Enters: a plan (configurations, settings to vary, seeds). Leaves: one row a point, with NDCG@10 of every query. Pure form:
no lexical part, the model's own IDF table in the query, nothing pruned. Documents are cut at the length that the arms were
trained at; scifact is a cut (judged documents and BM25's first three of each query), so figures here compare arms with one
another and with nothing else. What is trained and judged is kept with its run and not repeated.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from .corpora import read_collection
from .encode import encode_sparse
from .evaluate import Bench, ServedOptions, figures_of, pooled_cut
from .lexical import LexicalOptions
from .model import SparseEncoder, load_encoder
from .paths import CACHE, DATA, MODEL
from .settings import Settings, load_settings
from .train import Fixed, Trainer, pool_folder, run_folder

COLLECTIONS = ("scifact", "cranfield")
CUT_DEPTH = 3
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Point:
    """One run: a configuration, the settings that the plan changes in it, a seed."""

    part: str
    config: Path
    changes: dict[str, object]
    seed: int

    def settings(self, threads: int | None = None) -> Settings:
        settings = load_settings(self.config, seed=self.seed, threads=threads, **self.changes)
        changed = "".join(f"-{key}-{value:g}" if isinstance(value, float) else f"-{key}-{value}" for key, value in sorted(self.changes.items()))
        return replace(settings, name=f"{settings.name}{changed}-seed-{self.seed}")


def read_plan(path: Path, parts: Sequence[str] | None = None) -> list[Point]:
    """The plan's points, part by part, the first seed of a part before its second.

    Every entry names a `config` (a file beside the others in configs/ablation) and `seeds`; its other keys are settings,
    and lists of values are taken in all combinations. Raises KeyError for a part that the plan does not have.
    """
    plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in parts or ():
        if name not in plan["parts"]:
            raise KeyError(f"{path}: no part {name!r}; it has {', '.join(plan['parts'])}")
    points: list[Point] = []
    for part, entries in plan["parts"].items():
        if parts is None or part in parts:
            of_part = [point for entry in entries for point in _points_of(part, entry, path.parent / plan["configs"])]
            points += sorted(of_part, key=lambda point: point.seed)
    return points


def _points_of(part: str, entry: dict, folder: Path) -> Iterator[Point]:
    varied = {key: value if isinstance(value, list) else [value] for key, value in entry.items() if key not in ("config", "seeds")}
    for seed in entry["seeds"]:
        for values in itertools.product(*varied.values()):
            yield Point(part, folder / f"{entry['config']}.yaml", dict(zip(varied, values, strict=True)), seed)


def ablate(points: Sequence[Point], threads: int | None, say: Callable[[dict], None]) -> list[dict]:
    """Rows in the order of the points, then the untrained checkpoint with one and two log1p; `say` gets each for a log."""
    judge = Judge()
    rows: list[dict] = []
    shared: dict[tuple, Fixed] = {}
    for point in points:
        settings = point.settings(threads)
        rows.append({"part": point.part, **_run_point(point.config.stem, settings, judge, shared)})
        say(without_queries(rows[-1:])[0])
    if points:
        settings = points[0].settings(threads)
        for count in (1, 2):
            folder = CACHE / "runs" / f"ablation-{UNTRAINED}-{count}"
            told = {"log1p": count, "max_length": settings.max_length, "checkpoint": settings.checkpoint}
            row = {"arm": UNTRAINED if count == 1 else f"{UNTRAINED}, activation", "steps": 0, "log1p": count}
            rows.append(_judged(folder, told, row, lambda n=count: judge(load_encoder(MODEL / settings.checkpoint), n, settings.max_length)))
            say(without_queries(rows[-1:])[0])
    return rows


def _run_point(arm: str, settings: Settings, judge: Judge, shared: dict[tuple, Fixed]) -> dict:
    folder = run_folder(settings)
    row = {
        "arm": arm, "seed": settings.seed, "steps": settings.steps, "lambda": settings.flops, "t": settings.mask_threshold,
        "log1p": settings.log1p_count, "flopsLog1p": settings.flops_log1p_count or settings.log1p_count,
    }

    def train_and_judge() -> dict:
        parts = (settings.pool, settings.lexical, settings.query_idf, settings.query_idf_floor, settings.mu)
        trainer = Trainer(settings, folder, pool_folder(settings), shared.get(parts))
        shared[parts] = trainer.fixed
        trainer.run()
        return {"minutes": round(trainer.seconds / 60, 2), **judge(trainer.kept(), settings.log1p_count, settings.max_length)}

    return _judged(folder, {**settings.as_dict(), "threads": None}, row, train_and_judge)


def _judged(folder: Path, settings: dict, row: dict, make: Callable[[], dict]) -> dict:
    """The row kept in the folder, or made now. `allMinutes`: processor minutes with setup and judging.

    A setting that came after the row was made counts as its default, of which a run knew nothing. Raises ValueError where
    what is kept is of other settings.
    """
    defaults = json.loads(json.dumps(Settings(name="").as_dict()))
    path = folder / "judged.json"
    settings = json.loads(json.dumps(settings))
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        added = {key: value for key, value in defaults.items() if key in settings and key not in kept["settings"]}
        if {**kept["settings"], **added} != settings:
            raise ValueError(f"{path} was written with other settings; remove its folder or name the run otherwise")
        return kept["row"]
    started = time.process_time()
    row = {**row, **make()}
    row["allMinutes"] = max(row.get("minutes", 0.0), round((time.process_time() - started) / 60, 2))
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"settings": settings, "row": row}) + "\n", encoding="utf-8")
    return row


class Judge:
    """The collections, read when the first run is to be judged; figures and NDCG@10 of every query of each."""

    def __init__(self, benches: Sequence[Bench] | None = None) -> None:
        self._benches = benches

    def benches(self) -> Sequence[Bench]:
        if self._benches is None:
            pure = ServedOptions(lexical=LexicalOptions(alpha=0.0, stem_share=0.0), top=0, query_idf_floor=0.0)
            whole = {name: read_collection(DATA / name) for name in COLLECTIONS}
            self._benches = [Bench(pooled_cut(whole["scifact"], CUT_DEPTH), pure), Bench(whole["cranfield"], pure)]
        return self._benches

    def __call__(self, model: SparseEncoder, log1p_count: int, max_length: int) -> dict:
        row: dict = {}
        for bench in self.benches():
            vectors = encode_sparse(model, bench.tokens, log1p_count, max_length)
            per_query = bench.ndcg(vectors, bench.table_queries)
            row[bench.collection.name] = {
                **figures_of(bench, vectors, per_query, bench.table_queries),
                "documents": len(bench.tokens), "perQuery": [round(float(value), 4) for value in per_query],
            }
        return row


def without_queries(rows: Sequence[dict]) -> list[dict]:
    """The rows for a table: no figures of single queries."""
    return [
        {key: {k: v for k, v in value.items() if k != "perQuery"} if key in COLLECTIONS else value for key, value in row.items()}
        for row in rows
    ]


def minutes_of(rows: Sequence[dict]) -> float:
    """Processor minutes of all runs, each once: a run may stand in two parts."""
    spent = {(row["arm"], row.get("seed"), row.get("lambda"), row.get("t")): row["allMinutes"] for row in rows}
    return round(float(np.sum(list(spent.values()))), 1)
