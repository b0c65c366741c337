"""Draws training batches: one source each, neighbouring queries half the time, candidates from the teachers' lists.

Enters: a pool, its candidates and teacher scores. Leaves: Batch arrays of positions; no tokens, no gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .data import Pool
from .settings import Settings
from .teachers import TeacherScores

HARD_CANDIDATES = 16
NEIGHBOURS = 48


@dataclass(frozen=True)
class Batch:
    """queries [Q] and passages [D] by pool position; positive [Q] columns; teacher float32 [Q, D] in 0..30."""

    queries: np.ndarray
    passages: np.ndarray
    positive: np.ndarray
    teacher: np.ndarray


class BatchSource:
    def __init__(self, pool: Pool, scores: TeacherScores, folder: Path, settings: Settings, rng: np.random.Generator) -> None:
        self._pool, self._scores, self._settings, self.rng = pool, scores, settings, rng
        self._candidates = np.load(folder / "candidates.npz")["ids"]
        self._by_source = [np.flatnonzero(pool.query_source == s) for s in range(len(pool.sources))]
        sizes = np.sqrt(np.array([len(q) for q in self._by_source], float))
        self._share = sizes / sizes.sum()

    def draw(self) -> Batch:
        settings, rng = self._settings, self.rng
        among = self._by_source[rng.choice(len(self._share), p=self._share)]
        seed = int(rng.choice(among))
        count = min(settings.queries_per_step, len(among))
        if rng.random() < settings.topic_share:
            near = self._scores.query_neighbours(seed, among, NEIGHBOURS)
            others = rng.choice(near[near != seed], min(count - 1, len(near) - 1), replace=False)
        else:
            others = rng.choice(among[among != seed], count - 1, replace=False)
        queries = np.concatenate([[seed], others]).astype(np.int64)
        chosen = [self._draw_candidates(int(query)) for query in queries]
        passages, inverse = np.unique(np.concatenate(chosen), return_inverse=True)
        starts = np.concatenate([[0], np.cumsum([len(c) for c in chosen])[:-1]])
        return Batch(queries, passages, inverse[starts].astype(np.int64), self._scores.combined(queries, passages))

    def _draw_candidates(self, query: int) -> np.ndarray:
        """The labelled passage first, then hard and less hard ones."""
        settings = self._settings
        positive = self._pool.query_passage[query]
        listed = self._candidates[query]
        listed = listed[(listed >= 0) & (listed != positive)]
        wanted = settings.candidates - 1
        hard = min(round(wanted * settings.hard_share), len(listed[:HARD_CANDIDATES]))
        first = self.rng.choice(listed[:HARD_CANDIDATES], hard, replace=False)
        rest = listed[HARD_CANDIDATES:]
        second = self.rng.choice(rest, min(wanted - hard, len(rest)), replace=False)
        return np.concatenate([[positive], first, second])
