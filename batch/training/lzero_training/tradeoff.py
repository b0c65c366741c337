"""Arms of an ablation compared at equal FLOPS: each arm's NDCG@10 as a broken line over FLOPS, one line a seed.

Enters: rows of `ablate` with NDCG@10 of every query. Leaves: figures at common FLOPS, differences of pairs of arms seed by
seed, and paired tests over queries. A line is linear between two trained points and is never continued beyond the
outermost ones. The tests hold the trained models fixed: they say nothing of another seed, for which the differences by
seed stand beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ablate import COLLECTIONS
from .measures import paired_randomisation, wins_ties_losses

GRID = 41
"""Points over which a line's mean between two FLOPS is taken."""


@dataclass(frozen=True)
class Line:
    """flops [points] ascending, scores [points, queries]."""

    flops: np.ndarray
    scores: np.ndarray

    def at(self, flops: float) -> np.ndarray:
        """NDCG@10 of every query at `flops`. Raises ValueError outside of the line."""
        if not self.covers(flops):
            raise ValueError(f"{flops} lies outside of {self.flops[0]} to {self.flops[-1]}")
        return _weights(self.flops, flops) @ self.scores

    def between(self, low: float, high: float) -> np.ndarray:
        """The same as a mean over a range of FLOPS."""
        return np.mean([self.at(min(max(x, low), high)) for x in np.linspace(low, high, GRID)], axis=0)

    def covers(self, flops: float) -> bool:
        return bool(self.flops[0] - 1e-9 <= flops <= self.flops[-1] + 1e-9)


def _weights(flops: np.ndarray, x: float) -> np.ndarray:
    """Shares of the two neighbours; the nearest end where x is a rounding beyond it."""
    return np.array([np.interp(x, flops, unit) for unit in np.eye(len(flops))])


def line_of(rows: Sequence[dict], arm: str, seed: int, collection: str) -> Line:
    found = [row[collection] for row in rows if row["arm"] == arm and row["seed"] == seed]
    order = np.argsort([figures["flops"] for figures in found], kind="stable")
    return Line(np.array([found[i]["flops"] for i in order]), np.array([found[i]["perQuery"] for i in order]))


def overlap_of(lines: Sequence[Line]) -> tuple[float, float] | None:
    """The FLOPS that all lines cover; None where there are none."""
    low, high = max(line.flops[0] for line in lines), min(line.flops[-1] for line in lines)
    return (float(low), float(high)) if low < high else None


def common_points(rows: Sequence[dict], arms: Sequence[str], seeds: Sequence[int]) -> dict[str, dict]:
    """collection -> arms' NDCG@10, one a seed, at the ends and the middle of the FLOPS that all cover, and over all of them."""
    tables = {}
    for name in COLLECTIONS:
        lines = {arm: [line_of(rows, arm, seed, name) for seed in seeds] for arm in arms}
        overlap = overlap_of([line for some in lines.values() for line in some])
        if overlap is None:
            continue
        points = [overlap[0], sum(overlap) / 2, overlap[1]]
        tables[name] = {
            "flops": [round(x, 3) for x in points],
            "arms": {
                arm: {
                    "at": [[round(float(line.at(x).mean()), 4) for line in some] for x in points],
                    "mean": [round(float(line.between(*overlap).mean()), 4) for line in some],
                }
                for arm, some in lines.items()
            },
        }
    return tables


def compare_pair(rows: Sequence[dict], better: str, other: str, seeds: Sequence[int]) -> dict:
    """better − other over the FLOPS that both arms cover with every seed; p over queries of the mean over seeds."""
    result: dict = {"arm": better, "against": other}
    parts = []
    for name in COLLECTIONS:
        lines = [[line_of(rows, arm, seed, name) for seed in seeds] for arm in (better, other)]
        overlap = overlap_of([line for some in lines for line in some])
        if overlap is None:
            continue
        a, b = (np.array([line.between(*overlap) for line in some]) for some in lines)
        parts.append((a.mean(axis=0), b.mean(axis=0)))
        result[name] = {"flops": [round(x, 3) for x in overlap], **_tested(a, b)}
    if len(parts) == len(COLLECTIONS):
        result["all"] = _test(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
    return result


def compare_runs(rows: Sequence[dict], arm: str, against: str) -> dict:
    """An arm whose FLOPS λ hardly moves: each of its runs against the other arm's line at the run's own FLOPS.

    Means over a seed's runs, then over seeds; runs outside of the line are left out and `runs` says how many are in.
    """
    result: dict = {"arm": arm, "against": against}
    parts = []
    for name in COLLECTIONS:
        by_seed: dict[int, list[tuple[float, np.ndarray, np.ndarray]]] = {}
        for row in rows:
            if row["arm"] == arm:
                line, flops = line_of(rows, against, row["seed"], name), row[name]["flops"]
                if line.covers(flops):
                    by_seed.setdefault(row["seed"], []).append((flops, np.array(row[name]["perQuery"]), line.at(flops)))
        if not by_seed:
            continue
        flops = [run[0] for runs in by_seed.values() for run in runs]
        a, b = (np.array([np.mean([run[side] for run in runs], axis=0) for runs in by_seed.values()]) for side in (1, 2))
        parts.append((a.mean(axis=0), b.mean(axis=0)))
        result[name] = {"flops": [round(min(flops), 3), round(max(flops), 3)], "runs": len(flops), **_tested(a, b)}
    if len(parts) == len(COLLECTIONS):
        result["all"] = _test(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
    return result


def compare_point(row: dict, rows: Sequence[dict], against: str) -> dict:
    """One run against the line of an arm with the same seed, at the run's own FLOPS."""
    result: dict = {"arm": row["arm"], "seed": row["seed"], "against": against}
    for name in COLLECTIONS:
        line = line_of(rows, against, row["seed"], name)
        flops = row[name]["flops"]
        if not line.covers(flops):
            result[name] = {"flops": flops, "outside": [round(float(line.flops[0]), 3), round(float(line.flops[-1]), 3)]}
            continue
        result[name] = {"flops": flops, **_test(np.array(row[name]["perQuery"]), line.at(flops))}
    return result


def _tested(a: np.ndarray, b: np.ndarray) -> dict:
    """a and b [seeds, queries]."""
    return {"bySeed": [round(float(d), 4) for d in (a - b).mean(axis=1)], **_test(a.mean(axis=0), b.mean(axis=0))}


def _test(a: np.ndarray, b: np.ndarray) -> dict:
    wins, ties, losses = wins_ties_losses(a, b)
    return {"difference": round(float((a - b).mean()), 4), "p": round(paired_randomisation(a, b), 4), "wins": wins, "ties": ties, "losses": losses}
