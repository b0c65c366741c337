"""train: fine-tunes the document encoder as a residual on top of the lexical part.

    score(q, d) = Σ_{j ∈ q} idf_j · (l0_j(d) + α · tfsat_j(d))

Enters: a pool with cached teachers and one Settings. Leaves in runs/<name>: log.jsonl, state.pt (to resume) and
weights folders in the checkpoint layout (step-N with the dev figures of that step). A killed run goes on where its last
state was written. Times are processor times: on a busy or stopped machine a budget buys the same number of steps.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from . import losses
from .batches import Batch, BatchSource
from .data import Pool, load_pool
from .lexical import blended_idf, document_frequencies, lexical_part, load_idf, query_matrix, term_frequencies
from .model import SparseEncoder, dense_weights, load_encoder, pad_rows, save_encoder
from .paths import CACHE, MODEL
from .settings import Settings
from .teachers import TeacherScores
from .text import VOCABULARY_SIZE

LOG_EVERY = 25


@dataclass
class Fixed:
    """What does not change while training: query vectors and lexical parts of the whole pool."""

    pool: Pool
    queries: sp.csr_matrix
    lexical: sp.csr_matrix


def fixed_parts(pool: Pool, settings: Settings) -> Fixed:
    """Query vectors use each source's own document frequencies, as an index of that source alone would."""
    table = load_idf()
    blocks = np.zeros(len(pool.queries), np.int64)
    parts = []
    frequencies = term_frequencies(pool.passages)
    at = 0
    for source in range(len(pool.sources)):
        members = np.flatnonzero(pool.query_source == source)
        passages = np.flatnonzero(pool.passage_source == source)
        idf = source_idf(table, frequencies[passages], settings)
        all_rows = type(pool.queries).of(pool.queries[i] for i in members)
        parts.append(query_matrix(all_rows, idf, settings.query_idf_floor, table))
        blocks[members] = np.arange(at, at + len(members))
        at += len(members)
    queries = sp.vstack(parts).tocsr()[blocks]
    lexical = lexical_part(pool.passages, settings.lexical) if settings.lexical.alpha > 0 else sp.csr_matrix(
        (len(pool.passages), VOCABULARY_SIZE), dtype=np.float32
    )
    return Fixed(pool, queries, lexical)


def source_idf(table: np.ndarray, frequencies: sp.csr_matrix, settings: Settings) -> np.ndarray:
    if settings.query_idf == "table":
        return table
    if settings.query_idf == "none":
        return np.ones_like(table)
    return blended_idf(table, document_frequencies(frequencies), frequencies.shape[0], settings.mu)


