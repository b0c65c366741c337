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
NEIGHBOURS = 64


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
        self._of_passage = np.argsort(pool.query_passage, kind="stable")
        self._starts = np.searchsorted(pool.query_passage[self._of_passage], np.arange(len(pool.passages) + 1))
        sizes = np.sqrt(np.array([len(q) for q in self._by_source], float))
        if settings.sources:
            sizes *= [name in settings.sources for name in pool.sources]
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
        passages = np.unique(np.concatenate([self._draw_candidates(int(query)) for query in queries]))
        queries = np.concatenate([queries, self._more_queries(queries, passages)])
        positive = np.searchsorted(passages, self._pool.query_passage[queries])
        return Batch(queries, passages, positive.astype(np.int64), self._scores.combined(queries, passages))

    def _more_queries(self, queries: np.ndarray, passages: np.ndarray) -> np.ndarray:
        """One further query of each passage that has one: passages cost an encoder's work, queries cost nothing."""
        more = []
        taken = set(queries.tolist())
        for passage in passages:
            own = self._of_passage[self._starts[passage] : self._starts[passage + 1]]
            own = [query for query in own.tolist() if query not in taken]
            if own:
                more.append(int(self.rng.choice(own)))
        room = max(0, self._settings.most_queries - len(queries))
        return np.array(more[:room], dtype=np.int64)

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