class Trainer:
    def __init__(self, settings: Settings, folder: Path, pool_folder: Path, fixed: Fixed | None = None) -> None:
        """fixed: another trainer's, where both have the same pool, lexical part and query weights."""
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.settings, self.folder = settings, folder
        self.fixed = fixed_parts(load_pool(pool_folder), settings) if fixed is None else fixed
        self.batches = BatchSource(
            self.fixed.pool, TeacherScores(pool_folder, settings.teachers, settings.teacher_weights), pool_folder, settings, np.random.default_rng(settings.seed)
        )
        self.model = load_encoder(CACHE / "runs" / settings.start / "weights" if settings.start else MODEL / settings.checkpoint)
        self.anchor = load_encoder(MODEL / settings.checkpoint).eval() if settings.anchor > 0 else None
        words = self.model.body.words.weight
        words.requires_grad_(settings.embedding_learning_rate > 0)
        rest = [p for p in self.model.parameters() if p is not words]
        self.log_scale = torch.nn.Parameter(torch.tensor(math.log(settings.score_scale)))
        groups = [
            {"params": rest, "base": settings.learning_rate},
            {"params": [self.log_scale], "base": settings.scale_learning_rate},
        ]
        if words.requires_grad:
            groups.append({"params": [words], "base": settings.embedding_learning_rate})
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.0)
        self.mean = copy.deepcopy(self.model).requires_grad_(False).eval() if settings.average > 0 else None
        self.step, self.seconds = 0, 0.0

    def progress(self) -> float:
        """0 to 1, by steps or by processor time."""
        if self.settings.minutes is not None:
            return min(1.0, self.seconds / (60 * self.settings.minutes))
        return min(1.0, self.step / self.settings.steps)

    def run(self, evaluate: Callable[[SparseEncoder], dict] | None = None, say: Callable[[dict], None] = lambda row: None) -> None:
        """Trains to the end of the schedule. `evaluate` gives dev figures, `say` gets every logged row."""
        settings = self.settings
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        sums: dict[str, float] = {}
        last_state = self.seconds
        self.model.train()
        while (done := self.progress()) < 1:
            started = time.process_time()
            for group in self.optimizer.param_groups:
                group["lr"] = group["base"] * min(1.0, (done + 1e-3) / settings.warm_up, (1 - done) / (1 - settings.warm_up))
            figures = self._train_step(done)
            self.step += 1
            self._take_mean()
            self.seconds += time.process_time() - started
            for key, value in figures.items():
                sums[key] = sums.get(key, 0.0) + value / LOG_EVERY
            if self.step % LOG_EVERY == 0:
                self._log({"kind": "train", **{k: round(v, 5) for k, v in sums.items()}}, say)
                sums = {}
            if evaluate is not None and self.step % settings.evaluate_steps == 0:
                self._log({"kind": "dev", **evaluate(self.kept())}, say)
                save_encoder(self.kept(), self.folder / f"step-{self.step}")
                self.model.train()
            if self.seconds - last_state >= 60 * settings.checkpoint_minutes:
                last_state = self.seconds
                self._save_state()
        self._save_state()
        save_encoder(self.kept(), self.folder / "weights")

    def kept(self) -> SparseEncoder:
        """What is judged and saved: the running mean where there is one."""
        return self.model if self.mean is None else self.mean

    @torch.no_grad()
    def _take_mean(self) -> None:
        """The running mean forgets slowly, but not the starting checkpoint: early on it follows faster."""
        if self.mean is None:
            return
        rate = 1 - min(self.settings.average, self.step / (self.step + 10))
        for mean, value in zip(self.mean.parameters(), self.model.parameters(), strict=True):
            if value.requires_grad:
                mean.lerp_(value, rate)

    def _train_step(self, done: float) -> dict[str, float]:
        batch = self.batches.draw()
        loss, figures = self.loss(batch, done)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        return {**figures, "loss": float(loss.detach()), "gradientNorm": float(norm)}

    def loss(self, batch: Batch, done: float) -> tuple[torch.Tensor, dict[str, float]]:
        """Eq. 2 with the ranking losses of the settings."""
        settings = self.settings
        ids, mask = pad_rows([self.fixed.pool.passages[i] for i in batch.passages], settings.max_length)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            states = self.model.states(ids, mask)
        found = self.model.active_of(states.float(), mask)
        weights = dense_weights(found, settings.log1p_count, VOCABULARY_SIZE)
        ranked = weights if settings.ranking_log1p_count is None else dense_weights(found, settings.ranking_log1p_count, VOCABULARY_SIZE)
        penalised = weights if settings.flops_log1p_count is None else dense_weights(found, settings.flops_log1p_count, VOCABULARY_SIZE)
        lexical = torch.from_numpy(self.fixed.lexical[batch.passages].toarray())
        queries = torch.from_numpy(self.fixed.queries[batch.queries].toarray())
        # Without a scale of its own the student meets the teacher's scores by shrinking l0 until its terms die.
        scores = (queries @ (ranked + lexical).t()) * self.log_scale.exp()
        teacher = torch.from_numpy(batch.teacher)
        positive = torch.from_numpy(batch.positive)
        parts = {}
        if settings.kl > 0:
            parts["kl"] = settings.kl * losses.kl_loss(scores, teacher)
        if settings.margin_mse > 0:
            parts["marginMse"] = settings.margin_mse * losses.margin_mse_loss(scores, teacher, positive)
        if settings.contrastive > 0:
            bound = teacher.gather(1, positive[:, None]) * settings.exclude_ratio
            parts["contrastive"] = settings.contrastive * losses.contrastive_loss(scores, positive, teacher >= bound)
        on = penalised * (lexical == 0) if settings.flops_on_expansion else penalised
        flops = losses.flops_loss(on, settings.mask_threshold, lengths_of=weights)
        warm = losses.quadratic_warm_up(round(done * 10_000), settings.flops, max(1, round(settings.flops_warm_up * 10_000)))
        parts["flopsTerm"] = warm * flops
        if self.anchor is not None and self.step % settings.anchor_every == 0:
            with torch.no_grad():
                reference = dense_weights(self.anchor.active(ids, mask), settings.log1p_count, VOCABULARY_SIZE)
            parts["anchor"] = settings.anchor * losses.anchor_loss(weights, reference)
        figures = {key: float(value.detach()) for key, value in parts.items()}
        with torch.no_grad():
            figures["flops"] = float(flops)
            figures["scale"] = float(self.log_scale.exp())
            figures["l0Length"] = float((weights > 0).sum(1).float().mean())
            figures["docLen"] = float(((weights + lexical) > 0).sum(1).float().mean())
            figures["accuracy"] = float((scores.argmax(1) == positive).float().mean())
            figures["teacherAccuracy"] = float((teacher.argmax(1) == positive).float().mean())
        return sum(parts.values()), figures

    def _log(self, row: dict, say: Callable[[dict], None]) -> None:
        row = {**row, "step": self.step, "minutes": round(self.seconds / 60, 2), "progress": round(self.progress(), 4)}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        say(row)

    def _save_state(self) -> None:
        state = {
            "model": self.model.state_dict(), "logScale": self.log_scale.detach(), "optimizer": self.optimizer.state_dict(), "step": self.step,
            "seconds": self.seconds, "rng": self.batches.rng.bit_generator.state, "settings": self.settings.as_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
        }
        partial = self.folder / "state.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "state.pt")

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=False)
        if state["settings"] != self.settings.as_dict():
            raise ValueError(f"{path} was written with other settings; remove it or name the run otherwise")
        self.model.load_state_dict(state["model"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        self.log_scale.data.copy_(state["logScale"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.rng.bit_generator.state = state["rng"]
        self.step, self.seconds = state["step"], state["seconds"]
        log = self.folder / "log.jsonl"
        if log.exists():
            kept = [line for line in log.read_text().splitlines() if json.loads(line)["step"] <= self.step]
            log.write_text("".join(line + "\n" for line in kept))


def pool_folder(settings: Settings) -> Path:
    return CACHE / settings.pool


def run_folder(settings: Settings) -> Path:
    return CACHE / "runs" / settings.name


def interpolate(old: SparseEncoder, new: SparseEncoder, share: float) -> SparseEncoder:
    """(1 − share) · old + share · new, in a fresh encoder."""
    mixed = SparseEncoder(new.config)
    a, b = old.state_dict(), new.state_dict()
    mixed.load_state_dict({key: torch.lerp(a[key], b[key], share) for key in b})
    return mixed


__all__ = ["Trainer", "fixed_parts", "interpolate", "pool_folder", "run_folder"]
